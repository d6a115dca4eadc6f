"""The second look: undecided images are changed a little and shown to the model again.

What a model said about a changed image is kept by the image's bytes, so a killed worker asks again for a chunk at most,
and a later mining of the same image by the same model asks nothing. What is changed is decided by the content address
alone, so whoever looks again sees the same.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from django.conf import settings
from django.db import transaction

from config.leases import AWAY, CHUNK_SECONDS, breathe
from config.refusals import Refused
from config.sandbox import Sandbox
from config.steps import step
from datasets.images import sha256 as address_of
from hardexamples import augmentations, store
from hardexamples.augmentations import Retake
from hardexamples.filter_settings import FilterSettings
from hardexamples.rules.augmentation import CODES
from hardexamples.rules.contract import given
from hardexamples.scoring import Batch, Verdicts

TRAINING_IMAGES = 100
"""So many training images are changed, too: what changes the answers to all of them says nothing about one."""

TRAINING_SHARE = 0.5  # of the seconds
CHUNK_LOOKS = 100
ALGORITHM = "aug_consistent_mining"
BOX_COLUMNS = 6  # of an answer to a changed image: corners, class, confidence

type Ask = Callable[[bytes, Sequence[str], np.ndarray | None], Mapping[str, Mapping[str, Any] | None]]


@dataclass(frozen=True)
class View:
    """One image to look at again.

    Attributes:
        sha256: its content address.
        boxes: (m, 4) float32, what the model found in it, or None for a classifier.
        read: gives its bytes; raises Refused.
    """

    sha256: str
    boxes: np.ndarray | None
    read: Callable[[], bytes]


@dataclass
class Looker:
    """Who looks again, and how long.

    Attributes:
        predictor: the model with its profile.
        operations: of `AUGMENTATIONS`, at least one.
        images: at most so many undecided ones.
        seconds: that are left; looking uses them up.
        ask: bytes of an image, operations, boxes of the unchanged image -> as
            `batchservices.closer_looks.predict_changed`; raises Refused.
    """

    predictor: str
    operations: tuple[str, ...]
    images: int
    seconds: float
    ask: Ask

    @classmethod
    def of(cls, chosen: FilterSettings, *, predictor: str, ask: Ask) -> Self | None:
        """The one that a filter's settings want; None where they want none."""
        operations = tuple(name for name, weight in chosen.augmentations.items() if weight > 0)
        if not operations or not chosen.weights.get(ALGORITHM):
            return None
        if not chosen.second_look_images or not chosen.second_look_seconds:
            return None
        return cls(predictor, operations, chosen.second_look_images, chosen.second_look_seconds, ask)

    def look(self, views: Sequence[View], *, share: float = 1.0, committed: Callable[[], None]) -> None:
        """Asks about each image that nobody has asked about, until the seconds are used up; keeps the answers.

        An image that is gone, or was changed since, or that the model cannot take, has no answer.

        Args:
            views: the most important first.
            share: of the seconds that may be used, 0..1.
            committed: called first in each transaction; raises to end the work.

        Raises:
            Refused: storage or sandbox are away (503).
        """
        absent = self._absent(view.sha256 for view in views)
        records: list[store.Record] = []
        begun = since = time.monotonic()
        for view in views:
            if time.monotonic() - begun >= share * self.seconds:
                break
            if view.sha256 not in absent:
                continue
            absent.discard(view.sha256)
            records += self._asked(view)
            if len(records) >= CHUNK_LOOKS * len(self.operations) or time.monotonic() - since > CHUNK_SECONDS:
                _keep(records, committed)
                records, since = [], time.monotonic()
        _keep(records, committed)
        self.seconds = max(0.0, self.seconds - (time.monotonic() - begun))

    def looks(self, sha256s: Sequence[str]) -> int:
        """How many of these images have been looked at again."""
        absent = self._absent(sha256s)
        return sum(sha256 not in absent for sha256 in sha256s)

    def _absent(self, sha256s: Iterable[str]) -> set[str]:
        keys = [(store.changed_extractor(self.predictor, each), augmentations.VERSION) for each in self.operations]
        return store.missing(sha256s, keys)

    def _asked(self, view: View) -> list[store.Record]:
        try:
            data = view.read()
            said = self.ask(data, self.operations, view.boxes) if address_of(data) == view.sha256 else {}
        except Refused as refused:
            if refused.status == AWAY:
                raise
            return []
        return [
            store.changed_record(each, sha256=view.sha256, predictor=self.predictor, operation=operation)
            for operation, each in said.items()
        ]

    def seen[B: Batch](self, batch: B, chosen: Sequence[int] | np.ndarray, sha256s: Sequence[str]) -> B:
        """The batch with what is kept of the second look at the images at `chosen`; of all others there is none.

        Args:
            batch: n images.
            chosen: places in it.
            sha256s: their content addresses.
        """
        said: dict[str, Any] = {}
        for operation in self.operations:
            extractor = store.changed_extractor(self.predictor, operation)
            rows = store.rows([(sha256, extractor) for sha256 in sha256s], augmentations.VERSION)
            if any(row is not None for row in rows):
                there = [(int(place), row) for place, row in zip(chosen, rows, strict=True) if row is not None]
                said[operation] = (_probabilities if batch.boxes is None else _retakes)(batch, there)
        if not said:
            return batch
        return replace(batch, augmented=said) if batch.boxes is None else replace(batch, augmented_boxes=said)

    def decided(self, verdicts: Verdicts, chosen: np.ndarray, sha256s: Sequence[str]) -> Verdicts:
        """The verdicts with what is kept of the second look at the images at `chosen`; arguments as `seen`."""
        seen = self.seen(verdicts.batch, chosen, sha256s)
        scores = {name: score.copy() for name, score in verdicts.scores.items()}
        for name, rule in verdicts.filter.rules_.items():
            if "augmented" in rule.needs:
                scores[name][chosen] = rule.score(seen.take(chosen))
        return verdicts.filter.decide(seen, scores)


def _probabilities(batch: Batch, rows: Sequence[tuple[int, store.Row]]) -> np.ndarray:
    """(n, k) float32, NaN where there is no answer."""
    table = np.full((len(batch), len(batch.class_names)), np.nan, np.float32)
    for place, row in rows:
        if row.statistics is not None and row.statistics.shape == table[place].shape:
            table[place] = row.statistics
    return table


def _retakes(batch: Batch, rows: Sequence[tuple[int, store.Row]]) -> tuple[Retake | None, ...]:
    """n retakes, None where there is no answer, or it is about other boxes than the batch has."""
    found: list[Retake | None] = [None] * len(batch)
    for place, row in rows:
        if row.statistics is not None and row.vector is not None and len(row.vector) == len(given(batch.boxes)[place]):
            table = row.statistics.reshape(-1, BOX_COLUMNS)
            found[place] = Retake(table[:, :4], table[:, 4].astype(np.int64), table[:, 5], row.vector > 0)
    return tuple(found)


def _keep(records: list[store.Record], committed: Callable[[], None]) -> None:
    if not records:
        return
    with transaction.atomic():
        committed()
        store.save(records)
        step("second_look.chunk.before_commit")
    step("second_look.chunk.committed")
    breathe()


def operation_of(code: int) -> str | None:
    """The operation that a reason is about, None for a reason of another rule."""
    return next((operation for operation, own in CODES.items() if own == code), None)


def changed_view(data: bytes, operation: str) -> bytes:
    """An image as the model was shown it again, for a page: a JPEG, made in a sandbox of its own.

    Args:
        data: the image file.
        operation: as `operation_of` a reason's code gives it.

    Raises:
        Refused: as `datasets.images.open_image`; image_timeout, image_crashed, image_memory.
    """
    question = {"data": data, "operation": operation}
    memory, deadline = settings.SANDBOX_MEMORY_MIB * 2**20, settings.IMAGE_DEADLINE_SECONDS
    with Sandbox(imports=["hardexamples.extraction"], memory=memory, noun="image") as sandbox:
        return sandbox.call("hardexamples.extraction:changed_image", question, deadline=deadline)
