"""A rehearsal of the filter on a detector's answers to the labeled images.

`docs/mining.md` says why it is played so. numpy and scikit-learn only.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import KFold

from hardexamples.rules.boxes import mistaken
from hardexamples.rules.contract import Batch, Reference, Rule, given

FOLDS = 5
LIKELY_ERRORS = 0.12  # share of the boxes about which a deployed detector may well be wrong, and of images at least
FEWEST_OF_A_KIND = 10  # right and wrong answers
FEWEST_DOUBTED = 10  # boxes
SHIFT = (0.4, 0.8)  # of a box's sides: below the half that makes it the same box

type Answer = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Boxes (m, 4), labels (m,), confidences (m,) and box statistics (m, 2) of one image."""


def rehearse_detector(
    found: Mapping[str, Rule],
    reference: Reference,
    *,
    random_state: int,
    between: Callable[[], None] | None = None,
) -> tuple[dict[str, np.ndarray], np.ndarray] | None:
    """Play the filter's work on the labeled images, where the detector's mistakes are known.

    An answer is wrong if a box is missed, invented, misplaced or misnamed. Who is wrong about less than `LIKELY_ERRORS`
    of the images knows them by heart: then right answers, drawn by chance, get a fault until as many are wrong as
    errors about that share of the boxes would spoil. An image without a found box is left out, for one rule alone
    decides about it, unless too few right or wrong answers remain to know how often the detector errs.

    Args:
        found, reference, random_state, between: as `hardexamples.rehearsal.rehearse`.

    Returns:
        (m,) scores by rule and (m,) bool "the answer was wrong"; None where there are no answers, or too few.
    """
    answers, truth = reference.answers, reference.boxes
    if answers is None or answers.boxes is None or truth is None:
        return None
    if len(reference) < FOLDS * 2:
        return None
    real = list(zip(truth, given(reference.box_labels), strict=True))
    said = _answers(answers)
    wrong = np.array([_mistaken(each, *there) for each, there in zip(said, real, strict=True)])
    _spoil(said, wrong, real, np.random.default_rng(random_state))
    batch = _batch(answers, said)
    spoke = np.array([len(boxes) > 0 for boxes in given(batch.boxes)])
    if min((wrong & spoke).sum(), (~wrong & spoke).sum()) >= FEWEST_OF_A_KIND:
        reference, batch, wrong = reference.take(spoke.nonzero()[0]), batch.take(spoke.nonzero()[0]), wrong[spoke]
    scores = {name: np.full(len(reference), np.nan) for name in found}
    for learned, asked in KFold(FOLDS, shuffle=True, random_state=random_state).split(wrong):
        part, seen = reference.take(learned), batch.take(asked)
        for name, rule in found.items():
            if rule.alone and rule.rehearsed:
                if between is not None:
                    between()
                scores[name][asked] = clone(rule).fit(part).score(seen)
    return scores, wrong


def _answers(batch: Batch) -> list[Answer]:
    boxes, labels, sure = given(batch.boxes), given(batch.box_labels), given(batch.box_confidences)
    measured = batch.box_statistics or tuple(np.full((len(each), 2), np.nan, np.float32) for each in boxes)
    return list(zip(boxes, labels, sure, measured, strict=True))


def _batch(answers: Batch, said: list[Answer]) -> Batch:
    boxes, labels, sure, measured = zip(*said, strict=True)
    kept = None if answers.box_statistics is None else measured
    return replace(
        answers, boxes=boxes, box_labels=labels, box_confidences=sure, box_statistics=kept, augmented_boxes=None
    )


def _mistaken(answer: Answer, truth: np.ndarray, names: np.ndarray) -> bool:
    return mistaken(answer[:3], truth, names)


def _spoil(
    said: list[Answer], wrong: np.ndarray, real: list[tuple[np.ndarray, np.ndarray]], rng: np.random.Generator
) -> None:
    """Put faults into right answers, in place, where fewer are wrong than is likely."""
    wanted = np.mean([1 - (1 - LIKELY_ERRORS) ** len(boxes) for boxes, *_ in said])
    doubt = _doubted(said, wrong)
    if wrong.mean() >= LIKELY_ERRORS:
        return
    for place in rng.permutation(np.flatnonzero(~wrong & [len(boxes) > 0 for boxes, *_ in said])):
        if wrong.mean() >= wanted:
            return
        said[place] = _with_fault(said[place], float(rng.choice(doubt)), rng)
        wrong[place] = _mistaken(said[place], *real[place])


def _doubted(said: list[Answer], wrong: np.ndarray) -> np.ndarray:
    """Confidences that boxes with a fault may have: those in wrong answers, or the lower half of all where such boxes
    are too few."""
    theirs = [sure for (_, _, sure, _), bad in zip(said, wrong, strict=True) if bad]
    if sum(map(len, theirs)) >= FEWEST_DOUBTED:
        return np.concatenate(theirs)
    everyone = np.sort(np.concatenate([sure for _, _, sure, _ in said]))
    return everyone[: -(-len(everyone) // 2)]


def _with_fault(answer: Answer, doubt: float, rng: np.random.Generator) -> Answer:
    """The answer with one box missed, moved or said twice."""
    boxes, labels, sure, measured = (each.copy() for each in answer)
    one = int(rng.integers(len(boxes)))
    kind = rng.choice(["missed", "moved", "twice"])
    if kind == "missed" and len(boxes) > 1:
        return tuple(np.delete(each, one, axis=0) for each in (boxes, labels, sure, measured))  # type: ignore[return-value]
    away = rng.uniform(*SHIFT, 2) * rng.choice([-1, 1], 2) * (boxes[one, 2:] - boxes[one, :2])
    moved = boxes[one] + np.tile(away, 2).astype(boxes.dtype)
    if kind == "twice":
        unknown = np.full((1, 2), np.nan, measured.dtype)
        one_more = (moved[None], labels[one : one + 1], np.array([doubt], sure.dtype), unknown)
        pairs = zip((boxes, labels, sure, measured), one_more, strict=True)
        return tuple(np.concatenate(pair) for pair in pairs)  # type: ignore[return-value]
    boxes[one], sure[one], measured[one] = moved, doubt, np.nan
    return boxes, labels, sure, measured
