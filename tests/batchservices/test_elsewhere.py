"""A model that runs elsewhere: its results are taken in as a run, checked as a model's own, and filtered as any run."""

import json
import threading
import tracemalloc
from codecs import BOM_UTF8
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from batchservices import answering, foreign_results, running
from batchservices.deployment import change, deploy
from batchservices.elsewhere import register_elsewhere
from batchservices.models import BatchRun, BatchService, InferenceModel
from config.refusals import Refused
from hardexamples.models import Features, Mining
from tests import loop
from tests.factories import StaffFactory, image_bytes

pytestmark = pytest.mark.django_db


def model(task: str = "image_classification", classes: list[str] | None = None) -> InferenceModel:
    return register_elsewhere(name="theirs", task=task, class_names=classes or loop.CLASSES, by=None)


def service(chosen: InferenceModel, results: str, **more: Any) -> BatchService:
    return deploy(
        name="elsewhere",
        model=chosen,
        input_location="inputs:night",
        output_location="outputs:elsewhere",
        results_location=results,
        by=StaffFactory(),
        **more,
    )


def lines(*said: Any) -> bytes:
    return b"\n".join(each if isinstance(each, bytes) else json.dumps(each).encode() for each in said)


def run_lines(*said: Any, task: str = "image_classification", classes: list[str] | None = None) -> BatchRun:
    loop.put("inputs:theirs/all.jsonl", lines(*said))
    return loop.run(service(model(task, classes), "inputs:theirs/all.jsonl"))


def outcome(run: BatchRun) -> dict[str, str]:
    return {item.name: item.error_code or item.status for item in run.items.all()}


def test_results_of_a_run_of_ours_come_in_and_are_filtered_mostly_the_same() -> None:
    manifest = loop.put_training_manifest(count=200)
    loop.put_digits("inputs:night", first=400, count=60)
    wanted = {"filtering": True, "training_manifest": manifest}
    ours = loop.run(loop.service(output_dataset_name="ours", **wanted))
    theirs = loop.run(service(model(), "outputs:nightly", output_dataset_name="theirs", **wanted))
    assert (theirs.status, theirs.total, theirs.done, theirs.kept) == ("finished", 60, 60, 0)
    same = "name", "sha256", "width", "height", "prediction", "predicted_label", "confidence"
    assert list(theirs.items.values_list(*same)) == list(ours.items.values_list(*same))
    assert not theirs.items.exclude(said=None).exists()
    flagged = []
    for run in (ours, theirs):
        task = loop.collect(run.collection_tasks.get())
        assert task.status == "dataset_imported", task.error
        mining = Mining.objects.get(subject=f"batch run {run.pk}")
        flagged.append(set(mining.items.filter(flagged=True).values_list("position", flat=True)))
        assert set(task.dataset.samples.filter(hard=True).values_list("name", flat=True))
    both = flagged[0] & flagged[1]
    assert len(both) >= 0.7 * max(map(len, flagged)) > 0
    written = [json.loads(line) for line in loop.content(theirs.manifest).splitlines()]
    assert [json.loads(loop.content(line["inference-loc"])) for line in written] == [
        item.prediction for item in theirs.items.all()
    ]


def test_results_in_files_are_read_ahead_as_images_are(monkeypatch: pytest.MonkeyPatch) -> None:
    loop.put_digits("inputs:night", first=400, count=6)
    ours = loop.run(loop.service())
    read, words_at = [], answering.words_at

    def seen(said: dict[str, Any]) -> bytes:
        read.append(threading.current_thread())
        return words_at(said)

    monkeypatch.setattr(answering, "words_at", seen)
    theirs = loop.run(service(model(), "outputs:nightly"))
    assert theirs.done == ours.done == len(read) == 6
    assert threading.main_thread() not in read


def test_the_lines_of_a_manifest_and_its_files_decide_each_for_itself() -> None:
    loop.put_digits("inputs:night", first=400, count=6)
    good = b'{"predicted_label": "3", "scores": [["3", "0.8"], ["5", "0.1"]]}'
    loop.put("inputs:theirs/infer-result/0400.png_result.txt", good)
    loop.put("inputs:theirs/infer-result/0404.png_result.txt", BOM_UTF8 + good + b"\r\n")
    loop.put("inputs:theirs/infer-result/0403.png_result.txt", b"<html>")
    loop.put("inputs:theirs/secret.txt", good)
    ok, place = {"result": "SUCCESSFUL"}, "inputs:theirs/infer-result"
    loop.put(
        "inputs:theirs/infer-result-7.manifest",
        lines(
            {"source": "inputs:night/0400.png", **ok, "inference-loc": f"{place}/0400.png_result.txt"},
            {"source": "inputs:night/0401.png", "result": "FAILED", "error_message": "HTTP 500\x07"},
            {"source": "inputs:night/0402.png", **ok, "inference-loc": f"{place}/0402.png_result.txt"},
            {"source": "inputs:night/0403.png", **ok, "inference-loc": f"{place}/0403.png_result.txt"},
        ),
    )
    loop.put(
        "inputs:theirs/infer-result-8.manifest",
        lines(
            {"source": "0404.png", "inference-loc": "obs://their-bucket/out/infer-result/0404.png_result.txt"},
            {"source": "inputs:night/gone.png", **ok, "inference-loc": f"{place}/0400.png_result.txt"},
            {"source": "../0400.png", **ok, "inference-loc": f"{place}/0400.png_result.txt"},
            b"no line",
        ),
    )
    run = loop.run(service(model(), "inputs:theirs"))
    assert outcome(run) == {
        "0400.png": "done",
        "0401.png": "failed_elsewhere",
        "0402.png": "source_not_found",
        "0403.png": "not_json",
        "0404.png": "done",
        "0405.png": "no_answer",
        "gone.png": "source_not_found",
        "infer-result-8.manifest line 3": "path_not_allowed",
        "infer-result-8.manifest line 4": "not_json",
    }
    assert (run.status, run.done, run.failed, run.total) == ("alarm", 2, 7, 9)
    assert run.items.get(name="0401.png").error == "The other system failed: HTTP 500"
    assert not Features.objects.filter(extractor__startswith=":").exclude(extractor__startswith=run.predictor).exists()


@pytest.mark.parametrize(
    "place",
    [
        "inputs:theirs/../night/secret.txt",
        "../night/secret.txt",
        "inputs:night/secret.txt",
        "obs://x/infer-result/../../night/secret.txt",
        "/etc/passwd",
        "file:///etc/passwd",
        "http://169.254.169.254/infer-result/%2e%2e/secret.txt",
        "outputs:secret.txt",
    ],
)
def test_no_result_outside_of_the_folder_is_read(place: str) -> None:
    loop.put_digits("inputs:night", first=400, count=1)
    secret = b'{"predicted_label": "3", "scores": [["3", "0.8"]]}'
    loop.put("inputs:night/secret.txt", secret)
    loop.put("outputs:secret.txt", secret)
    loop.put("inputs:theirs/infer-result-1.manifest", lines({"source": "0400.png", "inference-loc": place}))
    run = loop.run(service(model(), "inputs:theirs/infer-result-1.manifest"))
    assert (run.status, outcome(run)["0400.png"]) == ("failed", "path_not_allowed")


CAT = {"predicted_label": "cat", "scores": [["cat", "0.7"], ["dog", "0.2"]]}


@pytest.mark.parametrize(
    ("said", "probabilities"),
    [
        (CAT, [0.7, 0.2, 0.1]),
        ({"predict_label": "cat", "scores": [["cat", 0.7], ["dog", 0.2], ["hen", 0.1]]}, [0.7, 0.2, 0.1]),
        ({"scores": {"dog": 0.2, "cat": 0.6, "hen": "0.2"}}, [0.6, 0.2, 0.2]),
        ({"prediction": CAT, "seconds": 3}, [0.7, 0.2, 0.1]),
        ({"predicted_label": "cat", "scores": [["cat", 0.4]]}, [0.4, 0.3, 0.3]),
    ],
)
def test_each_way_to_write_a_line_is_understood(said: dict, probabilities: list[float]) -> None:
    loop.put("inputs:night/a.png", image_bytes())
    run = run_lines({"source": "a.png", **said}, classes=["cat", "dog", "hen"])
    item = run.items.get()
    assert (item.status, item.predicted_label) == ("done", "cat"), item.error
    table = memoryview(item.probabilities).cast("f").tolist()
    assert table == pytest.approx(probabilities, abs=1e-6)
    assert dict(item.prediction["scores"])["cat"] == str(probabilities[0])


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"predicted_label": "cow", "scores": [["cow", 0.9]]}, "unknown_class"),
        ({"predicted_label": "cat", "scores": [["cat", 0.5], ["cow", 0.1]]}, "unknown_class"),
        ({"predicted_label": "cat", "scores": [["cat", 0.5], ["cat", 0.1]]}, "bad_scores"),
        ({"predicted_label": "cat", "scores": [["cat", 0.5], ["dog", 0.9]]}, "bad_scores"),
        ({"predicted_label": "cat", "scores": [["cat", 0.2]]}, "bad_scores"),
        ({"predicted_label": "dog", "scores": [["cat", 0.2], ["dog", 0.7]]}, "done"),
        ({"predicted_label": "cat"}, "bad_scores"),
        ({"predicted_label": "cat", "scores": [["cat", 1.7]]}, "bad_scores"),
        ({"predicted_label": "cat", "scores": [["cat", "nan"]]}, "bad_scores"),
        ({"predicted_label": "cat", "scores": [["cat", 0.9], ["dog", 0.9], ["hen", 0.9]]}, "bad_scores"),
        ({"predicted_label": "cat", "scores": 3}, "bad_prediction"),
        ({"predicted_label": ["cat"], "scores": []}, "bad_prediction"),
        ({"detection_classes": ["cat"], "detection_boxes": [[0, 0, 2, 2]], "detection_scores": [1]}, "type_mismatch"),
        ({"error": "out of memory"}, "failed_elsewhere"),
        ({"prediction": 3}, "bad_prediction"),
        ({"speed": 3}, "bad_prediction"),
    ],
)
def test_what_cannot_be_believed_costs_its_item_alone(said: dict, code: str) -> None:
    for name in "ab":
        loop.put(f"inputs:night/{name}.png", image_bytes())
    run = run_lines({"source": "b.png", **CAT}, {"source": "a.png", **said}, classes=["cat", "dog", "hen"])
    assert outcome(run) == {"a.png": code, "b.png": "done"}
    assert not [item.error for item in run.items.filter(status="failed") if not item.error]


def test_lines_that_name_no_image_and_hostile_ones_are_failed_items() -> None:
    loop.put("inputs:night/a.png", image_bytes())
    loop.put("inputs:night/b.png", image_bytes(2))
    run = run_lines(
        {"source": "a.png", **CAT},
        {"name": "a.png", **CAT},
        {"source": "b.png", **CAT},
        {"source": "b.png", **CAT, "predicted_label": "dog"},
        b'{"source": "c.png", "scores": {"cat": NaN}}',
        b'{"source": "c.png", "source": "d.png"}',
        b"[" * 100_000,
        b'{"source": "c.png", "scores": [' + b'["cat", 0.1],' * 1_000_000 + b"1]}",
        {"source": None, **CAT},
        {"source": "http://x/y.png", **CAT},
        {"source": "not here.png", **CAT},
        classes=["cat", "dog", "hen"],
    )
    assert outcome(run) == {
        "a.png": "done",
        "b.png": "two_answers",
        "not here.png": "source_not_found",
        "line 5": "bad_number",
        "line 6": "duplicate_key",
        "line 7": "too_deep",
        "line 8": "line_too_long",
        "line 9": "missing_source",
        "line 10": "scheme_not_allowed",
    }


BOX = {"label": "cat", "confidence": "0.9", "box": [2, 1, 12.5, 9]}


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({"detection_classes": [], "detection_boxes": [], "detection_scores": []}, []),
        ({"boxes": []}, []),
        ({"boxes": [BOX]}, [["cat", [1, 2, 9, 12.5], 0.9]]),
        (
            {
                "detection_classes": ["cat", "dog"],
                "detection_boxes": [["1", "2", "9", "12.5"], [-4, -4, 99, 99]],
                "detection_scores": ["0.2", 0.8],
            },
            [["dog", [0, 0, 24, 32], 0.8], ["cat", [1, 2, 9, 12.5], 0.2]],
        ),
        ({"boxes": [BOX, BOX | {"box": [40, 40, 50, 50]}]}, [["cat", [1, 2, 9, 12.5], 0.9]]),
        ({"boxes": [BOX | {"label": "cow"}]}, "unknown_class"),
        ({"boxes": [BOX | {"box": [12, 1, 2, 9]}]}, "bad_box"),
        ({"boxes": [BOX | {"box": [1, 2, 3]}]}, "bad_box"),
        ({"boxes": [BOX | {"box": [1, 2, 3, 4, 5]}]}, "bad_box"),
        ({"boxes": [BOX | {"confidence": -0.1}]}, "bad_scores"),
        ({"boxes": [BOX] * 1001}, "too_many_boxes"),
        ({"boxes": [[1, 2, 3, 4]]}, "bad_prediction"),
        ({"detection_classes": ["cat"], "detection_boxes": [], "detection_scores": []}, "length_mismatch"),
        (CAT, "type_mismatch"),
    ],
)
def test_boxes_are_checked_against_the_image(said: dict, found: Any) -> None:
    loop.put("inputs:night/a.png", image_bytes(width=32, height=24))
    item = run_lines({"source": "a.png", **said}, task="object_detection", classes=["cat", "dog"]).items.get()
    if isinstance(found, str):
        assert (item.status, item.error_code) == ("failed", found)
        return
    assert item.status == "done", item.error
    keys = "detection_classes", "detection_boxes", "detection_scores"
    assert [list(each) for each in zip(*(item.prediction[key] for key in keys), strict=True)] == found


def test_a_result_file_of_any_size_is_read_no_further_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    loop.put_digits("inputs:night", first=400, count=1)
    loop.put("inputs:theirs/infer-result/0400.png_result.txt", b" " * 5_000_000)
    manifest = {"source": "0400.png", "inference-loc": "infer-result/0400.png_result.txt"}
    loop.put("inputs:theirs/infer-result-1.manifest", lines(manifest))
    run = loop.run(service(model(), "inputs:theirs"))
    assert run.items.get().error_code == "too_large"


def test_results_of_any_number_are_flat_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreign_results, "INDEX_KIB", 512)
    line = b'{"source": "%05d.png", "predicted_label": "cat", "scores": [["cat", 0.7], ["dog", 0.2]]}\n'
    loop.put("inputs:theirs/all.jsonl", b"".join(line % (number * 7919 % 20_000) for number in range(20_000)))
    tracemalloc.start()
    try:
        answered = foreign_results.answered_inputs("inputs:theirs", "inputs:night", between=lambda: None)
        found = sum(1 for each in answered if each.said)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found == 20_000
    assert peak < 3_000_000


def test_a_detector_elsewhere_is_filtered_against_a_training_set() -> None:
    boxed = {"boxes": [{"label": "cat", "confidence": 0.6, "box": [2, 2, 20, 20]}]}
    for number in range(6):
        loop.put(f"inputs:night/{number}.png", image_bytes(number * 9))
    loop.put("inputs:theirs/all.jsonl", lines(*({"source": f"{number}.png", **boxed} for number in range(6))))
    xml = (
        "<annotation><size><width>32</width><height>24</height><depth>3</depth></size><object><name>cat</name><bndbox>"
        "<xmin>2</xmin><ymin>2</ymin><xmax>20</xmax><ymax>20</ymax></bndbox></object></annotation>"
    )
    training = []
    for number in range(12):
        loop.put(f"inputs:train/{number}.png", image_bytes(100 + number))
        loop.put(f"inputs:train/{number}.xml", xml.encode())
        where = {"annotation-loc": f"inputs:train/{number}.xml", "type": "modelarts/object_detection"}
        training.append({"source": f"inputs:train/{number}.png", "annotation": [where]})
    loop.put("outputs:train.manifest", lines(*training))
    chosen = model("object_detection", ["cat"])
    run = loop.run(
        service(
            chosen,
            "inputs:theirs",
            filtering=True,
            output_dataset_name="hard",
            training_manifest="outputs:train.manifest",
        )
    )
    task = loop.collect(run.collection_tasks.get())
    assert task.status == "dataset_imported", task.error
    mining = Mining.objects.get(subject=f"batch run {run.pk}")
    assert (mining.status, mining.reference_count, mining.reference_missing, mining.second_looks) == (
        "finished", 12, 0, 0,
    )  # fmt: skip


def test_what_a_service_must_name_and_must_not(own_storages: Any) -> None:
    with pytest.raises(Refused) as refusal:
        service(model(), "")
    assert (refusal.value.code, refusal.value.where["field"]) == ("no_results_location", "results_location")
    for same in ("outputs:elsewhere", "outputs:elsewhere/", "outputs:elsewhere/all.jsonl"):
        with pytest.raises(Refused) as refusal:
            service(model(), same)
        assert refusal.value.code == "same_place"
    ours = loop.service()
    with pytest.raises(Refused) as refusal:
        change(
            service=ours,
            by=None,
            name="x",
            model=ours.model,
            input_location="inputs:night",
            output_location="outputs:x",
            results_location="inputs:theirs",
        )
    assert refusal.value.code == "not_elsewhere"


def test_without_results_a_start_is_refused() -> None:
    loop.put_digits("inputs:night", first=400, count=1)
    loop.put("inputs:theirs/notes.txt", b"")
    theirs = service(model(), "inputs:theirs")
    with pytest.raises(Refused, match="no results in inputs:theirs") as refusal:
        running.start(service=theirs, by=None)
    assert refusal.value.code == "no_results"
    theirs.results_location = "inputs:theirs/all.jsonl"
    with pytest.raises(Refused, match=r"inputs:theirs/all\.jsonl cannot be read: There is no such file") as refusal:
        running.start(service=theirs, by=None)
    assert refusal.value.where == {"field": "results_location"}


def test_a_bucket_that_nobody_mapped_is_named_with_what_to_do() -> None:
    run = run_lines({"source": "obs://their-bucket/night/a.png", **CAT}, classes=["cat", "dog", "hen"])
    error = run.items.get(name="line 1").error
    assert "their-bucket" in error
    assert "HARDMINE_FOREIGN_LOCATIONS" in error


def test_a_model_elsewhere_is_ready_and_has_no_file() -> None:
    first, second = model(), model()
    assert (first.status, first.version, second.version) == ("ready", 1, 2)
    with pytest.raises(IntegrityError), transaction.atomic():
        InferenceModel.objects.filter(pk=first.pk).update(sha256="a" * 64)
    for wrong in ({"name": ""}, {"task": "songs"}, {"class_names": []}, {"class_names": ["a", "a"]}):
        with pytest.raises(Refused):
            register_elsewhere(**{"name": "x", "task": "object_detection", "class_names": ["a"], "by": None} | wrong)


def test_answers_that_changed_count_in_the_next_run() -> None:
    loop.put("inputs:night/a.png", image_bytes())
    first = run_lines({"source": "a.png", **CAT}, classes=["cat", "dog", "hen"])
    now = {"predicted_label": "dog", "scores": [["dog", 0.9]]}
    loop.put("inputs:theirs/all.jsonl", lines({"source": "a.png", **now}))
    second = loop.run(first.service)
    assert (second.items.get().predicted_label, second.kept) == ("dog", 0)
