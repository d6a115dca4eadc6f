"""After 150 reviews the proposed weights do no harm, and help where the inputs have changed.

Small here, on the 8x8 digits; `python -m tests.benchmarks.simulated_reviewers` prints the figures of docs/mining.md.
"""

import numpy as np
import pytest

from hardexamples import trials
from hardexamples.scoring import Verdicts
from hardexamples.trials import TrialSet, trial
from tests.benchmarks.simulated_reviewers import gain, halves, review

ROUNDS, MODELS = 4, 2
type Halves = list[tuple[Verdicts, np.ndarray, Verdicts, np.ndarray]]


@pytest.fixture(scope="module")
def ready() -> dict[str, Halves]:
    found = {}
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(trials.SETS, "turned", TrialSet("sklearn", 500, 1_297, shift=trials.rotated))
        for name in ("digits-8x8", "turned"):
            found[name] = [halves(trial(name, seed=seed)) for seed in range(MODELS)]
    return found


@pytest.mark.parametrize(("name", "least", "most"), [("digits-8x8", -0.005, 0.002), ("turned", 0.0, 0.0)])
def test_proposed_weights_are_no_worse_and_nearer_to_the_truth(
    ready: dict[str, Halves], name: str, least: float, most: float
) -> None:
    found = [
        gain(verdicts, wrong, review(verdicts, wrong, seed=seed), *other)
        for verdicts, wrong, *other in ready[name]
        for seed in range(ROUNDS)
    ]
    assert np.mean([each.auroc[1] - each.auroc[0] for each in found]) >= least
    assert np.mean([each.log_loss[1] - each.log_loss[0] for each in found]) <= most


@pytest.mark.parametrize("name", ["digits-8x8", "turned"])
def test_stated_intervals_hold_the_truth_of_real_errors(ready: dict[str, Halves], name: str) -> None:
    verdicts, wrong, *_ = ready[name][0]
    held = np.nanmean([review(verdicts, wrong, seed=seed, reviews=60).holds() for seed in range(100)], axis=0)
    assert (held >= 0.88).all(), held
