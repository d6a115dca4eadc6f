"""How good a filter is, from the part of its images that people looked at.

Every flagged image may be looked at, but only a random few of the others are: an error among them stands for many.
`docs/mining.md` says why the intervals are made so. numpy only.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

DRAWS = 4000
FEWEST_PER_STRATUM = 20
LEVELS = (0.025, 0.975)
NORMAL = 1.959964  # the 97.5th percentile of the normal distribution
UNLIKELY = 0.01
EDGE = 1e-9
THRESHOLDS = tuple(round(step / 100, 2) for step in range(101))


@dataclass(frozen=True)
class Stratum:
    """Images among which the reviewed are taken for a random choice.

    Args:
        images: how many there are.
        reviewed: how many of them people judged.
        wrong: of how many of these the prediction was wrong.
        certain: how many independent reviews these are worth, where they were chosen with different chances; None for
            all of them.
    """

    images: int
    reviewed: int
    wrong: int
    rate: float | None = None
    certain: float | None = None

    @property
    def share(self) -> float:
        """Estimated share of wrong predictions; 0 where nobody looked."""
        if self.rate is not None:
            return self.rate
        return self.wrong / self.reviewed if self.reviewed else 0.0

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """(DRAWS,) errors that there may be among all the images: those seen, and a beta-binomial number of those not
        seen with Jeffreys' prior, under which a stratum that nobody looked at may hold any number."""
        worth = self.reviewed if self.certain is None else self.certain
        bad = worth * self.share
        chance = rng.beta(bad + 0.5, worth - bad + 0.5, DRAWS)
        return self.wrong + rng.binomial(self.images - self.reviewed, chance)


@dataclass(frozen=True)
class Share:
    """An estimate with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Estimate:
    """How good the filter is.

    Attributes:
        reviewed_flagged, reviewed_control: how many reviews it rests on.
        precision: share of wrong predictions among the flagged.
        recall: share of all wrong predictions that were flagged; None without any reviewed control image.
        missed: `1 - recall`.
        lift: precision divided by the share of wrong predictions among all images: how many times more errors a
            reviewer meets than in a random choice of as many.
        missed_images: how many wrong predictions were not flagged.
    """

    reviewed_flagged: int
    reviewed_control: int
    precision: Share | None
    recall: Share | None = None
    missed: Share | None = None
    lift: Share | None = None
    missed_images: Share | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def strata_of(bins: Sequence[tuple[int, int, int]], *, tail: int = 0) -> list[Stratum]:
    """Flagged images cut by their coefficient into strata that hold some reviews each.

    People look at the hardest first, so that the reviewed are no random choice of all flagged ones; among images of
    like coefficient they nearly are. Images at the easy end, below all that was reviewed, stay a stratum of their own
    where so many of them would hardly have been passed over by chance: about those nobody knows.

    Args:
        bins: (images, reviewed, wrong) of equal parts of the coefficient, hardest first.
        tail: how many images are easier than all that were reviewed; they are in no bin.
    """
    found: list[Stratum] = []
    open_ = [0, 0, 0]
    images, reviewed = (sum(each[i] for each in bins) for i in (0, 1))
    passed_over = reviewed and tail * math.log(max(1 - reviewed / images, EDGE)) > math.log(UNLIKELY)
    for each in [*bins, (tail, 0, 0)] if passed_over else bins:
        open_ = [old + new for old, new in zip(open_, each, strict=True)]
        if open_[1] >= FEWEST_PER_STRATUM:
            found.append(Stratum(*open_))
            open_ = [0, 0, 0]
    if open_[0] and found:
        last = found.pop()
        open_ = [last.images + open_[0], last.reviewed + open_[1], last.wrong + open_[2]]
    if open_[0]:
        found.append(Stratum(*open_))
    return found if passed_over or not tail else [*found, Stratum(tail, 0, 0)]


def pooled(parts: Sequence[tuple[int, int, int]]) -> Stratum:
    """The images of several runs that were not flagged, as one stratum.

    Each run's control images were drawn at its own rate: an error counts as many times as there are images for each
    one that was looked at (inverse probability weights, Horvitz and Thompson 1952). What these reviews are worth is
    Kish's effective number.

    Args:
        parts: (images, reviewed, wrong) of each run; runs without a review are left out.
    """
    seen = [part for part in parts if part[1]]
    images, reviewed, wrong = (sum(part[i] for part in seen) for i in range(3))
    if not reviewed:
        return Stratum(0, 0, 0)
    weights = np.array([part[0] / part[1] for part in seen])
    counts = np.array([part[1] for part in seen])
    bad = np.array([part[2] for part in seen])
    rate = float(weights @ bad / (weights @ counts))
    certain = float((weights @ counts) ** 2 / (weights**2 @ counts))
    return Stratum(images, reviewed, wrong, rate=rate, certain=certain)


def estimate(flagged: Sequence[Stratum], unflagged: Stratum, *, random_state: int = 0) -> Estimate:
    """Precision, recall, lift and what is missed, with intervals.

    Args:
        flagged: strata of the flagged images.
        unflagged: the others; its reviews are the control sample.
        random_state: seed of the draws.
    """
    rng = np.random.default_rng(random_state)
    counted = sum(s.reviewed for s in flagged), unflagged.reviewed
    looked = [s for s in flagged if s.reviewed]
    if not looked:
        return Estimate(*counted, precision=None)
    images = sum(s.images for s in flagged)
    hits = sum((s.draw(rng) for s in flagged), start=np.zeros(DRAWS))
    share = sum(s.images * s.share for s in looked) / sum(s.images for s in looked)
    precision = _share(share, hits / images)
    if not unflagged.reviewed:
        return Estimate(*counted, precision=precision)
    lost = unflagged.draw(rng)
    found, missing = share * images, unflagged.share * unflagged.images
    errors, total = hits + lost, images + unflagged.images
    recall = _share(found / (found + missing) if found + missing else 1.0, _part(hits, errors))
    base = (found + missing) / total
    return Estimate(
        *counted,
        precision=precision,
        recall=recall,
        missed=Share(1 - recall.value, 1 - recall.high, 1 - recall.low),
        lift=_share(share / base if base else 1.0, _part(hits / images, errors / total)),
        missed_images=_share(missing, lost),
    )


def _part(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.ones(len(part)), where=whole > 0)


def _share(value: float, draws: np.ndarray) -> Share:
    low, high = np.quantile(draws, LEVELS)
    return Share(float(value), float(min(low, value)), float(max(high, value)))


@dataclass(frozen=True)
class Remaining:
    """What a further review is good for.

    Attributes:
        errors: wrong predictions that nobody looked at yet, likely.
        images: how many more images to look at, hardest first, until as few remain as wished, likely.
        images_high: the same to be safe, with every rate at the upper end of its interval.
    """

    errors: float
    images: int
    images_high: int


def remaining(flagged: Sequence[Stratum], unflagged: Stratum, *, share: float) -> Remaining:
    """How many more images should be looked at, hardest first, until fewer than `share` of all are still wrong.

    Args:
        flagged: strata of the flagged images, hardest first.
        unflagged: the others, in which every image counts as equally likely wrong.
        share: 0..1 of all images.
    """
    rng = np.random.default_rng(0)
    strata = [*flagged, unflagged]
    left = [s.images - s.reviewed for s in strata]
    allowed = share * sum(s.images for s in strata)
    likely = [(n, s.share if s.reviewed else 0.5) for n, s in zip(left, strata, strict=True)]
    safe = [
        (n, float(np.quantile(s.draw(rng) - s.wrong, LEVELS[1])) / n if n else 0.0)
        for n, s in zip(left, strata, strict=True)
    ]
    return Remaining(sum(n * rate for n, rate in likely), _until(likely, allowed), _until(safe, allowed))


def _until(parts: Sequence[tuple[int, float]], allowed: float) -> int:
    wrong = sum(n * rate for n, rate in parts)
    looked = 0
    for n, rate in parts:
        if wrong <= allowed:
            break
        if rate and wrong - n * rate <= allowed:
            return looked + int(np.ceil((wrong - allowed) / rate))
        looked, wrong = looked + n, wrong - n * rate
    return looked


@dataclass(frozen=True)
class Curve:
    """Share of the errors caught against the share of images looked at, hardest first.

    Attributes:
        looked: (m,) rising from 0 to 1.
        caught: (m,) by score.
        at: of the first score, for each of `THRESHOLDS`: "looked" and "caught" where all from this score on are looked
            at.
    """

    looked: list[float]
    caught: Mapping[str, list[float]] = field(default_factory=dict)
    at: Mapping[str, list[float]] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def curve(scores: Mapping[str, np.ndarray], wrong: np.ndarray, weights: np.ndarray | None = None) -> Curve:
    """The curve of each score.

    Args:
        scores: (n,) by name, higher is harder, NaN = no opinion, easiest.
        wrong: (n,) bool.
        weights: (n,) > 0, how many images each stands for; None for one.
    """
    grid = np.concatenate([np.linspace(0, 0.2, 21), np.linspace(0.25, 1, 16)])
    counts = np.ones(len(wrong)) if weights is None else weights
    caught = {}
    for name, score in scores.items():
        known = np.nan_to_num(score, nan=-1.0)
        # equal scores are one step: their order says nothing
        steps = np.unique(-known, return_inverse=True)[1]
        looked = np.concatenate([[0.0], np.cumsum(np.bincount(steps, counts)) / counts.sum()])
        found = np.concatenate([[0.0], np.cumsum(np.bincount(steps, counts * wrong))])
        caught[name] = [round(float(y), 4) for y in np.interp(grid, looked, found / max(found[-1], 1e-12))]
    return Curve([round(float(x), 4) for x in grid], caught, _at_thresholds(next(iter(scores.values())), wrong, counts))


def _at_thresholds(score: np.ndarray, wrong: np.ndarray, counts: np.ndarray) -> dict[str, list[float]]:
    reached = np.nan_to_num(score, nan=-1.0) >= np.array(THRESHOLDS)[:, None]
    shares = {"looked": counts, "caught": counts * wrong}
    return {
        name: [round(float(y), 4) for y in reached @ each / max(each.sum(), 1e-12)] for name, each in shares.items()
    }


def wilson(hits: float, n: float) -> Share:
    """`hits` of `n` > 0 with its 95 % interval (Wilson 1927)."""
    share, square = hits / n, NORMAL**2
    middle = (share + square / (2 * n)) / (1 + square / n)
    half = NORMAL * math.sqrt(share * (1 - share) / n + square / (4 * n * n)) / (1 + square / n)
    return Share(share, max(min(middle - half, share), 0.0), min(max(middle + half, share), 1.0))
