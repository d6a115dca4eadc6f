"""One number of an image or a box against the same number in the training set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hardexamples.rules.contract import normal_range

FEWEST = 20  # training images; below, there is no range to speak of
MARGIN = 0.25  # of the way from the median to the 1st or 99th percentile, on top of it
SMALL_SAMPLE = 5  # the margin grows by this over the number of training images


@dataclass(frozen=True)
class Metric:
    """One number and how it is told.

    Args:
        code: reason of an offset.
        words: what it is called in a sentence.
        least: the smallest difference that matters, in the unit of `scaled`; it keeps a training set whose images
            are all alike from calling everything else strange.
        logarithmic: differences are factors: `scaled` is log(number + shift).
        shift: keeps the logarithm away from 0.
        decimals: how many are printed.
        unit: printed after the number.
    """

    code: int
    words: str
    least: float
    logarithmic: bool = False
    shift: float = 0.0
    decimals: int = 2
    unit: str = ""

    def scaled(self, numbers: np.ndarray) -> np.ndarray:
        """The numbers as differences are measured."""
        return np.log(np.maximum(numbers + self.shift, 1e-9)) if self.logarithmic else np.asarray(numbers, float)

    def printed(self, number: float) -> str:
        """With its unit, for people."""
        return f"{number:,.{self.decimals}f}{self.unit}"


@dataclass(frozen=True)
class Range:
    """What is usual of a metric: 1st to 99th percentile with a margin, and the distance that counts as 1 beyond."""

    low: float
    high: float
    step_down: float
    step_up: float
    normal: tuple[float | None, float | None]

    def beyond(self, scaled: np.ndarray) -> np.ndarray:
        """How far outside, in steps, 0 inside; NaN stays."""
        down = np.maximum(self.low - scaled, 0) / self.step_down
        return np.maximum(down, np.maximum(scaled - self.high, 0) / self.step_up)


def usual(metric: Metric, lows: np.ndarray, highs: np.ndarray, values: np.ndarray) -> Range | None:
    """The range of a metric in a training set.

    Args:
        lows, highs: (p,) the smallest and the largest number of each training image, the same for a metric of images.
            Their percentiles are taken, so that an image of twenty ordinary boxes is as ordinary as one of two.
        values: all numbers, for the normal range that people read.

    Returns:
        None where fewer than 20 images have the number.
    """
    least, most = (metric.scaled(each[np.isfinite(each)]) for each in (lows, highs))
    if len(least) < FEWEST:
        return None
    margin = MARGIN + SMALL_SAMPLE / len(least)
    bottom, top = np.percentile(least, 1), np.percentile(most, 99)
    step_down = max(float(np.median(least) - bottom), metric.least)
    step_up = max(float(top - np.median(most)), metric.least)
    low, high = float(bottom - margin * step_down), float(top + margin * step_up)
    return Range(low, high, step_down, step_up, normal_range(values))


def strangeness(beyond: np.ndarray) -> np.ndarray:
    """0 inside the usual range, 1/2 at its border and towards 1 far outside; NaN stays."""
    return np.where(beyond > 0, 1 - 0.5 * np.exp(-beyond), beyond)


def outside(
    metrics: Mapping[str, Metric], ranges: Mapping[str, Range], numbers: Mapping[str, float]
) -> Sequence[tuple[str, float]]:
    """(name, steps beyond) of the numbers outside their range, the farthest first."""
    far = {name: float(r.beyond(metrics[name].scaled(np.array([numbers[name]])))[0]) for name, r in ranges.items()}
    return sorted(((name, steps) for name, steps in far.items() if steps > 0), key=lambda each: (-each[1], each[0]))


def told(metric: Metric, number: float, span: Range) -> str:
    """The number beside what is normal, as a sentence."""
    sentence = f"{metric.words} {metric.printed(number)}"
    low, high = span.normal
    if low is None or high is None:
        return sentence
    return f"{sentence}; in the training set {metric.printed(low)} to {metric.printed(high)}"
