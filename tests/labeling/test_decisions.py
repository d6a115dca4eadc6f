"""What a reviewer decides on a sample's page."""

import pytest
from django.urls import reverse

from datasets.models import Dataset, ReviewEvent, Sample, Status
from tests.factories import AnnotationFactory, DatasetFactory, LabelFactory, SampleFactory, UserFactory
from tests.labeling.conftest import rights


@pytest.fixture
def dataset(db) -> Dataset:
    return DatasetFactory(name="digits")


@pytest.fixture
def one(dataset):
    return LabelFactory(dataset=dataset, name="one", shortcut="1")


@pytest.fixture
def seven(dataset):
    return LabelFactory(dataset=dataset, name="seven", shortcut="7")


@pytest.fixture
def waiting(dataset, one) -> list[Sample]:
    """Three samples that the model calls one, the hardest first."""
    samples = [
        SampleFactory(dataset=dataset, status=Status.TO_BE_CONFIRMED, hard=True, hard_coefficient=coefficient)
        for coefficient in (0.9, 0.6, 0.3)
    ]
    for sample in samples:
        AnnotationFactory(sample=sample, label=one, origin="model", confidence=0.5)
    return samples


def job(dataset):
    return dataset.labeling_jobs.get().pk


def page(sample) -> str:
    return reverse("labeling:sample", args=[job(sample.dataset), sample.pk]) + "?tab=to_be_confirmed"


def labels(sample) -> list[str]:
    return list(sample.annotations.values_list("label__name", flat=True))


# --- one sample
def test_ok_confirms_as_it_stands_and_goes_on_to_the_next_hardest(waiting, review):
    answer = review.post(page(waiting[0]), {"version": 1, "verb": "confirm"})
    assert answer["Location"] == page(waiting[1])
    waiting[0].refresh_from_db()
    assert (waiting[0].status, waiting[0].hard, labels(waiting[0])) == (Status.LABELED, True, ["one"])
    assert waiting[0].confirmed_by.username == "rita"


def test_a_labels_key_corrects_and_confirms_at_once(waiting, seven, review):
    review.post(page(waiting[0]), {"version": 1, "label": seven.pk})
    waiting[0].refresh_from_db()
    assert (waiting[0].status, labels(waiting[0])) == (Status.LABELED, ["seven"])
    assert ReviewEvent.objects.get().outcome == "label_changed"


def test_reject_takes_the_claim_away_and_goes_on(waiting, review):
    answer = review.post(page(waiting[0]), {"version": 1, "verb": "reject"})
    assert answer["Location"] == page(waiting[1])
    waiting[0].refresh_from_db()
    assert (waiting[0].status, labels(waiting[0])) == (Status.UNLABELED, [])


def test_marking_stays_on_the_page_and_touches_hardness_alone(waiting, review):
    answer = review.post(page(waiting[0]), {"version": 1, "verb": "unmark"})
    assert answer["Location"] == page(waiting[0])
    waiting[0].refresh_from_db()
    assert (waiting[0].hard, waiting[0].hard_set_by) == (False, "person")
    assert (waiting[0].status, labels(waiting[0])) == (Status.TO_BE_CONFIRMED, ["one"])


def test_what_was_passed_over_comes_again_and_the_last_one_leads_back_to_the_grid(waiting, review):
    answer = review.post(page(waiting[2]), {"version": 1, "verb": "confirm"})
    assert answer["Location"] == page(waiting[0])
    for sample in waiting[:2]:
        answer = review.post(page(sample), {"version": 1, "verb": "confirm"})
    assert answer["Location"] == reverse("labeling:job", args=[job(waiting[2].dataset)]) + "?tab=to_be_confirmed"


def test_who_was_overtaken_is_told_what_happened_and_keeps_the_choice(waiting, seven, review, client):
    first = UserFactory(username="fred", is_staff=True)
    first.user_permissions.set(rights("datasets.view_sample", "datasets.confirm_sample"))
    client.force_login(first)
    client.post(page(waiting[0]), {"version": 1, "verb": "confirm"})
    answer = review.post(page(waiting[0]), {"version": 1, "label": seven.pk})
    text = answer.content.decode()
    assert answer.status_code == 409
    assert "fred was faster" in text
    assert "You had chosen <b>seven</b>" in text
    assert labels(waiting[0]) == ["one"]
    assert ReviewEvent.objects.count() == 1


def test_a_sample_without_a_label_cannot_be_confirmed(dataset, review):
    sample = SampleFactory(dataset=dataset)
    answer = review.post(page(sample), {"version": 1, "verb": "confirm"})
    assert "has no label" in answer.content.decode()
    sample.refresh_from_db()
    assert sample.status == Status.UNLABELED


@pytest.mark.parametrize("words", [{"verb": "destroy"}, {}, {"label": "x"}, {"label": "99999"}, {"version": "old"}])
def test_nonsense_changes_nothing_and_is_answered(waiting, review, words):
    answer = review.post(page(waiting[0]), {"version": "1", "verb": "", **words})
    assert answer.status_code == 409
    assert not ReviewEvent.objects.exists()


@pytest.mark.parametrize("verb", ["confirm", "reject", "confirm_hard_example", "unmark"])
def test_seeing_is_not_deciding(waiting, client, verb):
    viewer = UserFactory(is_staff=True)
    viewer.user_permissions.set(rights("datasets.view_sample"))
    client.force_login(viewer)
    assert client.post(page(waiting[0]), {"version": 1, "verb": verb}).status_code == 403
    assert not ReviewEvent.objects.exists()
