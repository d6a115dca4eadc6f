"""The page of one sample."""

import io

import numpy as np
import pytest
from django.urls import reverse
from PIL import Image

from datasets import blobs
from datasets.models import Status
from datasets.preparation import Prepared, prepare
from tests.factories import (
    AnnotationFactory,
    BlobFactory,
    DatasetFactory,
    HardReasonFactory,
    LabelFactory,
    PredictionFactory,
    SampleFactory,
)


def address(sample) -> str:
    return reverse("labeling:sample", args=[sample.dataset.labeling_jobs.get().pk, sample.pk])


@pytest.fixture
def dataset(db):
    return DatasetFactory(name="digits")


@pytest.fixture
def queue_of_three(dataset):
    return [
        SampleFactory(dataset=dataset, status=Status.TO_BE_CONFIRMED, hard=True, hard_coefficient=coefficient)
        for coefficient in (0.9, 0.6, 0.3)
    ]


def test_the_page_needs_the_right_to_see_samples(queue_of_three, client, outsider):
    assert client.get(address(queue_of_three[0])).status_code == 302
    assert outsider.get(address(queue_of_three[0])).status_code == 403


def test_a_sample_of_another_dataset_is_not_there(queue_of_three, review):
    other = SampleFactory()
    job = queue_of_three[0].dataset.labeling_jobs.get()
    assert review.get(reverse("labeling:sample", args=[job.pk, other.pk])).status_code == 404


def test_the_page_shows_prediction_reasons_and_evidence(queue_of_three, dataset, review):
    sample = queue_of_three[0]
    label = LabelFactory(dataset=dataset, name="seven", shortcut="7")
    AnnotationFactory(sample=sample, label=label, confidence=0.41)
    PredictionFactory(
        sample=sample,
        predicted_label="seven",
        confidence=0.41,
        output={"predicted_label": "seven", "scores": [["seven", "0.41"], ["one", "0.38"]]},
    )
    neighbor = SampleFactory().blob
    AnnotationFactory(sample=neighbor.samples.get(), label__name="nearest")
    nowhere = BlobFactory()
    HardReasonFactory(
        sample=sample,
        sentence="The two likeliest labels are close.",
        suggestion="Add more images like this one.",
        neighbors=[
            {"name": "a.png", "sha256": neighbor.sha256, "distance": 0.2},
            {"name": "b.png", "sha256": nowhere.sha256, "distance": 0.3},
            {"name": "c.png", "sha256": "", "distance": None},
        ],
    )
    page = review.get(address(sample))
    text = page.content.decode()
    for words in ("The two likeliest labels are close.", "Add more images like this one.", "Low confidence", "one"):
        assert words in text
    assert [vars(found) for found in page.context["evidence"][0].neighbors] == [
        {"sha256": neighbor.sha256, "label": "nearest"}
    ]
    assert reverse("media:blob_thumbnail", args=[neighbor.sha256]) in text
    assert nowhere.sha256 not in text
    assert "<kbd>7</kbd>" in text


def test_the_image_that_changed_the_models_mind_is_shown(dataset, review, outsider):
    picture = np.zeros((32, 48, 3), np.uint8)
    picture[:, :16] = 255
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "PNG")
    data = stream.getvalue()
    prepared = Prepared(**prepare(data))
    blobs.keep(prepared=prepared, data=data)
    sample = SampleFactory(dataset=dataset, blob=blobs.rows([prepared])[prepared.sha256])
    HardReasonFactory(sample=sample, code=20, rule="augmentation", sentence="Mirrored, the model says dog.")
    there = reverse("labeling:changed", args=[sample.pk, "fliplr"])
    assert f'src="{there}"' in review.get(address(sample)).content.decode()
    answer = review.get(there)
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/jpeg")
    assert "sandbox" in answer["Content-Security-Policy"]
    shown = np.asarray(Image.open(io.BytesIO(answer.content)), int)
    assert abs(shown - picture[:, ::-1]).mean() < 10
    assert review.get(there, headers={"If-None-Match": answer["ETag"]}).status_code == 304
    assert review.get(reverse("labeling:changed", args=[sample.pk, "explode"])).status_code == 404
    assert outsider.get(there).status_code == 403


def test_position_and_neighbors_follow_the_queue(queue_of_three, review):
    hardest, middle, _ = queue_of_three
    page = review.get(address(middle) + "?tab=to_be_confirmed")
    assert (page.context["data"]["position"], page.context["data"]["count"]) == ("2", "3")
    assert page.context["data"]["previous"] == address(hardest) + "?tab=to_be_confirmed"
    assert page.context["data"]["following"] == address(queue_of_three[2]) + "?tab=to_be_confirmed"
    assert f"{reverse('labeling:sample', args=[page.context['job'].pk, hardest.pk])}?tab=to_be_confirmed" in (
        page.content.decode()
    )


def test_boxes_of_a_sample_are_listed_in_words(review):
    sample = SampleFactory(name="yard.png")
    assert "No model has seen this image." in review.get(address(sample)).content.decode()
