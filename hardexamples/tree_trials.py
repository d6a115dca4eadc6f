"""A detector on real photographs as a trial: what it says about cuts of three photographs that it never saw.

The numbers stand in `trees.npz`; `docs/trees/cuts.py` wrote it and says from what. No Django.
"""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from hardexamples.rules import Batch, Reference
from hardexamples.rules.boxes import mistaken

SET = "trees"
DETECTION = "object_detection"
CLASS_NAMES = ("tree",)
ANYWHERE, MISSED, EMPTY = "anywhere", "missed", "empty"
"""Cuts anywhere; cuts with crowns of which the detector found nothing; cuts that hold none."""
SHARE = 0.8  # of the labeled images and of the inputs in each round


@cache
def _kept() -> dict[str, Any]:
    with np.load(Path(__file__).with_name("trees.npz")) as kept:
        return dict(kept)


def labeled() -> Reference:
    """The tiles of the photograph that the detector learned, with its answers and with parts of each tile."""
    kept = _kept()
    answers = _said("labeled")
    return Reference(
        names=answers.names,
        task=DETECTION,
        class_names=CLASS_NAMES,
        sizes=answers.sizes,
        statistics=answers.statistics,
        descriptor=answers.descriptor,
        boxes=_split("labeled_truth", "labeled_truth_counts"),
        box_statistics=_split("labeled_truth_statistics", "labeled_truth_counts"),
        answers=answers,
        part_descriptors=tuple(kept["part_descriptors"].astype(np.float32)),
        part_held=tuple(kept["part_held"].astype(float)),
        fingerprint=SET,
    )


def inputs(group: str) -> tuple[Batch, np.ndarray]:
    """The cuts of a group with what the detector says, and (n,) bool whether it is wrong about them.

    Wrong: a box missed, invented or misplaced, IoU below 0.5.

    Args:
        group: `ANYWHERE`, `MISSED` or `EMPTY`.
    """
    batch, truth = _said("input"), _split("input_truth", "input_truth_counts")
    chosen = np.flatnonzero(_kept()["group"] == group)
    part = batch.take(chosen)
    none = [np.zeros(len(truth[index]), int) for index in chosen]
    said = zip(part.boxes or (), part.box_labels or (), part.box_confidences or (), strict=True)
    wrong = [mistaken(each, truth[index], names) for each, index, names in zip(said, chosen, none, strict=True)]
    return part, np.array(wrong)


def rounds(seed: int) -> tuple[Reference, Batch, np.ndarray]:
    """Four fifths of the labeled tiles and of the cuts anywhere, drawn by the seed, and what is wrong."""
    reference, (batch, wrong) = labeled(), inputs(ANYWHERE)
    random = np.random.default_rng(seed)
    some = random.permutation(len(reference))[: round(SHARE * len(reference))]
    asked = random.permutation(len(batch))[: round(SHARE * len(batch))]
    return reference.take(some), batch.take(asked), wrong[asked]


def _said(part: str) -> Batch:
    kept, counts = _kept(), f"{part}_counts"
    return Batch(
        names=tuple(map(str, kept[f"{part}_names"])),
        task=DETECTION,
        class_names=CLASS_NAMES,
        sizes=kept[f"{part}_sizes"],
        statistics=kept[f"{part}_statistics"],
        descriptor=kept[f"{part}_descriptor"].astype(np.float32),
        boxes=_split(f"{part}_boxes", counts),
        box_confidences=_split(f"{part}_confidences", counts),
        box_statistics=_split(f"{part}_box_statistics", counts),
    )


def _split(values: str, counts: str) -> tuple[np.ndarray, ...]:
    kept = _kept()
    return tuple(np.split(kept[values], np.cumsum(kept[counts])[:-1]))
