"""What simulated reviewers teach a filter: `python -m tests.benchmarks.simulated_reviewers [set ...]`.

The truth of the digits is known. A reviewer looks at 150 of the images that the filter flagged or drew as control
images, in random order or the hardest first, and tells the truth. Printed for each set: how often the stated intervals
held the true precision and recall, and how the proposed weights do on other images of the same kind, beside the
present ones: half of the inputs are reviewed, the other half judges.
"""

import sys
from dataclasses import dataclass
from itertools import product

import numpy as np
from sklearn.metrics import roc_auc_score
from tqdm import tqdm

from hardexamples.estimates import Estimate, estimate, pooled, strata_of
from hardexamples.filter_settings import FilterSettings
from hardexamples.fusion import Fusion
from hardexamples.lessons import propose
from hardexamples.scoring import Filter, Verdicts
from hardexamples.trials import Trial, trial

SETS = ("digits-5000", "digits-8x8", "digits-5000-rotated")
REVIEWS = 150
SEEDS, REPETITIONS, PROPOSALS = 4, 50, 5
EDGE = 1e-6


@dataclass(frozen=True)
class Review:
    """One simulated review: which images were looked at, what the report says, what is true."""

    looked: np.ndarray
    weights: np.ndarray
    said: Estimate
    precision: float
    recall: float

    def holds(self) -> tuple[float, float]:
        """Whether the intervals of precision and recall hold the truth; NaN where nothing is stated."""
        pairs = (self.said.precision, self.precision), (self.said.recall, self.recall)
        first, second = (
            np.nan if share is None else float(share.low - 1e-9 <= truth <= share.high + 1e-9) for share, truth in pairs
        )
        return first, second


def review(
    verdicts: Verdicts, wrong: np.ndarray, *, seed: int, reviews: int = REVIEWS, hardest: bool = False
) -> Review:
    """A reviewer looks at `reviews` images, with control images of their own."""
    rng = np.random.default_rng(seed)
    flagged = verdicts.flagged
    others = np.flatnonzero(~flagged)
    control = rng.choice(others, min(max(1, round(0.02 * len(others))), 50), replace=False)
    asked = rng.permutation(np.concatenate([np.flatnonzero(flagged), control]))
    if hardest:
        # all control images, then the flagged ones from the hardest on
        asked = np.concatenate([control, np.flatnonzero(flagged)[np.argsort(-verdicts.coefficient[flagged])]])
    looked = asked[:reviews]
    tenth = np.minimum((verdicts.coefficient * 10).astype(int), 9)
    seen = np.zeros(len(wrong), bool)
    seen[looked] = True
    reached = flagged & (verdicts.coefficient >= verdicts.coefficient[seen & flagged].min(initial=1.0))
    bins = [
        tuple(int(np.sum(reached & (tenth == which) & part)) for part in (True, seen, seen & wrong))
        for which in range(9, -1, -1)
    ]
    blind = seen & ~flagged
    unflagged = pooled([(len(others), int(blind.sum()), int((blind & wrong).sum()))])
    tail = int(np.sum(flagged & ~reached))
    said = estimate(strata_of(bins, tail=tail), unflagged, random_state=seed)
    worth = np.where(flagged[looked], flagged.sum() / max((seen & flagged).sum(), 1), len(others) / max(blind.sum(), 1))
    return Review(looked, worth, said, float(wrong[flagged].mean()), float(flagged[wrong].mean()))


@dataclass(frozen=True)
class Gain:
    """AUROC and log loss on other images, by the present and by the proposed weights."""

    auroc: tuple[float, float]
    log_loss: tuple[float, float]


def gain(verdicts: Verdicts, wrong: np.ndarray, seen: Review, other: Verdicts, truth: np.ndarray) -> Gain | None:
    """What the proposed weights are worth on `other` images; None where the reviews were too few to propose any."""
    scores = {name: score[seen.looked] for name, score in verdicts.scores.items()}
    proposal = propose(verdicts.filter.fusion_, scores, wrong[seen.looked], seen.weights)
    if proposal is None:
        return None
    proposed = Fusion.from_dict(proposal.fusion).coefficient(other.scores, n=len(truth))
    both = [np.clip(each, EDGE, 1 - EDGE) for each in (other.coefficient, proposed)]
    losses = [float(-np.where(truth, np.log(each), np.log(1 - each)).mean()) for each in both]
    aurocs = [float(roc_auc_score(truth, each)) for each in both]
    return Gain((aurocs[0], aurocs[1]), (losses[0], losses[1]))


def halves(one: Trial) -> tuple[Verdicts, np.ndarray, Verdicts, np.ndarray]:
    """What the default filter says about each half of the inputs, with the truth."""
    fitted = Filter(FilterSettings()).fit(one.reference)
    even, odd = (np.arange(start, len(one.batch), 2) for start in (0, 1))
    return (
        fitted.apply(one.batch.take(even)),
        one.wrong[even],
        fitted.apply(one.batch.take(odd)),
        one.wrong[odd],
    )


def main(names: list[str]) -> None:
    """Prints the figures of each set."""
    heads = ("precision held", "width", "recall held", "width", "AUROC", "proposed", "log loss", "proposed")
    print(f"{'':34}" + "".join(f"{head:>16}" for head in heads))
    for name in names:
        trials = [trial(name, seed=seed) for seed in tqdm(range(SEEDS), desc=name, disable=None)]
        ready = [halves(one) for one in trials]
        for hardest in (False, True):
            rounds, gains = [], []
            for seed, repeat in product(range(SEEDS), range(REPETITIONS)):
                verdicts, wrong, *other = ready[seed]
                seen = review(verdicts, wrong, seed=1000 * seed + repeat, hardest=hardest)
                rounds.append(seen)
                if repeat < PROPOSALS:
                    gains.append(gain(verdicts, wrong, seen, *other))
            print(
                f"{name + (', hardest first' if hardest else ', random'):34}" + _line(rounds, [g for g in gains if g])
            )


def _line(rounds: list[Review], gains: list[Gain]) -> str:
    held = np.nanmean([each.holds() for each in rounds], axis=0)
    widths = [
        np.mean([share.high - share.low for each in rounds if (share := getattr(each.said, name)) is not None])
        for name in ("precision", "recall")
    ]
    auroc = np.mean([each.auroc for each in gains], axis=0)
    loss = np.mean([each.log_loss for each in gains], axis=0)
    figures = (held[0], widths[0], held[1], widths[1], *auroc, *loss)
    return "".join(f"{figure:16.4f}" for figure in figures)


if __name__ == "__main__":
    main(sys.argv[1:] or list(SETS))
