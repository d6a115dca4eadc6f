"""Undecided images are shown to the model again, changed: once, within the budget, and the same after a kill."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from config.leases import LeaseLost
from config.refusals import Refused
from hardexamples import mining, second_look
from hardexamples.filter_settings import FilterSettings
from hardexamples.models import Features, Mining
from hardexamples.rules import Batch
from hardexamples.second_look import Looker, View
from tests.hardexamples.arrays import classified, detected

pytestmark = pytest.mark.django_db

FLIPPED = np.array([0.2, 0.8], np.float32)
SETTINGS = FilterSettings(augmentations={"fliplr": 1.0}, control_share=0)


class Model:
    """One that changes its mind about mirrored images, and counts how often it is asked."""

    def __init__(self, said: dict[str, Any] | None = None) -> None:
        self.said = {"probabilities": FLIPPED} if said is None else said
        self.asked: list[bytes] = []

    def __call__(self, data: bytes, operations: Sequence[str], boxes: np.ndarray | None) -> dict[str, Any]:
        self.asked.append(data)
        if data == b"unreadable":
            raise Refused("truncated_image", "The image is cut off.")
        return dict.fromkeys(operations, None if data == b"nonsense" else self.said)


def contents(count: int) -> list[bytes]:
    return [f"image {number}".encode() for number in range(count)]


def views(images: list[bytes], boxes: np.ndarray | None = None) -> list[View]:
    return [View(hashlib.sha256(data).hexdigest(), boxes, lambda data=data: data) for data in images]


def looker(model: Model, *, settings: FilterSettings = SETTINGS) -> Looker:
    made = Looker.of(settings, predictor="predictor", ask=model)
    assert made is not None
    return made


def look(model: Model, images: list[bytes], **changes: Any) -> Looker:
    made = looker(model)
    made.look(views(images), **{"committed": lambda: None, **changes})
    return made


@pytest.mark.parametrize(
    "without",
    [
        {"second_look_images": 0},
        {"second_look_seconds": 0},
        {"augmentations": {}},
        {"augmentations": {"crop": 0.0}},
        {"weights": {"predict_score_mining": 1.0}},
    ],
)
def test_without_budget_operation_or_algorithm_nobody_looks(without: dict[str, Any]) -> None:
    assert Looker.of(FilterSettings(**without), predictor="p", ask=Model()) is None


def test_an_image_is_asked_about_once() -> None:
    model, images = Model(), contents(3)
    look(model, [*images, images[0]])
    assert model.asked == images
    look(model, [*images, b"another"])
    assert model.asked == [*images, b"another"]


def test_what_cannot_be_asked_has_no_answer_and_nothing_is_kept_of_it() -> None:
    model = Model()
    changed = View("0" * 64, None, lambda: b"other bytes")
    made = looker(model)
    made.look([*views([b"unreadable", b"good"]), changed], committed=lambda: None)
    assert model.asked == [b"unreadable", b"good"]
    assert Features.objects.count() == 1


def test_an_answer_that_cannot_be_believed_is_asked_for_once_and_is_no_opinion() -> None:
    model = Model()
    look(model, [b"nonsense"])
    made = look(model, [b"nonsense"])
    assert len(model.asked) == 1
    seen = made.seen(classified(1, classes=2), [0], [hashlib.sha256(b"nonsense").hexdigest()])
    assert seen.augmented is not None
    assert np.isnan(seen.augmented["fliplr"]).all()


def test_the_seconds_run_out() -> None:
    model = Model()
    made = looker(model)
    made.seconds = 0.0
    made.look(views(contents(2)), committed=lambda: None)
    assert model.asked == []


def test_storage_that_is_away_ends_the_work_and_what_was_kept_stays(monkeypatch) -> None:
    monkeypatch.setattr(second_look, "CHUNK_LOOKS", 1)

    def away() -> bytes:
        raise Refused("storage_unavailable", "The storage does not answer.", status=503)

    model, images = Model(), contents(2)
    with pytest.raises(Refused, match="does not answer"):
        looker(model).look([*views(images), View("1" * 64, None, away)], committed=lambda: None)
    assert Features.objects.count() == 2


def test_who_is_killed_between_chunks_asks_for_no_kept_one_again(monkeypatch) -> None:
    monkeypatch.setattr(second_look, "CHUNK_LOOKS", 2)
    committed = 0

    def lost() -> None:
        nonlocal committed
        committed += 1
        if committed == 2:
            raise LeaseLost

    model, images = Model(), contents(6)
    with pytest.raises(LeaseLost):
        look(model, images, committed=lost)
    assert (len(model.asked), Features.objects.count()) == (4, 2)
    look(model, images)
    assert model.asked == [*images[:4], *images[2:]]


def test_boxes_come_back_with_what_is_in_view_and_fit_the_batch() -> None:
    boxes = np.array([[0, 0, 9, 9], [5, 5, 20, 20]], np.float32)
    said = {
        "boxes": boxes[:1],
        "classes": np.array([2]),
        "confidences": np.array([0.75], np.float32),
        "in_view": np.array([True, False]),
    }
    images = contents(2)
    made = look(Model(said), images)
    batch = detected(2, boxes=[boxes, boxes[:1]], box_labels=None, box_confidences=None)
    addresses = [hashlib.sha256(data).hexdigest() for data in images]
    seen = made.seen(batch, [0, 1], addresses)
    assert seen.augmented_boxes is not None
    first, second = seen.augmented_boxes["fliplr"]
    assert first is not None
    assert (first.boxes.tolist(), first.labels.tolist()) == ([[0, 0, 9, 9]], [2])
    assert (first.confidences.tolist(), first.in_view.tolist()) == ([0.75], [True, False])
    assert second is None  # the answer was about two boxes, this batch has one


def test_an_image_without_any_box_may_still_be_in_agreement() -> None:
    nothing = {
        "boxes": np.zeros((0, 4)),
        "classes": np.zeros(0, int),
        "confidences": np.zeros(0),
        "in_view": np.zeros(0, bool),
    }
    made = look(Model(nothing), [b"empty"])
    batch = detected(1, boxes=[np.zeros((0, 4))], box_labels=None, box_confidences=None)
    seen = made.seen(batch, [0], [hashlib.sha256(b"empty").hexdigest()])
    assert seen.augmented_boxes is not None
    assert seen.augmented_boxes["fliplr"][0] is not None


# ---- within a mining ----

IMAGES = contents(4)
SUBJECTS = [mining.Subject(number, hashlib.sha256(data).hexdigest()) for number, data in enumerate(IMAGES)]


def batch() -> Batch:
    """One undecided image, the second."""
    table = np.array([[1.0, 0.0], [0.96, 0.04], [1.0, 0.0], [0.5, 0.5]], np.float32)
    return Batch(names=("a", "b", "c", "d"), task="image_classification", class_names=("x", "y"), probabilities=table)


def mine(model: Model, *, subject: str = "batch run 1", settings: FilterSettings = SETTINGS, hold=None) -> Mining:
    row = mining.begin(
        subject=subject, task="image_classification", settings=settings, filter_id=None, training_manifest=""
    )
    chosen = Looker.of(settings, predictor="predictor", ask=model)
    again = mining.Again(chosen, lambda position: IMAGES[position]) if chosen else None
    mining.mine(
        mining=row, batch=batch(), subjects=SUBJECTS, found=None, hold=hold or (lambda progress: None), again=again
    )
    return row


def test_a_changed_mind_is_told_with_both_answers() -> None:
    model = Model()
    row = mine(model)
    items = list(row.items.all())
    assert model.asked == [IMAGES[1]]
    assert row.second_looks == 1
    assert items[1].flagged
    reason = next(each for each in items[1].reasons if each["rule"] == "augmentation")
    assert reason["sentence"] == "mirrored, the model says y 0.80 instead of x 0.96"
    assert second_look.operation_of(reason["code"]) == "fliplr"
    assert [item.scores["augmentation"] is None for item in items] == [True, False, True, True]


def test_no_budget_is_no_opinion_even_where_answers_are_kept() -> None:
    mine(Model())
    model = Model()
    row = mine(model, subject="batch run 2", settings=FilterSettings(second_look_images=0))
    assert (model.asked, row.second_looks) == ([], 0)
    assert {item.scores["augmentation"] for item in row.items.all()} == {None}


def test_another_run_over_the_same_images_asks_nothing_and_says_the_same() -> None:
    mine(Model())
    model = Model()
    row = mine(model, subject="batch run 2")
    assert (model.asked, row.second_looks) == ([], 1)
    said = [list(each.items.values_list("coefficient", "scores", "reasons")) for each in Mining.objects.all()]
    assert said[0] == said[1]


def test_who_goes_on_after_the_second_look_asks_nothing_more() -> None:
    def lost(progress: bool) -> None:
        if Mining.objects.filter(second_looks__gt=0).exists():  # all that comes now is about items
            raise LeaseLost

    with pytest.raises(LeaseLost):
        mine(Model(), hold=lost)
    assert Mining.objects.get().second_looks == 1
    Features.objects.all().delete()
    model = Model()
    mine(model)
    assert model.asked == []
