"""The boxes differ from the labeled boxes of the training set: reasons 11 to 18."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from hardexamples.rules.boxes import areas, overlaps
from hardexamples.rules.contract import Batch, Evidence, Reference, Rule, given
from hardexamples.rules.distribution import Metric, outside, strangeness, told, usual

METRICS = {
    "count": Metric(11, "number of boxes", least=1.0, decimals=0),
    "area_deviation": Metric(12, "standard deviation of the boxes' areas (share of the image)", least=0.01, decimals=3),
    "aspect_ratio": Metric(13, "height / width", least=0.1, logarithmic=True, shift=0.01),
    "area": Metric(14, "area (share of the image)", least=0.2, logarithmic=True, shift=1e-5, decimals=4),
    "marginality": Metric(15, "distance from the center (the border is 1)", least=0.05),
    "brightness": Metric(16, "brightness", least=0.02),
    "clarity": Metric(17, "clarity", least=0.2, logarithmic=True, shift=1.0, decimals=0),
    "overlap": Metric(18, "largest overlap of two boxes", least=0.05),
}
"""ModelArts' eight box metrics in the order of their reasons."""
OF_A_BOX = frozenset({"aspect_ratio", "area", "marginality", "brightness", "clarity"})


class BoxDistribution(Rule):
    """Hard where the predicted boxes of an image, or one of them, differ from the labeled boxes of the training set.

    Three numbers are of the image as a whole (how many boxes, how their areas differ, how much two of them overlap),
    five of each box; the strangest box of the image counts, against the strangest of each training image. Brightness
    and clarity of boxes are compared only where both sides have been measured, areas and places where sizes are known.
    """

    algorithm = "feature_distribution_mining"
    reasons: ClassVar = {
        11: "The number of boxes is unlike the training set",
        12: "The differences between box areas are unlike the training set",
        13: "A box's aspect ratio is unlike the training set",
        14: "A box's share of the image is unlike the training set",
        15: "A box's distance from the center is unlike the training set",
        16: "A box's brightness is unlike the training set",
        17: "A box's clarity is unlike the training set",
        18: "The overlap of boxes is unlike the training set",
    }
    suggestions: ClassVar = {
        11: "Look for boxes that are missing or doubled; add images with so many objects to the training set.",
        12: "Check the largest and the smallest box; add images with objects of such different sizes.",
        13: "Check the box's borders; add objects of this shape to the training set.",
        14: "Check the box's borders; add objects of this size to the training set.",
        15: "Check whether the object is cut off; add such objects to the training set, or leave them unlabeled.",
        16: "Check the scene's light; add objects of this brightness to the training set.",
        17: "If it is blurred, retake the image; otherwise add objects of this clarity to the training set.",
        18: "Look for boxes that stand twice for one object; add images with such overlaps to the training set.",
    }
    needs = frozenset({"boxes", "reference"})
    rehearsed = False
    voice = 0.12
    full = 0.5
    about_data = True

    def _fit(self, reference: Reference) -> bool:
        self.ranges_ = {}
        if reference.boxes is None:
            return False
        per_image = [measure(reference, index) for index in range(len(reference))]
        for name, metric in METRICS.items():
            values = [each[name] for each in per_image]
            lows = np.array([v.min() if len(v) else np.nan for v in values])
            highs = np.array([v.max() if len(v) else np.nan for v in values])
            span = usual(metric, lows, highs, np.concatenate(values))
            if span is not None:
                self.ranges_[name] = span
        return bool(self.ranges_)

    def _score(self, batch: Batch) -> np.ndarray:
        scores = np.zeros(len(batch))
        for index in range(len(batch)):
            far = [distance for distance, _ in self._beyond(measure(batch, index)).values()]
            scores[index] = max(far, default=0.0)
        return strangeness(scores)

    def _beyond(self, numbers: Mapping[str, np.ndarray]) -> dict[str, tuple[float, int]]:
        """By metric: how far the strangest value lies outside, and its place among the values."""
        found = {}
        for name, span in self.ranges_.items():
            values = numbers[name]
            if np.isfinite(values).any():
                far = np.nan_to_num(span.beyond(METRICS[name].scaled(values)))
                found[name] = (float(far.max()), int(far.argmax()))
        return found

    def _explain(self, batch: Batch) -> list[Evidence]:
        numbers = measure(batch, 0)
        worst = {name: place for name, (_, place) in self._beyond(numbers).items()}
        chosen = {name: float(numbers[name][place]) for name, place in worst.items()}
        found = []
        for name, _ in outside(METRICS, {n: self.ranges_[n] for n in chosen}, chosen):
            metric, span = METRICS[name], self.ranges_[name]
            box = worst[name] if name in OF_A_BOX else None
            sentence = told(metric, chosen[name], span)
            if box is not None:
                label = batch.class_names[given(batch.box_labels)[0][box]]
                sentence = f"box {box + 1}, {label}: {sentence}"
            found.append(self.evidence(metric.code, chosen[name], sentence, normal=span.normal, box=box))
        return found


def measure(batch: Batch, index: int) -> dict[str, np.ndarray]:
    """The numbers of `METRICS` of one image: one number each, or one per box for those of a box; empty where unknown.

    Area as a share of the image; marginality as the distance of the box's center from the image's center over the
    length of the ray through it to the border (ModelArts' marginalization value).
    """
    boxes = given(batch.boxes)[index].astype(float)
    none = np.zeros(0)
    numbers = dict.fromkeys(METRICS, none) | {"count": np.array([float(len(boxes))])}
    if not len(boxes):
        return numbers
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0.0)
    numbers["aspect_ratio"] = np.divide(sides[:, 1], sides[:, 0], out=np.ones(len(boxes)), where=sides[:, 0] > 0)
    shared = overlaps(boxes, boxes)
    np.fill_diagonal(shared, 0.0)
    numbers["overlap"] = np.array([shared.max()])
    frame = batch.frames[index]
    if np.isfinite(frame).all() and (frame > 0).all():
        share = areas(boxes) / frame.prod()
        center = (boxes[:, 2:] + boxes[:, :2]) / 2
        numbers |= {"area": share, "area_deviation": np.array([share.std()])}
        numbers["marginality"] = np.abs(center / (frame / 2) - 1).max(axis=1)
    if batch.box_statistics is not None:
        numbers["brightness"], numbers["clarity"] = batch.box_statistics[index].astype(float).T
    return numbers
