"""The image differs from the training images in size, light, color or sharpness: reasons 5 to 10."""

from typing import ClassVar

import numpy as np

from hardexamples.rules.contract import Batch, Evidence, Reference, Rule, given
from hardexamples.rules.distribution import Metric, outside, strangeness, told, usual

METRICS = {
    "resolution": Metric(5, "resolution", least=0.1, logarithmic=True, decimals=0, unit=" pixels"),
    "aspect_ratio": Metric(6, "height / width", least=0.05, logarithmic=True),
    "brightness": Metric(7, "brightness", least=0.02),
    "saturation": Metric(8, "saturation", least=0.02),
    "colorfulness": Metric(9, "colorfulness", least=2.0, decimals=1),
    "clarity": Metric(10, "clarity", least=0.2, logarithmic=True, shift=1.0, decimals=0),
}
"""ModelArts' six image metrics in the order of their reasons, which is that of the first six columns of
`hardexamples.features.STATISTICS`."""


class ImageDistribution(Rule):
    """Hard where one of six numbers of the image lies outside those of the training images.

    Outside means: beyond the 1st or 99th percentile by a margin of a quarter of the way from the median, more with few
    training images. The score is 1/2 at the border and grows towards 1; it says that the training set lacks such
    images, not yet that the prediction is wrong.
    """

    algorithm = "feature_distribution_mining"
    reasons: ClassVar = {
        5: "The image resolution is unlike the training set",
        6: "The image aspect ratio is unlike the training set",
        7: "The image brightness is unlike the training set",
        8: "The image saturation is unlike the training set",
        9: "The image color richness is unlike the training set",
        10: "The image clarity is unlike the training set",
    }
    suggestions: ClassVar = {
        5: "Resize such images, or add images of this size to the training set.",
        6: "Crop or pad such images, or add images of this shape to the training set.",
        7: "Check the scene's light; add images of this brightness to the training set.",
        8: "Check the camera's color; add images of this saturation to the training set.",
        9: "Check the camera's color; add images of this color richness to the training set.",
        10: "If it is blurred, sharpen or retake it; otherwise add images of this clarity to the training set.",
    }
    needs = frozenset({"statistics", "reference"})
    rehearsed = False
    voice = 0.12
    full = 0.5
    about_data = True

    def _fit(self, reference: Reference) -> bool:
        table = given(reference.statistics).astype(float)
        self.ranges_ = {}
        for name, column in zip(METRICS, table.T, strict=False):
            span = usual(METRICS[name], column, column, column)
            if span is not None:
                self.ranges_[name] = span
        return bool(self.ranges_)

    def _score(self, batch: Batch) -> np.ndarray:
        table = given(batch.statistics).astype(float)
        far = [
            self.ranges_[name].beyond(METRICS[name].scaled(column))
            for name, column in zip(METRICS, table.T, strict=False)
            if name in self.ranges_
        ]
        silent = np.isnan(far).all(axis=0)
        return np.where(silent, np.nan, strangeness(np.nan_to_num(far).max(axis=0)))

    def _explain(self, batch: Batch) -> list[Evidence]:
        numbers = dict(zip(METRICS, given(batch.statistics)[0].astype(float), strict=False))
        found = []
        for name, _ in outside(METRICS, self.ranges_, numbers):
            metric, span = METRICS[name], self.ranges_[name]
            sentence = told(metric, numbers[name], span)
            found.append(self.evidence(metric.code, numbers[name], sentence, normal=span.normal))
        return found
