"""Measures the tree detectors on the photographs that they have not seen, with the product's own inference.

    PYTHONPATH=. python docs/trees/measure.py

Figures at intersection over union 0.5; a crown at the rim of a tile counts as the tile shows it.
"""

import hashlib
import sys
import time
from collections.abc import Iterable

import numpy as np

from batchservices import inference
from config.demonstration import trees

SURE = trees.PROFILE["output"]["score_threshold"]  # type: ignore[index]


def found_in(model: bytes, cuts: Iterable[trees.Cut]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Per cut the boxes (m, 4) and their confidences (m,), down to 0.05."""
    profile = trees.PROFILE | {"output": {**trees.PROFILE["output"], "score_threshold": 0.05}}  # type: ignore[dict-item]
    inference.load(model, hashlib.sha256(model).hexdigest(), profile, None)
    answers = [inference.predict_image(cut.png()) for cut in cuts]
    return [(answer["boxes"], answer["confidences"]) for answer in answers]


def hits(cuts: list[trees.Cut], found: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """All detections, the surest first: confidence (n,) and whether each is the first to find its crown (n,)."""
    confidences, right = [], []
    for cut, (boxes, sure) in zip(cuts, found, strict=True):
        shared = trees.overlaps(boxes, cut.boxes)
        for row, confidence in zip(shared, sure, strict=True):  # the surest first, as inference gives them
            best = int(row.argmax()) if row.size else -1
            right.append(best >= 0 and row[best] >= 0.5)
            confidences.append(confidence)
            if right[-1]:
                shared[:, best] = 0
    order = np.argsort(-np.array(confidences), kind="stable")
    return np.array(confidences)[order], np.array(right, bool)[order]


def average_precision(right: np.ndarray, crowns: int) -> float:
    """Area below the precision made falling over recall, at every recall (as COCO's and VOC's since 2010)."""
    precision = right.cumsum() / np.arange(1, len(right) + 1)
    falling = np.maximum.accumulate(precision[::-1])[::-1]
    return float(falling[right].sum() / crowns)


def main() -> None:
    for name in trees.PHOTOGRAPHS:
        cuts = trees.tiles([name])
        started = time.perf_counter()
        found = found_in(trees.detector(name), cuts)
        milliseconds = (time.perf_counter() - started) / len(cuts) * 1000
        crowns = sum(len(cut.boxes) for cut in cuts)
        confidences, right = hits(cuts, found)
        sure = confidences >= SURE
        sys.stdout.write(
            f"{name:7} {len(cuts)} tiles, {crowns} crowns: AP50 {average_precision(right, crowns):.3f}, at {SURE}: "
            f"recall {right[sure].sum() / crowns:.3f}, precision {right[sure].mean():.3f}, {milliseconds:.0f} ms each\n"
        )


if __name__ == "__main__":
    main()
