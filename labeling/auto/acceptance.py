"""What can be accepted without looking, with a stated risk.

A random part of the images, the control share, is labeled by people without regard to what the model said. Above a
confidence, so many of these were wrong: that bounds the errors among the others above it, which nobody has looked at.
Thresholds are tried from the highest down, in steps that depend on the confidences alone, until the first that cannot
be vouched for (fixed sequence testing, Angelopoulos et al. 2021); so the stated level holds for the one that is chosen.
The test is exact for the finite number of images (hypergeometric).
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import beta, hypergeom

BOUNDS = (0.01, 0.05)
LEVEL = 0.95
CONTROL_SHARE = 0.1  # of what could be accepted is kept back for people
BLOCK = 500  # numbers tried at once
STEP = 1.1  # each threshold tried takes in a tenth more of the control images


@dataclass(frozen=True)
class Offer:
    """What could be accepted at once.

    Attributes:
        bound: the share of errors that is allowed, 0..1.
        threshold: the confidence from which on it holds; None: it can be vouched for nowhere.
        accepted: how many unseen images reach it.
        rests_on: how many control images reach it; without a threshold, how many there are.
        wrong: how many of these were wrong.
        error_at_most: with 95 % confidence, the share of errors, 0..1; 1 where nothing is known.
        needed: without a threshold: of how many control images it takes at least, the others of them right; None: it
            cannot be reached with so few images.
        left: how many images would then be left to accept.
    """

    bound: float
    threshold: float | None
    accepted: int
    rests_on: int
    wrong: int
    error_at_most: float
    needed: int | None = None
    left: int = 0


def offer(
    confidence: np.ndarray, wrong: np.ndarray, unseen: np.ndarray, *, bound: float, level: float = LEVEL
) -> Offer:
    """How many images can be accepted with at most `bound` errors among them.

    Args:
        confidence: (n,) float of the control images, 0..1; a random choice of all images.
        wrong: (n,) bool, people decided otherwise.
        unseen: (m,) float, confidences of the images that nobody has looked at.
        bound: allowed share of errors among those accepted, above 0 and below 1.
        level: probability with which the bound holds, over the choice of the control images.
    """
    order = np.argsort(-confidence, kind="stable")
    sure, mistakes = confidence[order], np.cumsum(wrong[order])
    others = np.sort(unseen)
    found: Offer | None = None
    for count in _steps(sure, others, bound, level):
        threshold = float(sure[count - 1])
        accepted = int(len(others) - np.searchsorted(others, threshold, side="left"))
        if not _vouched(int(mistakes[count - 1]), count, accepted, bound, level):
            break
        if accepted:
            most = _most_errors(int(mistakes[count - 1]), count, level)
            found = Offer(bound, threshold, accepted, count, int(mistakes[count - 1]), most)
    if found is not None:
        return found
    most = _most_errors(int(wrong.sum()), len(wrong), level)
    total = len(wrong) + len(others)
    # where none was wrong it takes more than there are; where some were, they may be too many, not too few
    above = 0 if wrong.any() else len(wrong)
    least = needed(total, bound=bound, level=level, above=above) if len(others) else None
    left = 0 if least is None else total - max(least, len(wrong))
    return Offer(bound, None, 0, len(wrong), int(wrong.sum()), most, least, left)


def needed(total: int, *, bound: float, level: float = LEVEL, above: int = 0) -> int | None:
    """How many of `total` images must be control images, none of them wrong, to vouch for all the others: the least
    number above `above`; None where none would do."""
    first = above + 1
    while first < total:
        counts = np.arange(first, min(first * 2 + BLOCK, total))
        others = total - counts
        bad = np.floor(bound * others + 1e-9).astype(np.int64) + 1
        enough = (bad > others) | (hypergeom.cdf(0, total, bad, counts) <= 1 - level)
        if enough.any():
            return int(counts[enough.argmax()])
        first = int(counts[-1]) + 1
    return None


def _steps(sure: np.ndarray, others: np.ndarray, bound: float, level: float) -> list[int]:
    """How many of the most confident control images each threshold takes in; equal confidences stay together."""
    steps: list[int] = []
    count = 1
    while count <= len(sure):
        whole = int(np.searchsorted(-sure, -sure[count - 1], side="right"))
        accepted = int(len(others) - np.searchsorted(others, sure[whole - 1], side="left"))
        if _vouched(0, whole, accepted, bound, level):  # fewer could not vouch for it even without an error
            steps.append(whole)
            count = max(whole + 1, int(whole * STEP))
        else:
            count = whole + 1
    if steps and steps[-1] < len(sure):
        steps.append(len(sure))
    return steps


def _vouched(wrong: int, count: int, accepted: int, bound: float, level: float) -> bool:
    """Whether more than the allowed errors among the accepted would make so few among the control images unlikely."""
    least_bad = int(np.floor(bound * accepted + 1e-9)) + 1
    if least_bad > accepted:
        return True
    chance = hypergeom.cdf(wrong, count + accepted, wrong + least_bad, count)
    return bool(chance <= 1 - level)


def _most_errors(wrong: int, count: int, level: float) -> float:
    """Upper limit of a share (Clopper and Pearson 1934)."""
    return 1.0 if wrong >= count else float(beta.ppf(level, wrong + 1, count - wrong))
