"""Decides a mining anew from the scores that it kept: other weights, threshold, cap or filter, without a new run.

What it would change can be seen before it is applied. Nothing here loads a model or learns: kept numbers are fused,
which takes seconds for a hundred thousand images also in a web process.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

import numpy as np

from config.refusals import Refused
from datasets.hardness import decided
from datasets.models import Dataset
from hardexamples import store
from hardexamples.cut import cut, fusion_of
from hardexamples.diversity import stacks
from hardexamples.features import EXTRACTOR, VERSION
from hardexamples.filter_settings import FilterSettings
from hardexamples.filters import settings_of
from hardexamples.fusion import Fusion
from hardexamples.models import HardExampleFilter, Mining, MiningItem, MiningStatus
from hardexamples.notation import parse_weights
from hardexamples.scoring import FUSION_VERSION

BINS = 20
CHANGEABLE = ("comprehensive_algo_config", "algo_hard_threshold", "fusion", "cap")


@dataclass(frozen=True)
class Wish:
    """How a mining shall be decided: settings with their fusion, the filter that they came from, and in words what of
    that filter has no meaning here."""

    settings: FilterSettings
    fusion: Fusion
    chosen: HardExampleFilter | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Plan:
    """A mining of n images as it stands and as it would be, in the order of its positions.

    Attributes:
        positions: (n,) int.
        sha256s: (n,) "S64".
        was_hard, hard: (n,) bool, before and after.
        coefficient: (n,) float in 0..1, after.
    """

    positions: np.ndarray
    sha256s: np.ndarray
    was_hard: np.ndarray
    hard: np.ndarray
    coefficient: np.ndarray

    @property
    def added(self) -> np.ndarray:
        """(n,) bool: those that become hard."""
        return self.hard & ~self.was_hard

    @property
    def dropped(self) -> np.ndarray:
        """(n,) bool: those that are not hard any more."""
        return self.was_hard & ~self.hard


@dataclass(frozen=True)
class Preview:
    """What a re-cut would do, in images. `decided`: of those added or dropped, on how many a person has decided, whose
    samples stay as they are; `histogram` counts the coefficients in twenty equal parts of 0..1."""

    flagged: int
    would_be: int
    added: int
    dropped: int
    kept: int
    decided: int
    histogram: tuple[int, ...]
    notes: tuple[str, ...]


def wish(*, mining: Mining, chosen: HardExampleFilter | None = None, changes: Mapping[str, Any] | None = None) -> Wish:
    """Reads what somebody wants of a mining.

    Args:
        mining: a finished one.
        chosen: another filter, whose weights (also learned ones), threshold, fusion and cap shall hold; None stays with
            the settings of the mining.
        changes: of `CHANGEABLE`, what shall be otherwise: weights in ModelArts' notation, a threshold in 0..1, "fitted"
            or "weights", at most so many hard examples or None.

    Raises:
        Refused: not_mined, old_figures, not_asked, not_learned (409); invalid_notation, bad_value.
    """
    if mining.status != MiningStatus.FINISHED:
        raise Refused(
            "not_mined", "This mining has not come to its end, so there is nothing to decide anew.", status=409
        )
    if mining.fusion_version != FUSION_VERSION or not mining.fitted:
        words = "This mining was made by an older version, whose figures mean something else. Start the service again."
        raise Refused("old_figures", words, status=409)
    settings = FilterSettings.from_dict(mining.settings)
    kept = _as_mined(mining)
    notes: list[str] = []
    learned = None
    if chosen is not None:
        theirs = settings_of(chosen)
        settings = replace(
            settings, weights=theirs.weights, fusion=theirs.fusion, threshold=theirs.threshold, cap=theirs.cap
        )
        learned = _learned(chosen)
        if theirs.measure != mining.settings["measure"]:
            notes.append(f"{chosen} measures doubt by {theirs.measure.replace('_', ' ')}; the kept scores stay.")
    settings = _changed(settings, changes or {})
    asked = {figures.algorithm for figures in kept.rules.values()}
    unasked = [name for name, weight in settings.weights.items() if weight and name not in asked]
    if unasked:
        words = "was" if len(unasked) == 1 else "were"
        notes.append(f"{', '.join(unasked)} {words} not asked in this mining and will have no opinion.")
    fusion = fusion_of(kept, settings, learned=learned)
    settings = replace(settings, weights={name: w for name, w in settings.weights.items() if name in asked})
    return Wish(settings, fusion, chosen, tuple(notes))


def preview(*, mining: Mining, wanted: Wish, dataset: Dataset) -> Preview:
    """What `wanted` would change, without changing anything.

    Args:
        mining: that the wish was read for.
        wanted: as `wish` read it.
        dataset: where the hard examples of the mining are.
    """
    made = plan(mining=mining, settings=wanted.settings, fusion=wanted.fusion)
    touched = [sha256.decode() for sha256 in made.sha256s[made.added | made.dropped]]
    people = decided(dataset=dataset, sha256s=touched)
    return Preview(
        flagged=int(made.was_hard.sum()),
        would_be=int(made.hard.sum()),
        added=int(made.added.sum()),
        dropped=int(made.dropped.sum()),
        kept=int((made.was_hard & made.hard).sum()),
        decided=sum(sha256 in people for sha256 in touched),
        histogram=tuple(np.histogram(made.coefficient, bins=BINS, range=(0, 1))[0].tolist()),
        notes=wanted.notes,
    )


def plan(*, mining: Mining, settings: FilterSettings, fusion: Fusion) -> Plan:
    """The verdicts of other settings beside those that stand."""
    kept = _kept(mining.pk, mining.finished_at)
    n = len(kept.positions)

    def points(places: np.ndarray) -> np.ndarray:
        return _points([kept.sha256s[place].decode() for place in places])

    coefficient, hard = cut(fusion, settings, kept.scores, n=n, points=points)
    flagged = MiningItem.objects.filter(mining=mining, flagged=True).values_list("position", flat=True)
    was_hard = np.zeros(n, bool)
    was_hard[np.searchsorted(kept.positions, np.fromiter(flagged.iterator(chunk_size=5000), np.int64))] = True
    return Plan(kept.positions, kept.sha256s, was_hard, hard, coefficient)


def coefficients_of(mining: Mining) -> np.ndarray:
    """(n,) float in 0..1: how the images of a mining stand, in the order of its positions."""
    rows = MiningItem.objects.filter(mining=mining).order_by("position").values_list("coefficient", flat=True)
    return np.fromiter(rows.iterator(chunk_size=5000), float)


def stacked(*, mining: Mining, made: Plan) -> dict[int, str]:
    """The stack of each image that is hard in a plan, by its position; "" for one without near copies."""
    hard = np.flatnonzero(made.hard)
    points = _points([made.sha256s[place].decode() for place in hard])
    leader = stacks(points, np.argsort(-made.coefficient[hard], kind="stable"))
    several = np.bincount(leader, minlength=len(hard))[leader] > 1
    return {
        int(made.positions[place]): f"{mining.pk}-{made.positions[hard[leader[index]]]}" if several[index] else ""
        for index, place in enumerate(hard)
    }


def _points(sha256s: list[str]) -> np.ndarray:
    vectors = store.load(sha256s, EXTRACTOR, VERSION).vectors
    return np.zeros((len(sha256s), 0), np.float32) if vectors is None else vectors


def state_of(mining: Mining) -> dict[str, Any]:
    """How a mining is decided at present, as a `Recut` keeps it."""
    return {
        "filter": str(mining.filter) if mining.filter else "",
        "settings": mining.settings,
        "fitted": mining.fitted,
    }


def state_wanted(mining: Mining, wanted: Wish) -> dict[str, Any]:
    """The same of what is wanted; what the training set taught beside the weights stays."""
    return {
        "filter": str(wanted.chosen or mining.filter or ""),
        "settings": wanted.settings.as_dict(),
        "fitted": {**(mining.fitted or {}), **wanted.fusion.as_dict()},
    }


@dataclass(frozen=True, eq=False)
class _Kept:
    positions: np.ndarray
    sha256s: np.ndarray
    scores: dict[str, np.ndarray]


@lru_cache(maxsize=1)
def _kept(mining_id: int, finished_at: datetime | None) -> _Kept:
    """What every rule said, as a table: once mined it never changes, so that a slider need not read it again."""
    rows = MiningItem.objects.filter(mining=mining_id).order_by("position")
    n = rows.count()
    positions = np.empty(n, np.int64)
    sha256s = np.empty(n, "S64")
    scores: dict[str, np.ndarray] = {}
    said = rows.values_list("position", "sha256", "scores")
    for index, (position, sha256, of_rules) in enumerate(said.iterator(chunk_size=2000)):
        positions[index], sha256s[index] = position, sha256
        for name, score in of_rules.items():
            if score is not None:
                if name not in scores:
                    scores[name] = np.full(n, np.nan)
                scores[name][index] = score
    return _Kept(positions, sha256s, scores)


def _as_mined(mining: Mining) -> Fusion:
    """The figures of all rules that were asked: a re-cut may have left some of them out since."""
    first = mining.recuts.order_by("pk").first()
    return Fusion.from_dict(first.before["fitted"] if first else mining.fitted or {})


def _learned(chosen: HardExampleFilter) -> Fusion | None:
    if not chosen.fitted:
        return None
    if chosen.fitted.get("version") != FUSION_VERSION:
        words = f"What {chosen} has learned is of an older version. Let it learn again."
        raise Refused("old_figures", words, status=409, field="filter")
    return Fusion.from_dict(chosen.fitted)


def _changed(settings: FilterSettings, changes: Mapping[str, Any]) -> FilterSettings:
    values: dict[str, Any] = {}
    if "comprehensive_algo_config" in changes:
        values["weights"] = parse_weights(changes["comprehensive_algo_config"])
    for name, ours in (("algo_hard_threshold", "threshold"), ("fusion", "fusion"), ("cap", "cap")):
        if name in changes:
            values[ours] = changes[name]
    try:
        return replace(settings, **values)
    except (ValueError, TypeError) as error:
        raise Refused("bad_value", f"These settings make no sense: {error}.") from None
