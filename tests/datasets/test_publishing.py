"""Versions: written whole, never changed, and readable again."""

import hashlib
from pathlib import Path

import orjson
import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from config.refusals import Refused
from datasets import blobs, changes, creation, holds, importing, publishing, removal, review, transfer
from datasets.images import safe_name
from datasets.intake import Claim
from datasets.models import Dataset, DatasetVersion, Sample, Task
from datasets.preparation import Prepared, prepare
from tests.factories import (
    AnnotationFactory,
    DatasetFactory,
    HardReasonFactory,
    LabelFactory,
    SampleFactory,
    UserFactory,
    image_bytes,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def no_bell(monkeypatch) -> None:
    for module in (publishing, importing):
        monkeypatch.setattr(module, "ring", lambda *args: None)


def stored(number: int, **fields) -> Sample:
    """A sample whose bytes are really there."""
    data = image_bytes(number)
    prepared = Prepared(**prepare(data))
    blobs.keep(prepared=prepared, data=data)
    return SampleFactory(blob=blobs.rows([prepared])[prepared.sha256], **fields)


def published(dataset: Dataset, **fields) -> DatasetVersion:
    version = publishing.publish(dataset=dataset, by=UserFactory(), **fields)
    publishing.execute(version.pk)
    version.refresh_from_db()
    return version


def content(version: DatasetVersion, storages: Path) -> bytes:
    return (storages / version.manifest.replace(":", "/")).read_bytes()


def labeled(dataset: Dataset, label: str, count: int, start: int = 0) -> None:
    row = LabelFactory(dataset=dataset, name=label)
    for _ in range(start, start + count):
        AnnotationFactory(sample=SampleFactory(dataset=dataset, status="labeled"), label=row)


def test_a_version_tells_all_that_is_known(own_storages: Path) -> None:
    dataset = DatasetFactory(name="digits")
    sample = stored(
        1, dataset=dataset, status="labeled", hard=True, hard_coefficient=0.75, name="one.png", usage="TRAIN"
    )
    annotation = AnnotationFactory(sample=sample, label__name="1", annotated_by="ann")
    HardReasonFactory(sample=sample, annotation=annotation, code=1)
    HardReasonFactory(sample=sample, code=101, rule="own", position=1)
    stored(2, dataset=dataset, status="to_be_confirmed")
    version = published(dataset, description="first")
    assert (version.name, version.status, version.sample_count, version.hard_count) == ("V001", "published", 1, 1)
    assert version.label_counts == {"1": 1}
    assert version.manifest == f"datasets:versions/{dataset.pk}/V001/digits-V001.manifest"
    written = content(version, own_storages)
    assert version.sha256 == hashlib.sha256(written).hexdigest()
    line = orjson.loads(written)
    assert line["source"] == str(blobs.location(sample.blob))
    assert (line["usage"], line["hard"], line["hard-coefficient"], line["hard-reasons"]) == ("TRAIN", "true", 0.75, "1")
    assert line["property"] == {"hardmine:name": "one.png", "hardmine:reasons": "101"}
    assert (line["annotation"][0]["name"], line["annotation"][0]["annotated-by"]) == ("1", "human/ann")
    assert holds.standing(dataset) == []


def test_hardness_is_left_out_where_it_is_not_wanted(own_storages: Path) -> None:
    dataset = DatasetFactory()
    sample = stored(1, dataset=dataset, status="labeled", hard=True, hard_coefficient=0.75)
    AnnotationFactory(sample=sample)
    HardReasonFactory(sample=sample)
    assert b"hard-" not in content(published(dataset, hard_examples=False), own_storages)


def test_sources_are_foreign_where_settings_say_so(own_storages: Path, settings) -> None:
    settings.FOREIGN_LOCATIONS = {"obs://shop/mine/": "datasets:blobs/"}
    dataset = DatasetFactory()
    AnnotationFactory(sample=stored(1, dataset=dataset, status="labeled"))
    line = orjson.loads(content(published(dataset), own_storages))
    assert line["source"].startswith("obs://shop/mine/")
    task = importing.start_import(dataset=DatasetFactory(), by=UserFactory(), format="manifest",
                                  location=str(dataset.versions.get().manifest))  # fmt: skip
    importing.execute(task.pk)
    assert task.dataset.samples.count() == 1


def test_a_version_never_changes(own_storages: Path) -> None:
    dataset = DatasetFactory(task=Task.IMAGE_CLASSIFICATION)
    LabelFactory(dataset=dataset, name="other")
    AnnotationFactory(sample=stored(1, dataset=dataset, status="labeled"))
    version = published(dataset)
    before = content(version, own_storages), DatasetVersion.objects.values().get()
    review.relabel(sample_id=dataset.samples.get().pk, by=UserFactory(), claims=[Claim(label="other")])
    publishing.execute(version.pk)
    with pytest.raises(Refused) as refused:
        publishing.publish(dataset=dataset, by=UserFactory(), name="V001")
    assert (refused.value.code, refused.value.status) == ("version_exists", 409)
    assert (content(version, own_storages), DatasetVersion.objects.values().get()) == before
    assert published(dataset).name == "V002"


@pytest.fixture
def two(own_storages: Path) -> Dataset:
    """Two labeled samples and one that waits, of one label."""
    dataset = DatasetFactory(task=Task.IMAGE_CLASSIFICATION)
    label = LabelFactory(dataset=dataset, name="cat")
    LabelFactory(dataset=dataset, name="dog")
    for number, status in enumerate(["labeled", "labeled", "to_be_confirmed"]):
        AnnotationFactory(sample=stored(number, dataset=dataset, status=status), label=label)
    return dataset


def test_one_content_has_one_version(two: Dataset) -> None:
    first = published(two)
    assert published(two).pk == first.pk
    assert published(two, name=first.name, description="the same").pk == first.pk
    assert published(two, hard_examples=False).name == "V002"
    assert published(two).pk == first.pk
    assert published(two, name="release").name == "release"
    assert (published(two).name, two.versions.count()) == ("release", 3)


def _from_elsewhere(dataset: Dataset) -> None:
    other = DatasetFactory(task=dataset.task)
    sample = stored(9, dataset=other, status="labeled")
    AnnotationFactory(sample=sample, label=LabelFactory(dataset=other, name="cat"))
    transfer.add_to_dataset(samples=[sample.pk], target=dataset, by=UserFactory())


@pytest.mark.parametrize(
    "change",
    [
        lambda dataset, ids: review.confirm(sample_id=ids[2], by=UserFactory()),
        lambda dataset, ids: review.confirm_many(sample_ids=ids, by=UserFactory()),
        lambda dataset, ids: review.reject(sample_id=ids[0], by=UserFactory()),
        lambda dataset, ids: review.relabel(sample_id=ids[0], by=UserFactory(), claims=[Claim(label="dog")]),
        lambda dataset, ids: review.mark_hard(samples=ids, by=UserFactory()),
        lambda dataset, ids: changes.change_label(label=dataset.labels.get(name="cat"), by=None, name="lion"),
        lambda dataset, ids: _from_elsewhere(dataset),
    ],
    ids=["confirm", "confirm many", "reject", "relabel", "mark hard", "rename a label", "add to dataset"],
)
def test_whatever_changes_a_manifest_makes_a_new_version(own_storages: Path, two: Dataset, change) -> None:
    first = published(two)
    change(two, list(two.samples.order_by("id").values_list("pk", flat=True)))
    second = published(two)
    assert second.name == "V002"
    assert content(second, own_storages) != content(first, own_storages)


def test_one_at_a_time_and_only_with_labels() -> None:
    dataset, by = DatasetFactory(), UserFactory()
    with pytest.raises(Refused) as refused:
        publishing.publish(dataset=dataset, by=by)
    assert refused.value.code == "nothing_labeled"
    AnnotationFactory(sample=stored(1, dataset=dataset, status="labeled"))
    publishing.publish(dataset=dataset, by=by)
    with pytest.raises(Refused) as refused:
        publishing.publish(dataset=dataset, by=by)
    assert refused.value.code == "already_publishing"
    with pytest.raises(Refused, match="published"):
        removal.delete_dataset(dataset=dataset, by=by)


@pytest.mark.parametrize("name", ["../V1", "a b", "x" * 33, "V1\n"])
def test_bad_names_are_refused(name: str) -> None:
    with pytest.raises(Refused) as refused:
        publishing.publish(dataset=DatasetFactory(), by=UserFactory(), name=name)
    assert refused.value.code == "bad_name"


def test_a_split_gives_each_label_its_share_and_keeps_given_usages(own_storages: Path) -> None:
    dataset = DatasetFactory()
    labeled(dataset, "cat", 10)
    labeled(dataset, "dog", 5)
    Sample.objects.filter(pk=dataset.samples.order_by("id")[0].pk).update(usage="TEST")
    rows = [orjson.loads(line) for line in content(published(dataset, train_ratio=0.8), own_storages).splitlines()]
    usages = [(row["annotation"][0]["name"], row["usage"]) for row in rows]
    assert {usage: usages.count(usage) for usage in set(usages)} == {
        ("cat", "TEST"): 1, ("cat", "TRAIN"): 7, ("cat", "EVAL"): 2, ("dog", "TRAIN"): 4, ("dog", "EVAL"): 1,
    }  # fmt: skip


def test_a_split_needs_five_of_each_label() -> None:
    dataset = DatasetFactory()
    labeled(dataset, "cat", 5)
    labeled(dataset, "dog", 4)
    with pytest.raises(Refused, match="dog has 4 Labeled samples") as refused:
        publishing.publish(dataset=dataset, by=UserFactory(), train_ratio=0.8)
    assert refused.value.code == "too_few_per_label"


class Killed(BaseException):
    """Stands for SIGKILL: no handler of ours may catch it."""


@pytest.mark.parametrize(
    "name",
    ["publishing.before_manifest", "publishing.manifest_written", "publishing.before_commit", "publishing.committed"],
)
def test_a_kill_at_any_step_changes_nothing_in_the_end(own_storages: Path, monkeypatch, name: str) -> None:
    dataset = DatasetFactory()
    for number in range(3):
        AnnotationFactory(sample=stored(number, dataset=dataset, status="labeled"), label__dataset=dataset)
    expected = content(published(dataset), own_storages)
    killed = []

    def kill(step: str) -> None:
        if step == name and not killed:
            killed.append(step)
            raise Killed

    monkeypatch.setattr(publishing, "step", kill)
    version = publishing.publish(dataset=dataset, by=UserFactory(), name="again")
    for _ in range(2):
        try:
            publishing.execute(version.pk)
        except Killed:
            DatasetVersion.objects.filter(pk=version.pk).update(lease_token="", lease_expires_at=None)
    version.refresh_from_db()
    assert killed
    assert version.status == "published"
    assert content(version, own_storages) == expected
    assert holds.standing(dataset) == []


shares = st.floats(0, 1, allow_nan=False).map(lambda value: round(value, 6))
names = (
    st.text(
        st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn", "Co", "Zl", "Zp", "Cf")),
        min_size=1,
        max_size=20,
    )
    .map(str.strip)
    .filter(bool)
)
boxes = st.tuples(st.integers(0, 15), st.integers(0, 11), st.floats(16, 32), st.floats(12, 24))
samples = st.lists(
    st.fixed_dictionaries(
        {
            "name": names,
            "labels": st.lists(names, min_size=1, max_size=3, unique=True),
            "boxes": st.lists(boxes, max_size=3),
            "hard": st.booleans(),
            "hard_coefficient": shares,
            "usage": st.sampled_from(["", "TRAIN", "EVAL", "TEST", "INFERENCE"]),
            "codes": st.lists(st.integers(0, 30) | st.integers(100, 300), max_size=4, unique=True),
            "origin": st.sampled_from(["human", "model"]),
            "annotated_by": st.sampled_from(["", "ann", "modelarts/active-learning"]),
            "confidence": st.none() | shares,
        }
    ),
    min_size=1,
    max_size=3,
)


@pytest.mark.parametrize("task", Task.values)
@hypothesis_settings(
    max_examples=4,
    phases=[Phase.explicit, Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(samples=samples)
def test_what_is_published_comes_back_the_same(own_storages: Path, task: str, samples: list[dict]) -> None:
    dataset, copy = DatasetFactory(task=task), DatasetFactory(task=task)
    for number, made in enumerate(samples):
        fields = {name: made[name] for name in ("hard", "hard_coefficient", "usage")}
        fields["name"] = safe_name(made["name"])
        sample = stored(number, dataset=dataset, status="labeled", **fields)
        labels = creation.add_labels(dataset=dataset, names=made["labels"], by=None)
        claim = {name: made[name] for name in ("origin", "annotated_by", "confidence")}
        drawn = []
        wanted = made["boxes"] if task == Task.OBJECT_DETECTION else made["labels"]
        for label, box in zip(made["labels"], wanted, strict=False):
            corners = dict(zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)) if isinstance(box, tuple) else {}
            drawn.append(
                AnnotationFactory(sample=sample, label=labels[label.strip()], hard=made["hard"], **claim, **corners)
            )
        for position, code in enumerate(made["codes"]):
            about = drawn[position % len(drawn)] if drawn else None
            HardReasonFactory(sample=sample, code=code, position=position, annotation=about)
    first = published(dataset)
    importing_task = importing.start_import(dataset=copy, by=UserFactory(), location=first.manifest, format="manifest")
    importing.execute(importing_task.pk)
    importing_task.refresh_from_db()
    assert (importing_task.status, importing_task.failed) == ("completed", 0), list(importing_task.problems.values())
    second = published(copy)
    one, other = (
        content(version, own_storages).replace(f"versions/{version.dataset_id}/".encode(), b"")
        for version in (first, second)
    )
    assert one == other
    folders = [own_storages / "datasets" / "versions" / str(version.dataset_id) / "V001" for version in (first, second)]
    for file in folders[0].glob("annotations/*.xml"):
        assert file.read_bytes() == (folders[1] / "annotations" / file.name).read_bytes()
