"""What happens when images come into a dataset, also when they are there already."""

import pytest
from django.db import transaction

from config.refusals import Refused
from datasets import blobs, counters
from datasets.intake import Claim, Incoming, Reason, Taken, Words, take_in
from datasets.models import Annotation, Blob, Dataset, HardSetBy, Origin, Sample, SampleName, Status
from datasets.preparation import Prepared
from tests.factories import AnnotationFactory, DatasetFactory, DetectionDatasetFactory, LabelFactory

pytestmark = pytest.mark.django_db

SHA = "ab" * 32


@pytest.fixture
def dataset() -> Dataset:
    dataset = DatasetFactory()
    LabelFactory(dataset=dataset, name="cat")
    LabelFactory(dataset=dataset, name="dog")
    return dataset


def prepared(sha256: str = SHA) -> Prepared:
    return Prepared(sha256=sha256, size=100, width=640, height=480, format="JPEG", thumbnail=b"")


def synchronized(name: str = "a.jpg", **fields) -> Incoming:
    values = {"prepared": prepared(), "origin": Origin.SYNCHRONIZE, "status": Status.UNLABELED, **fields}
    return Incoming(name=name, source=f"inputs:{name}", **values)


def filtered(name: str = "a.jpg", label: str = "cat", **fields) -> Incoming:
    values = {
        "origin": Origin.FILTER,
        "status": Status.TO_BE_CONFIRMED,
        "claims": (Claim(label, confidence=0.4),),
        "prediction": Words("m:p", "model 1", label, 0.4, {"predicted_label": label}),
        "hard": True,
        "hard_coefficient": 0.9,
        "reasons": (Reason(code=1, rule="low_confidence", score=0.9, sentence="Close call.", claim=0),),
        **fields,
    }
    return synchronized(name, **values)


def imported(name: str = "a.jpg", label: str = "dog", **fields) -> Incoming:
    values = {
        "origin": Origin.IMPORT,
        "status": Status.LABELED,
        "claims": (Claim(label, by=Annotation.By.HUMAN),),
        **fields,
    }
    return synchronized(name, **values)


def take(dataset: Dataset, *incoming: Incoming) -> list[Taken]:
    with transaction.atomic():
        taken = take_in(dataset=dataset, incoming=incoming)
    assert counters.check(dataset) == []
    return taken


def test_a_hard_example_arrives_with_all_that_is_said_about_it(dataset: Dataset) -> None:
    assert take(dataset, filtered()) == [Taken.ADDED]
    sample = dataset.samples.get()
    assert (sample.status, sample.hard, sample.hard_set_by, sample.hard_coefficient) == (
        "to_be_confirmed", True, "rules", 0.9,
    )  # fmt: skip
    assert (sample.predicted_label, sample.confidence) == ("cat", 0.4)
    annotation = sample.annotations.get()
    assert (annotation.label.name, annotation.origin, annotation.xmin) == ("cat", "model", None)
    assert sample.reasons.get().annotation == annotation
    assert sample.predictions.get().output == {"predicted_label": "cat"}


def test_the_same_bytes_under_two_names_are_one_sample_with_both_names(dataset: Dataset) -> None:
    assert take(dataset, synchronized("a.jpg"), synchronized("b.jpg")) == [Taken.ADDED, Taken.ALREADY_THERE]
    assert take(dataset, synchronized("c.jpg"), synchronized("a.jpg")) == [Taken.ALREADY_THERE] * 2
    assert sorted(dataset.samples.get().names.values_list("name", flat=True)) == ["a.jpg", "b.jpg", "c.jpg"]
    assert Blob.objects.count() == 1


def test_synchronize_then_filter_brings_it_to_be_confirmed(dataset: Dataset) -> None:
    take(dataset, synchronized())
    assert take(dataset, filtered()) == [Taken.UPDATED]
    sample = dataset.samples.get()
    assert (sample.status, sample.hard, sample.version) == ("to_be_confirmed", True, 2)
    assert sample.annotations.count() == sample.reasons.count() == sample.predictions.count() == 1


def test_filter_then_synchronize_changes_nothing(dataset: Dataset) -> None:
    take(dataset, filtered())
    before = Sample.objects.values().get()
    assert take(dataset, synchronized("z.jpg")) == [Taken.ALREADY_THERE]
    assert Sample.objects.values().get() == before


def test_the_next_night_gives_new_reasons_and_keeps_the_first_prediction(dataset: Dataset) -> None:
    take(dataset, filtered())
    again = filtered(label="dog", hard_coefficient=0.7, reasons=(Reason(code=30, rule="outlier", sentence="Far."),))
    assert take(dataset, again) == [Taken.UPDATED]
    sample = dataset.samples.get()
    assert [reason.code for reason in sample.reasons.all()] == [30]
    assert sample.hard_coefficient == 0.7
    assert sample.annotations.get().label.name == "dog"
    assert sample.predictions.get().predicted_label == "cat"


def test_labeled_stays_as_it_is_whatever_a_filter_says(dataset: Dataset) -> None:
    take(dataset, imported())
    before = Sample.objects.values().get(), list(Annotation.objects.values())
    assert take(dataset, filtered()) == [Taken.ALREADY_LABELED]
    assert (Sample.objects.values().get(), list(Annotation.objects.values())) == before


@pytest.mark.parametrize("hard", [True, False])
def test_hardness_that_a_person_set_is_never_touched(dataset: Dataset, hard: bool) -> None:
    take(dataset, filtered() if hard else synchronized())
    kind = {"hard": hard, "hard_set_by": HardSetBy.PERSON, "hard_coefficient": 0.25}
    Sample.objects.update(**kind)
    take(dataset, filtered(hard=not hard, hard_coefficient=0.99))
    assert Sample.objects.values(*kind).get() == kind


def test_what_a_person_drew_stays_when_a_filter_comes(dataset: Dataset) -> None:
    take(dataset, synchronized())
    drawn = AnnotationFactory(sample=dataset.samples.get(), label=dataset.labels.get(name="dog"))
    assert take(dataset, filtered()) == [Taken.UPDATED]
    assert list(Annotation.objects.all()) == [drawn]


def test_a_control_never_unflags(dataset: Dataset) -> None:
    take(dataset, filtered())
    assert take(dataset, filtered(hard=False, control=True, reasons=())) == [Taken.ALREADY_THERE]
    assert dataset.samples.get().hard


def test_an_import_of_labels_labels_what_was_synchronized(dataset: Dataset) -> None:
    take(dataset, filtered())
    assert take(dataset, imported()) == [Taken.UPDATED]
    sample = dataset.samples.get()
    assert (sample.status, sample.annotations.get().label.name, sample.hard) == ("labeled", "dog", True)
    assert take(dataset, imported(label="cat")) == [Taken.ALREADY_LABELED]


def test_chunks_do_not_change_the_outcome(dataset: Dataset) -> None:
    incoming = [synchronized("a.jpg"), filtered("b.jpg"), imported("c.jpg"), filtered("d.jpg")]
    other = DatasetFactory()
    for name in ("cat", "dog"):
        LabelFactory(dataset=other, name=name)
    together = take(dataset, *incoming)
    assert together == [taken for item in incoming for taken in take(other, item)]
    columns = ("names__name", "status", "hard", "hard_coefficient", "annotations__label__name")
    first, second = (dataset_.samples.order_by("names__name").values(*columns) for dataset_ in (dataset, other))
    assert list(first) == list(second)


def test_unknown_labels_are_refused_and_nothing_is_written(dataset: Dataset) -> None:
    with pytest.raises(Refused) as refused:
        take(dataset, synchronized("a.jpg"), filtered("b.jpg", label="bird", prepared=prepared("cd" * 32)))
    assert refused.value.code == "unknown_label"
    assert not Sample.objects.exists()


@pytest.mark.parametrize(
    "box",
    [None, (-1, 0, 10, 10), (0, 0, 641, 10), (0, 0, 10, 481), (10, 0, 10, 10), (20, 0, 10, 10), (float("nan"),) * 4],
)
def test_bad_boxes_are_refused(box) -> None:
    dataset = DetectionDatasetFactory()
    LabelFactory(dataset=dataset, name="cat")
    with pytest.raises(Refused) as refused:
        take(dataset, filtered(claims=(Claim("cat", box=box),)))
    assert refused.value.code == "bad_box"


def test_boxes_at_the_border_are_kept_inside() -> None:
    dataset = DetectionDatasetFactory()
    LabelFactory(dataset=dataset, name="cat")
    take(dataset, filtered(claims=(Claim("cat", box=(-0.0004, 0, 640.0004, 480)),)))
    box = Annotation.objects.get()
    assert (box.xmin, box.ymin, box.xmax, box.ymax) == (0, 0, 640, 480)


def test_a_name_that_looks_like_a_path_is_shown_as_a_name(dataset: Dataset) -> None:
    take(dataset, synchronized("../../etc/passwd.jpg"))
    assert dataset.samples.get().name == "passwd.jpg"
    assert SampleName.objects.get().name == "passwd.jpg"


def test_a_chunk_needs_few_queries(dataset: Dataset, django_assert_max_num_queries) -> None:
    incoming = [filtered(f"{number}.jpg", prepared=prepared(f"{number:064x}")) for number in range(200)]
    with django_assert_max_num_queries(40):
        take(dataset, *incoming)
    assert counters.counts(dataset).to_be_confirmed == 200
    assert blobs.location(Blob.objects.first()).path.endswith(".jpg")
