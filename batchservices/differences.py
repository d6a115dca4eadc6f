"""What differs between two answers about one image. Plain values, no Django."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from batchservices.predictions import Detection
from hardexamples.rules.boxes import matched, overlaps

BELONGS = 0.5
MOVED = 0.8


@dataclass(frozen=True)
class Difference:
    """How an answer differs from the one before.

    Args:
        kinds: of "changed_label", "moved", "added", "removed", "newly_hard", "no_longer_hard"; empty: the same.
        labels: (before, after) of each label that changed, "" for none.
    """

    kinds: frozenset[str]
    labels: tuple[tuple[str, str], ...] = ()


def of_labels(before: str, after: str) -> Difference:
    """Of two classifiers' answers, by the predicted label, "" for none."""
    if before == after:
        return Difference(frozenset())
    return Difference(frozenset({"changed_label"}), ((before, after),))


def of_boxes(before: Detection, after: Detection) -> Difference:
    """Of two detectors' answers.

    Boxes belong together from an IoU of 0.5 on, the largest first. Of two that do, the box has moved where the IoU is
    below 0.8, and its label has changed where the names differ. The others are removed and added.
    """
    if before == after:
        return Difference(frozenset())
    some, others = _table(before.boxes), _table(after.boxes)
    pairs = matched(some, others, least=BELONGS)
    table = overlaps(some, others)
    labels = [(before.labels[i], after.labels[j]) for i, j in pairs if before.labels[i] != after.labels[j]]
    found = {
        "changed_label": bool(labels),
        "moved": any(table[i, j] < MOVED for i, j in pairs),
        "removed": len(pairs) < len(some),
        "added": len(pairs) < len(others),
    }
    return Difference(frozenset(kind for kind, there in found.items() if there), tuple(labels))


def of_hardness(before: bool | None, after: bool | None) -> frozenset[str]:
    """Newly hard or no longer hard; nothing where a filter has not looked at one of them."""
    if before is None or after is None or before == after:
        return frozenset()
    return frozenset({"newly_hard" if after else "no_longer_hard"})


class Contents:
    """Finds inputs by their SHA-256, in 16 bytes each: a run may have a million.

    Args:
        sha256s: n hexadecimal.
        positions: n, of each.
    """

    def __init__(self, sha256s: Sequence[str], positions: Sequence[int]) -> None:
        keys = _keys(sha256s)
        order = np.argsort(keys, kind="stable")
        self.keys, self.positions = keys[order], np.asarray(positions, np.int64)[order]

    def find(self, sha256s: Sequence[str]) -> np.ndarray:
        """(m,) int: the first position of each, -1 for none."""
        keys = _keys(sha256s)
        if not len(self.keys):
            return np.full(len(keys), -1)
        places = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(self.keys[places] == keys, self.positions[places], -1)


def _keys(sha256s: Sequence[str]) -> np.ndarray:
    # 64 of its 256 bits: two of a million different images share them with a chance of 1 in 10^7
    return np.array([int(sha256[:16], 16) for sha256 in sha256s], np.uint64)


def _table(boxes: Sequence[tuple[float, ...]]) -> np.ndarray:
    return np.array(boxes, float).reshape(-1, 4)
