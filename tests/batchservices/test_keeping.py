"""A run infers only what is new or changed; what the model said before is kept, and nothing else is different."""

import json
import os
import uuid
from pathlib import Path

import numpy as np
import pytest
from django.db.models import Count
from hypothesis import given
from hypothesis import strategies as st

from batchservices import keeping, running
from batchservices.deployment import configure_filtering
from batchservices.models import BatchRun, BatchService, ItemStatus, RunItem
from batchservices.predictions import detection_json
from batchservices.words import kept_words
from config.sandbox import Questions
from datasets import locations
from datasets.stores import FolderStore
from hardexamples import store
from hardexamples.features import size_of, statistics
from hardexamples.filters import FilterChoices, create_filter
from hardexamples.models import Features
from tests import loop
from tests.factories import StaffFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def service() -> BatchService:
    return loop.service()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The images that the model was asked about."""
    put, seen = Questions.put, []

    def put_and_note(questions: Questions, question: bytes) -> None:
        seen.append(question)
        put(questions, question)

    monkeypatch.setattr(Questions, "put", put_and_note)
    return seen


def said(run: BatchRun) -> list[tuple]:
    columns = "position", "name", "status", "sha256", "width", "height", "predicted_label", "confidence", "prediction"
    return [(*row[:-1], bytes(row[-1])) for row in run.items.values_list(*columns, "probabilities")]


def results(run: BatchRun) -> dict[str, dict]:
    lines = [json.loads(line) for line in loop.content(run.manifest).splitlines()]
    return {line["source"]: json.loads(loop.content(line["inference-loc"])) for line in lines}


def test_what_has_not_changed_is_not_asked_about_and_all_the_rest_is_as_before(
    service: BatchService, asked: list[bytes]
) -> None:
    loop.put_digits("inputs:night", first=400, count=12)
    first = loop.run(service)
    assert (first.kept, first.kept_from, kept_words(first), len(asked)) == (0, None, "", 12)
    features = Features.objects.count()
    second = loop.run(service)
    assert (second.status, second.done, second.kept, second.kept_from) == ("finished", 12, 12, first)
    assert len(asked) == 12
    assert said(second) == said(first)
    assert results(second) == results(first)
    assert Features.objects.count() == features
    assert kept_words(second) == f"12 of 12 were kept from run {first.pk}; 0 were inferred."


def test_the_filter_covers_what_was_kept_as_well(service: BatchService, asked: list[bytes]) -> None:
    """All of the frozen list, while the second run asks the model about one image of twenty-one."""
    loop.put_digits("inputs:night", first=400, count=20)
    chosen = FilterChoices(second_look_images=0, control_share=0)
    configure_filtering(
        service=service,
        by=None,
        filtering=True,
        filter=create_filter(name="no second look", by=StaffFactory.create(), choices=chosen),
        output_dataset_name="night",
    )
    first = loop.collect(loop.run(service).collection_tasks.get()).mining
    loop.put_digits("inputs:night", first=420, count=1)
    asked.clear()
    run = loop.run(service)
    assert (run.done, run.kept, len(asked)) == (21, 20, 1)
    second = loop.collect(run.collection_tasks.get()).mining
    assert (first.total, second.total) == (20, 21)
    columns = "position", "sha256", "scores__low_confidence"
    before, after = (list(mining.items.order_by("position").values_list(*columns)) for mining in (first, second))
    assert after[:20] == before
    assert all(score is not None for *_, score in after)


def test_new_changed_deleted_and_renamed_inputs(service: BatchService, asked: list[bytes]) -> None:
    loop.put_digits("inputs:night", first=400, count=6)
    loop.run(service)
    asked.clear()
    pictures, _ = loop.digits()
    loop.put("inputs:night/0400.png", changed := loop.png(pictures[500]))
    moved = loop.content("inputs:night/0401.png")
    locations.remove(locations.parse("inputs:night/0401.png"))
    locations.remove(locations.parse("inputs:night/0402.png"))
    loop.put("inputs:night/elsewhere/new name.png", moved)
    loop.put("inputs:night/0406.png", new := loop.png(pictures[501]))
    run = loop.run(service)
    assert sorted(asked) == sorted([changed, new])
    assert list(run.items.values_list("name", "kept")) == [
        ("0400.png", False),
        ("0403.png", True),
        ("0404.png", True),
        ("0405.png", True),
        ("0406.png", False),
        ("elsewhere/new name.png", True),
    ]
    assert (run.status, run.total, run.done, run.kept) == ("finished", 6, 6, 4)
    assert len(results(run)) == 6
    assert results(run)["inputs:night/0400.png"] == run.items.get(name="0400.png").prediction


def test_everything_is_inferred_again_where_that_is_asked_for(service: BatchService, asked: list[bytes]) -> None:
    loop.put_digits("inputs:night", first=400, count=3)
    loop.run(service)
    run = running.start(service=service, by=None, again=True)
    running.execute(run.pk)
    run.refresh_from_db()
    assert (run.done, run.kept, run.kept_from, len(asked)) == (3, 0, None, 6)


def test_another_profile_of_the_same_file_is_another_predictor(service: BatchService, asked: list[bytes]) -> None:
    loop.put_digits("inputs:night", first=400, count=3)
    loop.run(service)
    profile = service.model.profile
    profile["input"]["scale"] = [1 / 200]
    service.model.profile = profile
    service.model.save()
    assert (loop.run(service).kept, len(asked)) == (0, 6)


def test_another_service_with_the_same_model_keeps_by_content(service: BatchService, asked: list[bytes]) -> None:
    loop.put_digits("inputs:night", first=400, count=3)
    first = loop.run(service)
    other = BatchService.objects.create(
        name="other", model=service.model, input_location="inputs:other", output_location="outputs:other"
    )
    loop.put_digits("inputs:other", first=401, count=3)
    run = loop.run(other)
    assert (run.done, run.kept, len(asked)) == (3, 2, 4)
    assert kept_words(run) == "2 of 3 were kept from earlier runs; 1 was inferred."
    twin = first.items.get(name="0401.png")
    assert said(run)[0][3:] == said(first)[1][3:]
    assert run.items.get(name="0401.png").prediction == twin.prediction
    assert len(results(run)) == 3


def test_an_etag_that_is_not_relied_on_is_no_reason_to_keep(
    service: BatchService, asked: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FolderStore, "etags_tell", False)
    loop.put_digits("inputs:night", first=400, count=3)
    loop.run(service)
    run = running.start(service=service, by=None)
    read: list[str] = []
    plain = locations.read
    monkeypatch.setattr(locations, "read", lambda place, limit: read.append(place.name) or plain(place, limit=limit))
    running.execute(run.pk)
    run.refresh_from_db()
    assert (run.kept, len(asked), sorted(read)[:3]) == (3, 3, ["0400.png", "0401.png", "0402.png"])


def test_a_copy_that_brings_its_modification_time_is_noticed(
    service: BatchService, asked: list[bytes], own_storages: Path
) -> None:
    loop.put_digits("inputs:night", first=400, count=1)
    file = own_storages / "inputs" / "night" / "0400.png"
    before = file.stat()
    loop.run(service)
    data = bytearray(file.read_bytes())
    pictures, _ = loop.digits()
    other = next(png for picture in pictures[401:] if len(png := loop.png(picture)) == len(data))
    file.write_bytes(other)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    run = loop.run(service)
    assert (run.kept, asked[1]) == (0, other)


@pytest.mark.parametrize("harm", ["gone", "cut"])
def test_a_result_that_is_gone_is_written_again_without_asking(
    service: BatchService, asked: list[bytes], harm: str
) -> None:
    loop.put_digits("inputs:night", first=400, count=4)
    loop.run(service)
    lost = "outputs:nightly/infer-result/0402.png_result.txt"
    if harm == "gone":
        locations.remove(locations.parse(lost))
    else:
        loop.put(lost, b"{}")
    run = loop.run(service)
    assert (run.kept, len(asked), len(results(run))) == (4, 4, 4)
    assert json.loads(loop.content(lost)) == run.items.get(name="0402.png").prediction


def test_results_of_another_model_at_the_same_place_are_replaced(service: BatchService, asked: list[bytes]) -> None:
    loop.put_digits("inputs:night", first=400, count=2)
    first = loop.run(service)
    place = "outputs:nightly/infer-result/0400.png_result.txt"
    right = loop.content(place)
    other = BatchRun.objects.get(pk=first.pk)
    other.pk, other.predictor = None, "another:one"
    other.save(force_insert=True)
    loop.put(place, right.replace(b'"', b"'"))
    run = loop.run(service)
    assert (run.kept, len(asked), loop.content(place)) == (2, 2, right)


def test_features_that_are_gone_are_a_reason_to_infer_again(service: BatchService, asked: list[bytes]) -> None:
    loop.put_digits("inputs:night", first=400, count=3)
    first = loop.run(service)
    lost = first.items.get(name="0401.png").sha256
    Features.objects.filter(sha256=lost, extractor__endswith=":probabilities").delete()
    run = loop.run(service)
    assert (run.kept, len(asked)) == (2, 4)
    assert Features.objects.filter(sha256=lost).count() == Features.objects.filter(sha256=said(run)[0][3]).count()


def test_a_run_that_was_stopped_and_the_one_before_it_serve_together(service: BatchService, asked: list[bytes]) -> None:
    loop.put_digits("inputs:night", first=400, count=6)
    loop.run(service)
    stopped = running.start(service=service, by=None)
    running.stop(run=stopped, by=None)
    run = loop.run(service)
    assert (run.kept, len(asked)) == (6, 6)


def test_a_list_that_is_made_anew_counts_each_input_once(
    service: BatchService, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop.put_digits("inputs:night", first=400, count=7)
    loop.run(service)
    monkeypatch.setattr("batchservices.freezing.CHUNK_ROWS", 3)
    run = running.start(service=service, by=None)
    keep, times = keeping.Earlier.keep, []

    def keep_and_die(self: keeping.Earlier, items: list[RunItem]) -> None:
        times.append(1)
        if len(times) == 2:
            raise KeyboardInterrupt
        keep(self, items)

    monkeypatch.setattr(keeping.Earlier, "keep", keep_and_die)
    with pytest.raises(KeyboardInterrupt):
        running.execute(run.pk)
    run.refresh_from_db()
    assert (run.status, run.done, run.kept, run.items.count()) == ("preparing", 3, 3, 3)
    running.execute(run.pk)
    run.refresh_from_db()
    assert (run.status, run.total, run.done, run.kept) == ("finished", 7, 7, 7)
    found = run.items.filter(status=ItemStatus.DONE, kept=True).aggregate(n=Count("position", distinct=True))
    assert found["n"] == 7


boxes = st.lists(
    st.tuples(
        st.floats(0, 500, width=32), st.floats(0, 500, width=32), st.floats(0.5, 99, width=32), st.integers(0, 2),
        st.floats(0, 1, width=32),
    ),
    max_size=5,
)  # fmt: skip


@given(boxes, st.integers(1, 20_000), st.integers(1, 2500))
def test_what_a_detector_found_is_kept_to_the_last_digit(found: list[tuple], width: int, height: int) -> None:
    table = np.array([(x, y, x + more, y + more, sure) for x, y, more, _, sure in found], np.float32).reshape(-1, 5)
    classes = np.array([number for *_, number, _ in found], np.int64)
    names = ["cat", "dog", "hen"]
    answer = {
        "statistics": statistics(np.zeros((1, 1, 3), np.uint8), size=(width, height)),
        "descriptor": np.zeros(412, np.float32),
        "activations": None,
        "probabilities": None,
        "boxes": table[:, :4],
        "classes": classes,
        "confidences": table[:, 4],
        "box_statistics": np.full((len(found), 2), np.nan, np.float32),
    }
    profile = {"task": "object_detection", "class_names": names}
    run = BatchRun(predictor="a:b", profile=profile, model_sha256="a", activations_tensor="")
    sha256 = uuid.uuid4().hex
    store.save(store.records(answer, sha256=sha256, model="a", tensor="", predictor="a:b"))
    prediction = detection_json(answer["boxes"], [names[number] for number in classes], answer["confidences"])
    said = keeping.kept(run, sha256)
    assert said is not None
    assert (said["prediction"], said["width"], said["height"]) == (prediction, width, height)


@given(st.integers(1, 20_000), st.integers(1, 20_000))
def test_the_size_of_an_image_is_kept_to_the_pixel(width: int, height: int) -> None:
    pixel = np.zeros((1, 1, 3), np.uint8)
    assert size_of(statistics(pixel, size=(width, height))) == (width, height)
