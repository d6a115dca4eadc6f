"""Images come in by upload, folder and manifest, whole or with a report, and once."""

import io
import os
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import orjson
import pytest
from django.db import connection

from config.refusals import Refused
from datasets import counters, importing
from datasets.models import Annotation, Dataset, ImportProblem, ImportTask, Sample
from tests.factories import DatasetFactory, DetectionDatasetFactory, UserFactory, image_bytes

pytestmark = pytest.mark.django_db(transaction=True)

VOC = b"""<annotation><filename>x.png</filename><size><width>32</width><height>24</height><depth>3</depth></size>
<object><name>cat</name><difficult>1</difficult><hard-reasons>21</hard-reasons>
<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>10.5</xmax><ymax>20</ymax></bndbox></object></annotation>"""


@pytest.fixture
def inputs(own_storages: Path) -> Path:
    return own_storages / "inputs"


@pytest.fixture(autouse=True)
def no_bell(monkeypatch) -> None:
    monkeypatch.setattr(importing, "ring", lambda *args: None)


def put(folder: Path, name: str, data: bytes) -> None:
    place = folder / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)


def run(dataset: Dataset, **fields) -> ImportTask:
    task = importing.start_import(dataset=dataset, by=UserFactory(username="ann"), **fields)
    importing.execute(task.pk)
    task.refresh_from_db()
    assert counters.check(dataset) == []
    return task


def outcome(task: ImportTask) -> tuple:
    return task.status, task.total, task.added, task.already_there, task.failed


def lines(*values: dict) -> bytes:
    return b"".join(orjson.dumps(value) + b"\n" for value in values)


def test_a_folder_comes_in_unlabeled_and_a_bad_image_costs_itself(inputs: Path) -> None:
    for number in range(3):
        put(inputs, f"street/{number}.png", image_bytes(number))
    put(inputs, "street/copy.png", image_bytes(0))
    put(inputs, "street/half.jpg", image_bytes(9, width=200, height=200, format="JPEG")[:-200])
    put(inputs, "street/readme.txt", b"no image")
    dataset = DatasetFactory()
    task = run(dataset, location="inputs:street/")
    assert outcome(task) == ("completed", 5, 3, 1, 1)
    problem = ImportProblem.objects.get()
    assert (problem.file, problem.code) == ("half.jpg", "truncated_image")
    assert set(dataset.samples.values_list("status", "hard")) == {("unlabeled", False)}
    again = run(dataset, location="inputs:street")
    assert outcome(again) == ("completed", 5, 0, 4, 1)
    assert dataset.samples.count() == 3


def test_directories_name_the_labels(inputs: Path) -> None:
    put(inputs, "pets/cat/1.png", image_bytes(1))
    put(inputs, "pets/dog/2.png", image_bytes(2))
    put(inputs, "pets/3.png", image_bytes(3))
    dataset = DatasetFactory()
    run(dataset, location="inputs:pets", format="directories")
    assert set(dataset.samples.values_list("name", "status", "annotations__label__name")) == {
        ("1.png", "labeled", "cat"),
        ("2.png", "labeled", "dog"),
        ("3.png", "unlabeled", None),
    }
    assert set(Annotation.objects.values_list("origin", "annotated_by")) == {("human", "ann")}


def test_uploads_and_archives_are_decoded_by_the_worker_and_removed(own_storages: Path) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("cat/a.png", image_bytes(1))
        file.writestr("../../evil.png", image_bytes(2))
        file.writestr("notes.txt", "hello")
    archive.seek(0)
    dataset = DatasetFactory()
    uploads = [("C:\\photos\\b.png", io.BytesIO(image_bytes(3))), ("all.zip", archive)]
    task = run(dataset, uploads=uploads, format="images")
    assert task.status == "completed"
    assert {"a.png", "b.png"} <= set(dataset.samples.values_list("name", flat=True))
    assert not [path for path in (own_storages / "staging").rglob("*") if path.is_file()]
    assert not list(own_storages.parent.rglob("evil*"))


def test_links_and_bad_names_are_listed_with_their_reason(own_storages: Path) -> None:
    folder = own_storages / "inputs" / "in"
    put(folder, "good.png", image_bytes(1))
    put(folder, "twin.png", image_bytes(2))
    (folder / "hard.png").hardlink_to(folder / "twin.png")
    (folder / "link.png").symlink_to(folder / "good.png")
    (folder / "linked").symlink_to(own_storages)
    os.mkfifo(folder / "pipe.png")
    put(folder, "tab\there.png", image_bytes(3))
    (folder / os.fsdecode(b"\xff.png")).write_bytes(image_bytes(4))
    task = run(DatasetFactory(), location="inputs:in")
    assert (task.status, task.added, task.failed) == ("completed", 1, 7)
    said = dict(task.problems.values_list("file", "code"))
    links = {name: code for name, code in said.items() if code == "not_regular_file"}
    assert links.keys() == {"hard.png", "link.png", "linked", "pipe.png", "twin.png"}
    assert list(said.values()).count("path_not_allowed") == 2
    assert "hard link" in task.problems.get(file="twin.png").message


def test_a_folder_of_hard_links_is_told_as_one(own_storages: Path) -> None:
    put(own_storages / "outputs", "a.png", image_bytes(1))
    (own_storages / "inputs" / "a.png").hardlink_to(own_storages / "outputs" / "a.png")
    task = run(DatasetFactory(), location="inputs:")
    assert (task.added, task.failed) == (0, 1)


def test_one_image_is_a_location(own_storages: Path) -> None:
    put(own_storages / "inputs", "cat/a.png", image_bytes(1))
    put(own_storages / "inputs", "cat/b.png", image_bytes(2))
    task = run(DatasetFactory(), location="inputs:cat/a.png")
    assert (task.status, task.added, task.dataset.samples.get().name) == ("completed", 1, "a.png")


def test_uploads_beyond_the_limit_leave_nothing(own_storages: Path, settings) -> None:
    settings.UPLOAD_LIMIT_MIB = 1
    with pytest.raises(Refused) as refused:
        run(DatasetFactory(), uploads=[("a.png", io.BytesIO(b"x")), ("b.png", io.BytesIO(bytes(2 * 2**20)))])
    assert (refused.value.code, refused.value.status) == ("too_large", 413)
    assert not [path for path in (own_storages / "staging").rglob("*") if path.is_file()]


def test_a_manifest_brings_labels_hardness_and_usage(inputs: Path) -> None:
    for number in range(4):
        put(inputs, f"shop/{number}.png", image_bytes(number))
    cat = {"type": "modelarts/image_classification", "name": "cat", "annotated-by": "human/acme/ann"}
    put(
        inputs,
        "shop/shop.manifest",
        lines(
            {
                "source": "0.png",
                "usage": "train",
                "hard": "true",
                "hard-coefficient": 0.6,
                "hard-reasons": "1-20",
                "annotation": [cat],
            },
            {"source": "inputs:shop/1.png"},
            {"source": "missing.png"},
            {"source": "3.png", "annotation": [{"type": "modelarts/object_detection", "annotation-loc": "x.xml"}]},
        )
        + b"no json\n",
    )
    dataset = DatasetFactory()
    task = run(dataset, location="inputs:shop/shop.manifest", format="manifest")
    assert outcome(task) == ("completed", 5, 2, 0, 3)
    assert {(problem.line, problem.code) for problem in task.problems.all()} == {
        (3, "source_not_found"), (4, "type_mismatch"), (5, "not_json"),
    }  # fmt: skip
    sample = dataset.samples.get(name="0.png")
    assert (sample.status, sample.hard, sample.hard_coefficient, sample.usage) == ("labeled", True, 0.6, "TRAIN")
    assert [reason.code for reason in sample.reasons.all()] == [1, 20]
    assert (sample.annotations.get().origin, sample.annotations.get().annotated_by) == ("human", "acme/ann")
    assert dataset.samples.get(name="1.png").status == "unlabeled"


def test_boxes_come_from_their_xml_and_bad_ones_cost_their_line(inputs: Path) -> None:
    for number in range(3):
        put(inputs, f"{number}.png", image_bytes(number))
    put(inputs, "x.xml", VOC)
    put(inputs, "out.xml", VOC.replace(b"10.5", b"33"))
    boxes = {"type": "modelarts/object_detection"}
    put(
        inputs,
        "m.manifest",
        lines(
            {"source": "0.png", "annotation": [boxes | {"annotation-loc": "x.xml"}]},
            {"source": "1.png", "annotation": [boxes | {"annotation-loc": "out.xml"}]},
            {"source": "2.png"},
        ),
    )
    dataset = DetectionDatasetFactory()
    task = run(dataset, location="inputs:m.manifest", format="manifest", final_annotation=False, difficult_only=True)
    assert outcome(task) == ("completed", 3, 1, 0, 1)
    assert task.problems.get().code == "bad_box"
    sample = dataset.samples.get()
    box = sample.annotations.get()
    assert (sample.status, sample.hard) == ("to_be_confirmed", True)
    assert (box.xmin, box.ymin, box.xmax, box.ymax, box.label.name) == (1, 2, 10.5, 20, "cat")
    assert sample.reasons.get().annotation == box


def test_the_same_folder_twice_at_the_same_moment_is_there_once(inputs: Path) -> None:
    for number in range(6):
        put(inputs, f"cat/{number}.png", image_bytes(number))
    dataset, by = DatasetFactory(), UserFactory()
    tasks = [importing.start_import(dataset=dataset, by=by, location="inputs:", format="directories") for _ in range(2)]

    def work(pk: int) -> None:
        importing.execute(pk)
        connection.close()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, [task.pk for task in tasks]))
    for task in tasks:
        task.refresh_from_db()
    assert {task.status for task in tasks} == {"completed"}
    assert sum(task.added for task in tasks) == sum(task.already_there for task in tasks) == 6
    assert dataset.samples.count() == 6
    assert dataset.labels.count() == 1
    assert counters.check(dataset) == []


class Killed(BaseException):
    """Stands for SIGKILL: no handler of ours may catch it."""


STEPS = ["import.chunk.before_commit", "import.chunk.committed", "import.before_clear", "import.cleared",
         "import.before_end", "import.ended", "blob.before_write", "blob.written"]  # fmt: skip


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("uploaded", [True, False], ids=["upload", "folder"])
def test_a_kill_at_any_step_changes_nothing_in_the_end(
    inputs: Path, own_storages: Path, monkeypatch, name: str, uploaded: bool
) -> None:
    images = {f"cat/{number}.png": image_bytes(number % 5) for number in range(7)} | {"cat/bad.png": b"bad"}
    for file, data in images.items():
        put(inputs, file, data)
    monkeypatch.setattr(importing, "CHUNK", 3)
    dataset = DatasetFactory()
    source = (
        {"uploads": [(file, io.BytesIO(data)) for file, data in sorted(images.items())]}
        if uploaded
        else {"location": "inputs:"}
    )
    task = importing.start_import(dataset=dataset, by=UserFactory(), format="directories", **source)
    killed = []

    def kill(step: str) -> None:
        if step == name and len(killed) < 2:
            killed.append(step)
            raise Killed

    for module in ("importing", "blobs"):
        monkeypatch.setattr(f"datasets.{module}.step", kill)
    for _ in range(4):
        try:
            importing.execute(task.pk)
        except Killed:
            put(inputs, "cat/0 later.png", image_bytes(99))  # the list was frozen: it does not come in
            ImportTask.objects.filter(pk=task.pk).update(lease_expires_at=None, lease_token="")
    assert killed
    task.refresh_from_db()
    assert outcome(task) == ("completed", 8, 5, 2, 1)
    assert task.problems.count() == 1
    assert set(Sample.objects.values_list("status", "annotations__label__name")) == {("labeled", "cat")}
    assert counters.check(dataset) == []
    assert not [path for path in (own_storages / "staging").rglob("*") if path.is_file()]


def test_what_cannot_begin_is_said_at_once(inputs: Path) -> None:
    by = UserFactory()
    for fields, code in [
        ({"location": "inputs:nothing"}, "nothing_to_import"),
        ({"location": "inputs:m.manifest", "format": "manifest"}, "source_not_found"),
        ({"location": "/etc"}, "path_not_allowed"),
        ({}, "nothing_to_import"),
        ({"location": "inputs:", "format": "coco"}, "unknown_format"),
    ]:
        with pytest.raises(Refused) as refused:
            importing.start_import(dataset=DatasetFactory(), by=by, **fields)
        assert refused.value.code == code
    with pytest.raises(Refused) as refused:
        importing.start_import(dataset=DetectionDatasetFactory(), by=by, location="inputs:", format="directories")
    assert refused.value.code == "type_mismatch"
    assert not ImportTask.objects.exists()


def test_a_stopped_import_keeps_what_came_and_goes_no_further(inputs: Path) -> None:
    put(inputs, "a.png", image_bytes(1))
    dataset = DatasetFactory()
    task = importing.start_import(dataset=dataset, by=UserFactory(), location="inputs:")
    importing.stop(task=task, by=task.created_by)
    importing.execute(task.pk)
    task.refresh_from_db()
    assert (task.status, task.added) == ("stopped", 0)
    with pytest.raises(Refused):
        importing.stop(task=task, by=task.created_by)
