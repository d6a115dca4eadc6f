"""What a rule gets: the inputs of one mining, and the training set to compare them with.

Arrays in, arrays out: nothing here knows images, files or the database.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Self

import numpy as np

from hardexamples.augmentations import Retake
from hardexamples.rules.sequence import similar_neighbors

__all__ = ["TASKS", "Batch", "Reference", "Retake"]

TASKS = ("image_classification", "object_detection")
BLOCK = 8192  # images that a rule scores at once: its arrays stay small however many there are


@dataclass(frozen=True, eq=False)
class Batch:
    """The inputs of one mining with what the model said about them.

    n images, k classes. Empty, one image and one class are all legal. A row of NaN in `probabilities`,
    `descriptor` or `activations` means that this image has none; NaN in `statistics` means that this number
    is unknown.

    Args:
        names: n names in the order of the inputs.
        task: "image_classification" or "object_detection".
        class_names: the model's k classes, in the order of its outputs.
        probabilities: (n, k) float32 in 0..1, classification, or None. Rows need not sum to 1.
        boxes: n arrays (m, 4) float32 `xmin, ymin, xmax, ymax` in pixels of the upright image, detection,
            or None.
        box_labels: n arrays (m,) int, index into class_names; with boxes.
        box_confidences: n arrays (m,) float32 in 0..1; with boxes.
        box_statistics: n arrays (m, 2) float32, the numbers of `hardexamples.features.BOX_STATISTICS`, NaN where
            unknown; with boxes, or None.
        sizes: (n, 2) int, width and height in pixels, or None.
        statistics: (n, s) float32, the numbers of `hardexamples.features.STATISTICS`, or None.
        descriptor: (n, d) float32, independent of the model, or None.
        activations: (n, a) float32, the model's penultimate layer, or None.
        augmented: by operation of `AUGMENTATIONS` (n, k) float32, what the model says about the changed images, a row
            of NaN where it was not asked; classification, or None.
        augmented_boxes: by operation n `Retake`, None where it was not asked; detection, or None.
        other: what another model said about the same n inputs, in terms of the same classes, or None.
        answered: (n,) bool, whether the model said anything about the image; None: about all.

    Raises:
        ValueError: where lengths, shapes, indices or ranges do not fit together.
    """

    names: tuple[str, ...]
    task: str
    class_names: tuple[str, ...]
    probabilities: np.ndarray | None = None
    boxes: tuple[np.ndarray, ...] | None = None
    box_labels: tuple[np.ndarray, ...] | None = None
    box_confidences: tuple[np.ndarray, ...] | None = None
    box_statistics: tuple[np.ndarray, ...] | None = None
    sizes: np.ndarray | None = None
    statistics: np.ndarray | None = None
    descriptor: np.ndarray | None = None
    activations: np.ndarray | None = None
    augmented: Mapping[str, np.ndarray] | None = None
    augmented_boxes: Mapping[str, tuple[Retake | None, ...]] | None = None
    other: "Batch | None" = None
    answered: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise ValueError(f"task is {self.task!r}, not one of {', '.join(TASKS)}")
        for name in ("names", "class_names"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        for name, dtype in (
            ("probabilities", np.float32),
            ("sizes", np.int64),
            ("statistics", np.float32),
            ("descriptor", np.float32),
            ("activations", np.float32),
        ):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, self._table(name, dtype))
        if self.probabilities is not None:
            self._check_probabilities(self.probabilities)
        for operation, said in (self.augmented or {}).items():
            if self.probabilities is None or np.shape(said) != self.probabilities.shape:
                raise ValueError(f"{operation}: answers to changed images have the shape of the probabilities")
        if self.other is not None and (
            (self.other.names, self.other.task, self.other.class_names) != (self.names, self.task, self.class_names)
        ):
            raise ValueError("the other model's answers are about other images, another task or other classes")
        if self.answered is not None and np.shape(self.answered) != (len(self),):
            raise ValueError(f"answered has shape {np.shape(self.answered)}, not ({len(self)},)")
        if self.boxes is not None:
            self._take_boxes()
        elif any(each is not None for each in (self.box_labels, self.box_confidences, self.box_statistics)):
            raise ValueError("labels, confidences or statistics of boxes without boxes")

    def _table(self, name: str, dtype: type) -> np.ndarray:
        table: np.ndarray = np.ascontiguousarray(getattr(self, name), dtype=dtype)
        if table.ndim != 2 or len(table) != len(self):
            raise ValueError(f"{name} has shape {table.shape}, not ({len(self)}, ...)")
        if name == "sizes" and table.shape[1] != 2:
            raise ValueError(f"sizes has shape {table.shape}, not ({len(self)}, 2)")
        # by its extremes: no mask as large as a quarter of the table
        extremes = [each.reduce(table, axis=None) for each in (np.fmin, np.fmax) if table.size]
        if name != "probabilities" and dtype is np.float32 and np.isinf(extremes).any():
            raise ValueError(f"{name} holds infinite numbers")
        return table

    def _check_probabilities(self, table: np.ndarray) -> None:
        if table.shape[1] != len(self.class_names):
            raise ValueError(f"probabilities of {table.shape[1]} classes, but {len(self.class_names)} class names")
        if not table.size:
            return
        holes = np.isnan(table)
        if (holes.any(axis=1) != holes.all(axis=1)).any():
            raise ValueError("a row of probabilities is NaN in part; a missing prediction is NaN as a whole")
        if ((table < 0) | (table > 1 + 1e-4)).any():
            raise ValueError("probabilities outside 0..1")

    def _take_boxes(self) -> None:
        if self.task != "object_detection":
            raise ValueError("boxes belong to object_detection")
        boxes = tuple(np.asarray(b, dtype=np.float32).reshape(-1, 4) for b in self.boxes or ())
        given = self.box_labels if self.box_labels is not None else [np.zeros(len(b), int) for b in boxes]
        sure = self.box_confidences if self.box_confidences is not None else [np.ones(len(b)) for b in boxes]
        labels = tuple(np.asarray(v, dtype=np.int64).reshape(-1) for v in given)
        confidences = tuple(np.asarray(v, dtype=np.float32).reshape(-1) for v in sure)
        if not len(boxes) == len(labels) == len(confidences) == len(self):
            raise ValueError(f"boxes of {len(boxes)} images, but {len(self)} names")
        for box, label, confidence in zip(boxes, labels, confidences, strict=True):
            if not len(box) == len(label) == len(confidence):
                raise ValueError("an image has another number of boxes than of labels or confidences")
            if not (np.isfinite(box).all() and ((confidence >= 0) & (confidence <= 1 + 1e-4)).all()):
                raise ValueError("a box is not finite, or a confidence is outside 0..1")
            if ((label < 0) | (label >= len(self.class_names))).any():
                raise ValueError("a box's label is not one of the classes")
        if self.box_statistics is not None:
            measured = tuple(np.asarray(v, dtype=np.float32).reshape(-1, 2) for v in self.box_statistics)
            if [len(each) for each in measured] != [len(each) for each in boxes]:
                raise ValueError("an image has another number of boxes than of their statistics")
            object.__setattr__(self, "box_statistics", measured)
        for operation, retakes in (self.augmented_boxes or {}).items():
            seen = [len(box) if each is None else len(each.in_view) for each, box in zip(retakes, boxes, strict=False)]
            if len(retakes) != len(self) or seen != [len(box) for box in boxes]:
                raise ValueError(f"{operation}: changed images do not fit the boxes")
        object.__setattr__(self, "boxes", boxes)
        object.__setattr__(self, "box_labels", labels)
        object.__setattr__(self, "box_confidences", confidences)

    def content(self) -> str:
        """SHA-256 of all it holds: two batches with the same one are alike in everything."""
        found = hashlib.sha256()
        for field in fields(self):
            for part in _flat(getattr(self, field.name)):
                found.update(repr((field.name, part.shape, part.dtype.str)).encode())
                found.update(np.ascontiguousarray(part).data if part.size else b"")
        return found.hexdigest()

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def predicted(self) -> np.ndarray:
        """(n,) int: the most probable class, -1 where there is no prediction or all probabilities are 0."""
        return self.leading[0]

    @cached_property
    def leading(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """`predicted`, and (n,) float32 the largest and the second largest probability of each image."""
        return leading(np.zeros((len(self), 0)) if self.probabilities is None else self.probabilities)

    @cached_property
    def frames(self) -> np.ndarray:
        """(n, 2) float: width and height in pixels, from `sizes` or the statistics; NaN where neither tells."""
        if self.sizes is not None:
            return self.sizes.astype(float)
        if self.statistics is None or self.statistics.shape[1] < 2:
            return np.full((len(self), 2), np.nan)
        area, ratio = self.statistics[:, :2].astype(float).T
        return np.sqrt(np.column_stack([area / ratio, area * ratio]))

    @cached_property
    def neighbors(self) -> np.ndarray:
        """(n, 2) int: the similar images before and after each one in the sequence, -1 for none."""
        return similar_neighbors(self.names, self.space("descriptor" if self.descriptor is not None else "activations"))

    def space(self, name: str) -> np.ndarray:
        """(n, d) float32 "descriptor" or "activations"; (n, 0) where the batch has none."""
        table = self.descriptor if name == "descriptor" else self.activations
        return np.zeros((len(self), 0), np.float32) if table is None else table

    @cached_property
    def blocks(self) -> tuple[Self, ...]:
        """The batch in parts of at most `BLOCK` images, which share its arrays; itself where it is no larger."""
        if len(self) <= BLOCK:
            return (self,)
        return tuple(self._part(slice(start, start + BLOCK)) for start in range(0, len(self), BLOCK))

    def take(self, indices: Sequence[int] | np.ndarray) -> Self:
        """The same batch with only the images at `indices`, in that order."""
        return self._part(np.asarray(indices, dtype=np.int64))

    def _part(self, chosen: np.ndarray | slice) -> Self:
        # not by the constructor: what was checked as a whole needs no second check, image by image
        part = object.__new__(type(self))
        for field in fields(self):
            value = getattr(self, field.name)
            part.__dict__[field.name] = value if field.name in _OF_ALL else _taken(value, chosen)
        return part


def leading(table: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The place of the largest number in each row of (n, k), the first of equals, -1 where none is above 0; that number
    and the second largest, (n,), at least 0; a row of NaN has none.
    """
    place = np.full(len(table), -1)
    first, second = np.zeros((2, len(table)), table.dtype)
    # column by column: numpy's own maxima along short rows take five times as long
    for column, numbers in enumerate(np.ascontiguousarray(table.T)):
        larger = numbers > first
        np.fmax(second, np.fmin(numbers, first), out=second)
        np.copyto(place, column, where=larger)
        np.copyto(first, numbers, where=larger)
    return place, first, second


def _flat(value: Any) -> Iterator[np.ndarray]:
    """The arrays in a field; what is no array in one of bytes."""
    match value:
        case np.ndarray():
            yield value
        case tuple() if value and isinstance(value[0], np.ndarray):
            for each in value:
                yield from _flat(each)
        case Batch():
            yield np.frombuffer(value.content().encode(), np.uint8)
        case Mapping():
            for key, each in value.items():
                yield from (*_flat(key), *_flat(each))
        case Retake():
            yield from (value.boxes, value.labels, value.confidences, value.in_view)
        case tuple() if value and isinstance(value[0], Retake | None):
            for each in value:
                yield from _flat(each)
        case _:
            yield np.frombuffer(repr(value).encode(), np.uint8)


_OF_ALL = {"task", "class_names", "fingerprint"}


def _taken(value: Any, chosen: np.ndarray | slice) -> Any:
    match value:
        case None:
            return None
        case np.ndarray():
            return value[chosen]
        case Batch():
            return value._part(chosen)
        case Mapping():
            return {key: _taken(each, chosen) for key, each in value.items()}
        case _ if isinstance(chosen, slice):
            return value[chosen]
        case _:
            return tuple(value[i] for i in chosen)


@dataclass(frozen=True, eq=False)
class Reference(Batch):
    """The labeled training set that rules fit on. `boxes` and `box_labels` are the labeled ones;
    predictions of the model on its own training images say little and may be missing.

    Args:
        labels: (n,) int, index into class_names, -1 unknown; classification.
        answers: what a detector says about these images, whose boxes here are the labeled ones; better if it did not
            learn them. None where it was not asked.
        part_descriptors: n arrays (k, d) float32, the descriptors of parts of each image (`hardexamples.crops.places`),
            detection, or None.
        part_held: n arrays (k,) float, whether the part holds an object: 1, 0 or NaN (`hardexamples.crops.held`); with
            part_descriptors.
        fingerprint: names the content (manifest hash, extractor), so that what was fitted can be kept.
    """

    labels: np.ndarray | None = None
    answers: Batch | None = None
    part_descriptors: tuple[np.ndarray, ...] | None = None
    part_held: tuple[np.ndarray, ...] | None = None
    fingerprint: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.answers is not None and (self.answers.names, self.answers.task) != (self.names, self.task):
            raise ValueError("the answers are about other images or another task")
        looks, holds = self.part_descriptors or (), self.part_held or ()
        if len(looks) not in {0, len(self)} or [len(each) for each in looks] != [len(each) for each in holds]:
            raise ValueError("the parts' descriptors and what they hold do not fit together")
        if self.labels is not None:
            labels = np.asarray(self.labels, dtype=np.int64)
            if labels.shape != (len(self),):
                raise ValueError(f"labels has shape {labels.shape}, not ({len(self)},)")
            if ((labels < -1) | (labels >= len(self.class_names))).any():
                raise ValueError("a label is not one of the classes")
            object.__setattr__(self, "labels", labels)
