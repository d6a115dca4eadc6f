"""What a filter is worth at any threshold: how many images it flags, and how many of the errors it catches.

Before the first review this comes from the rehearsal on the training manifest, then from the reviews and the control
sample. Reads, and never writes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hardexamples.estimates import THRESHOLDS, Share, wilson
from hardexamples.fusion import Fusion
from hardexamples.models import HardExampleFilter, Mining

LOOKED_AT = 20_000


@dataclass(frozen=True)
class Worth:
    """By threshold, in the order of `THRESHOLDS`.

    Attributes:
        looked: share of the images that are flagged, 0..1, where the curve was measured.
        caught: share of the errors that are among them, with its interval.
        flagged: how many images of the latest mining are flagged; empty before the first one.
        total: how many images that mining has.
    """

    looked: list[float]
    caught: list[Share]
    flagged: list[int]
    total: int

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON for the handle of the page."""
        rounded = [[round(each, 4) for each in (share.value, share.low, share.high)] for share in self.caught]
        return {"looked": self.looked, "caught": rounded, "flagged": self.flagged, "total": self.total}

    def at(self, threshold: float) -> int:
        """The place of a threshold."""
        return min(max(round(threshold * (len(THRESHOLDS) - 1)), 0), len(THRESHOLDS) - 1)

    def words(self, threshold: float) -> str:
        """What the page says at a threshold."""
        place = self.at(threshold)
        share = self.caught[place]
        said = f"{share.value:.0%}, interval {share.low:.0%} to {share.high:.0%}"
        flags = f"{self.looked[place]:.0%} of the images"
        if self.total:
            flags = f"{self.flagged[place]:,} of {self.total:,}"
        return f"flags {flags}; expected errors caught {said}"


def worth_of(chosen: HardExampleFilter, figures: Mapping[str, Any], rehearsed: Mapping[str, Any]) -> Worth | None:
    """The worth of a filter; None where nothing was measured yet.

    Args:
        chosen: the filter.
        figures: of its report, may be empty.
        rehearsed: the figures of the fusion in use, may be empty.
    """
    reviewed, played = (each.get("curve") or {} for each in (figures, rehearsed))
    if reviewed.get("at"):
        looked, caught = reviewed["at"]["looked"], _from_reviews(chosen, figures, reviewed["at"]["caught"])
    elif played.get("at") and rehearsed.get("errors"):
        errors = rehearsed["errors"]
        looked, caught = played["at"]["looked"], [wilson(share * errors, errors) for share in played["at"]["caught"]]
    else:
        return None
    latest = chosen.minings.filter(finished_at__isnull=False, fitted__isnull=False).first()
    flagged, total = _flagged(latest) if latest is not None else ([], 0)
    return Worth(looked, caught, flagged, total)


def _from_reviews(chosen: HardExampleFilter, figures: Mapping[str, Any], caught: list[float]) -> list[Share]:
    """The estimated recall at the threshold in use, and around it in proportion to the errors that were seen. Below it
    only few control images were looked at: there the interval reaches up to all errors."""
    recall = Share(**figures["estimate"]["recall"])
    place = round(chosen.algo_hard_threshold * (len(caught) - 1))
    here = caught[place]
    seen = sum(stratum["wrong"] for stratum in figures["strata"])
    found = []
    for share in caught:
        if share <= here:
            part = wilson(share / here * seen, seen) if here and seen else Share(1.0, 0.0, 1.0)
            found.append(Share(recall.value * part.value, recall.low * part.low, recall.high * part.high))
        else:
            more = (share - here) / (1 - here)
            found.append(Share(recall.value + (1 - recall.value) * more, recall.low, 1.0))
    found[place] = recall
    return found


def _flagged(mining: Mining) -> tuple[list[int], int]:
    """How many images of a mining each threshold flags, before any cap; of a large one, by its first images."""
    fusion = Fusion.from_dict(mining.fitted or {})
    about_data = [name for name, figures in fusion.rules.items() if figures.about_data]
    columns = ["coefficient", *(f"scores__{name}" for name in about_data)]
    rows = list(mining.items.order_by("position").values_list(*columns)[:LOOKED_AT])
    if not rows:
        return [0] * len(THRESHOLDS), 0
    table = np.array(rows, float)  # None becomes NaN
    scores = {name: table[:, place] for place, name in enumerate(about_data, start=1)}
    reach = np.maximum(table[:, 0], fusion.lacking(scores, n=len(rows)))
    hard = (reach[:, None] >= np.array(THRESHOLDS)) & (reach > 0)[:, None]
    return [round(count * mining.total / len(rows)) for count in hard.sum(axis=0).tolist()], mining.total
