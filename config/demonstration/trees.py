"""The tree crowns: aerial photographs with boxes, cut into tiles, and the small detectors that look at them.

Four photographs with VOC boxes of the National Ecological Observatory Network, as the package deepforest 2.1.0 carries
them (MIT). Only its files are read: its code would need torch. What is learned and what is predicted are split by
photograph, never by tile: tiles of one photograph share light, season and camera.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import distribution
from pathlib import Path

import cv2
import numpy as np

from datasets.formats import voc
from datasets.images import open_image

SIDE = 256
LABEL = "tree"
PHOTOGRAPHS = {
    "meadow": "2019_YELL_2_528000_4978000_image_crop2",
    "road": "2019_YELL_2_541000_4977000_image_crop",
    "sand": "OSBS_029",
    "snags": "SOAP_061",
}
# each half has a detector that learned the other half alone; the meadow has tiles without a tree, the others have none
HALVES = (("meadow",), ("road", "sand", "snags"))
LABELED, INPUTS = HALVES
LEAST_VISIBLE = 0.4
"""The share of a crown that must be inside a cut for its box to count: what a labeler would still draw."""
CROP_SIDES = (96, 128, 192, 256)
TOUCHES = 0.1
"""The intersection over union from which a detection has found something of a crown."""

# how Hardmine feeds the detectors, and how it reads their answers
PROFILE = {
    "task": "object_detection",
    "class_names": [LABEL],
    "input": {"name": "image", "width": SIDE, "height": SIDE},
    "output": {
        "kind": "boxes_scores_classes",
        "boxes": "boxes",
        "scores": "scores",
        "classes": "classes",
        "score_threshold": 0.2,
    },
}


@dataclass(frozen=True)
class Photograph:
    """One whole photograph: pixels (h, w, 3) uint8 RGB, boxes (n, 4) float64 as xmin, ymin, xmax, ymax in pixels."""

    name: str
    pixels: np.ndarray
    boxes: np.ndarray


@dataclass(frozen=True)
class Cut:
    """A square cut of a photograph.

    Attributes:
        photograph: a key of `PHOTOGRAPHS`.
        left, top: where it begins in the photograph, pixels.
        pixels: (side, side, 3) uint8 RGB.
        boxes: (n, 4) float64, xmin, ymin, xmax, ymax in pixels of the cut, clipped to it.
    """

    photograph: str
    left: int
    top: int
    pixels: np.ndarray
    boxes: np.ndarray

    @property
    def name(self) -> str:
        """The file name without its ending: photograph, place and side."""
        return f"{self.photograph}-{self.top:04}-{self.left:04}-{len(self.pixels)}"

    def png(self) -> bytes:
        """The cut as a PNG file."""
        return cv2.imencode(".png", self.pixels[:, :, ::-1])[1].tobytes()

    def voc(self) -> bytes:
        """Its boxes as a VOC file."""
        side = len(self.pixels)
        objects = tuple(voc.VocObject(LABEL, *box) for box in self.boxes.tolist())
        return voc.write(voc.VocAnnotation(f"{self.name}.png", side, side, objects))


@cache
def photograph(name: str) -> Photograph:
    """A photograph with its boxes; what the files call Alive and Dead is a tree as well.

    Args:
        name: a key of `PHOTOGRAPHS`.
    """
    stem = Path(str(distribution("deepforest").locate_file("deepforest/data"))) / PHOTOGRAPHS[name]
    annotation = voc.parse(stem.with_suffix(".xml").read_bytes(), file=stem.name)
    boxes = [(one.xmin, one.ymin, one.xmax, one.ymax) for one in annotation.objects]
    return Photograph(name, open_image(stem.with_suffix(".png").read_bytes()).rgb, np.array(boxes, float))


def tiles(names: Sequence[str]) -> list[Cut]:
    """Whole photographs as tiles of 256 x 256 pixels, evenly spread so that every pixel is in one; few overlap much.

    Args:
        names: keys of `PHOTOGRAPHS`.
    """
    found = []
    for name in names:
        height, width = photograph(name).pixels.shape[:2]
        found += [_cut(name, left, top, SIDE) for top in _starts(height) for left in _starts(width)]
    return found


def detector(name: str) -> bytes:
    """The ONNX file of the detector that has not seen this photograph, nor any of the same half.

    `docs/trees/README.md` says how it was trained and how well it does.
    """
    half = next(number for number, names in enumerate(HALVES) if name in names)
    return Path(__file__).with_name(f"trees_without_{'_'.join(HALVES[half])}.onnx").read_bytes()


def empty_crops(name: str, *, count: int, seed: int) -> Iterator[Cut]:
    """Random cuts that no box touches, not even at its rim.

    Args:
        name: the photograph.
        count: how many; fewer where chance finds no more in a hundred times as many tries.
        seed: of their places and sides.
    """
    random = np.random.default_rng(seed)
    for _ in range(100 * count):
        left, top, side = _anywhere(name, random)
        if count and not _touched(name, left, top, side).any():
            count -= 1
            yield _cut(name, left, top, side)


def missed_crops(
    name: str, *, detect: Callable[[Cut], np.ndarray], count: int, seed: int, tries: int = 100
) -> Iterator[Cut]:
    """Random cuts with at least one crown, of which the detector finds nothing: not one detection touches a crown.

    Args:
        name: the photograph; the detector must not have learned it.
        detect: what the detector says of a cut: (m, 4) boxes in pixels of the cut, those above its threshold.
        count: how many.
        seed: of their places and sides.
        tries: places tried per cut before it gives up.
    """
    random = np.random.default_rng(seed)
    boxes = photograph(name).boxes
    for _ in range(tries * count):
        if not count:
            return
        box = boxes[random.integers(len(boxes))]
        left, top, side = _around(name, box, random)
        cut = _cut(name, left, top, side)
        whole = len(cut.boxes) == _touched(name, left, top, side).sum()  # no rest of a crown that counts as none
        if whole and len(cut.boxes) and (overlaps(cut.boxes, detect(cut)) < TOUCHES).all():
            count -= 1
            yield cut


def random_cut(name: str, random: np.random.Generator) -> Cut | None:
    """A cut anywhere in the photograph; None where a crown is a mere rest at its rim, of which nobody could say whether
    it is missed."""
    left, top, side = _anywhere(name, random)
    cut = _cut(name, left, top, side)
    return cut if len(cut.boxes) == _touched(name, left, top, side).sum() else None


def overlaps(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Intersection over union of each box of the first (n, 4) with each of the second (m, 4): (n, m)."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    shared = np.clip(np.minimum(first[:, None, 2:], second[None, :, 2:]) - low, 0, None).prod(axis=2)
    union = _areas(first)[:, None] + _areas(second)[None] - shared
    return shared / np.maximum(union, 1e-9)


def _starts(length: int) -> list[int]:
    return [int(start) for start in np.linspace(0, length - SIDE, -(-length // SIDE)).round()]


def _anywhere(name: str, random: np.random.Generator) -> tuple[int, int, int]:
    height, width = photograph(name).pixels.shape[:2]
    side = int(random.choice(CROP_SIDES))
    return int(random.integers(width - side + 1)), int(random.integers(height - side + 1)), side


def _around(name: str, box: np.ndarray, random: np.random.Generator) -> tuple[int, int, int]:
    height, width = photograph(name).pixels.shape[:2]
    side = int(random.choice(CROP_SIDES))
    start = (box[:2] + box[2:]) / 2 - random.uniform(0.2, 0.8, 2) * side
    left, top = np.clip(start.round(), 0, [width - side, height - side]).astype(int)
    return int(left), int(top), side


def _touched(name: str, left: int, top: int, side: int) -> np.ndarray:
    boxes = photograph(name).boxes - [left, top, left, top]
    return (boxes[:, :2] < side).all(axis=1) & (boxes[:, 2:] > 0).all(axis=1)


def _cut(name: str, left: int, top: int, side: int) -> Cut:
    whole = photograph(name)
    moved = whole.boxes - [left, top, left, top]
    inside = np.clip(moved, 0, side)
    seen = _areas(inside) >= LEAST_VISIBLE * _areas(moved)
    return Cut(name, left, top, whole.pixels[top : top + side, left : left + side], inside[seen])


def _areas(boxes: np.ndarray) -> np.ndarray:
    return (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
