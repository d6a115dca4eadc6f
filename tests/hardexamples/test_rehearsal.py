"""The rehearsal of the rules on the training set can be ended between any two of them."""

from collections.abc import Callable

import pytest

from hardexamples.detector_rehearsal import FOLDS, rehearse_detector
from hardexamples.rehearsal import rehearse
from hardexamples.rules import Reference, rules
from tests.hardexamples.arrays import reference
from tests.hardexamples.test_detector_rehearsal import by_heart

FOUND = {name: kind() for name, kind in rules().items()}
REHEARSED = sum(rule.alone and rule.rehearsed for rule in FOUND.values())


@pytest.mark.parametrize(("kind", "training"), [(rehearse, reference(n=200)), (rehearse_detector, by_heart())])
def test_it_ends_between_two_rules(kind: Callable, training: Reference) -> None:
    heard: list[int] = []

    def between() -> None:
        heard.append(1)
        if len(heard) == 3:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        kind(FOUND, training, random_state=0, between=between)
    assert len(heard) == 3
    heard = [0] * 10
    assert kind(FOUND, training, random_state=0, between=between) is not None
    assert len(heard) == 10 + FOLDS * REHEARSED
