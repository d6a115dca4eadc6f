"""Wrong training labels are found, right ones left in peace, and neither rules nor fusion trust the suspect ones."""

import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_digits

from hardexamples.filter_settings import FilterSettings
from hardexamples.label_errors import suspect_labels
from hardexamples.rules import Reference
from hardexamples.scoring import Filter
from tests.hardexamples.arrays import classified, reference

DIGITS = load_digits()


def digits(n: int, *, wrong: int = 0) -> tuple[Reference, np.ndarray]:
    """n 8x8 digits by their pixels, the first `wrong` of a random order labeled one too high."""
    labels = DIGITS.target[:n].copy()
    changed = np.random.default_rng(0).permutation(n)[:wrong]
    labels[changed] = (labels[changed] + 1) % 10
    names = tuple(str(i) for i in range(n))
    classes = tuple("0123456789")
    points = DIGITS.data[:n] / 16
    return Reference(names, "image_classification", classes, descriptor=points, labels=labels), changed


def test_right_labels_are_left_in_peace() -> None:
    assert len(suspect_labels(digits(600)[0], random_state=0)) <= 3


def test_wrong_labels_are_found_with_what_they_should_be() -> None:
    training, changed = digits(600, wrong=40)
    found = suspect_labels(training, random_state=0)
    indices = {each.index for each in found}
    assert len(indices & set(changed)) >= 20
    assert len(indices - set(changed)) <= 3
    assert np.mean([each.likelier == DIGITS.target[each.index] for each in found]) > 0.85
    assert [each.confidence for each in found] == sorted((each.confidence for each in found), reverse=True)


@pytest.mark.parametrize(
    "training",
    [
        reference(0),
        reference(1),
        reference(30),
        reference(60, single=True),
        reference(60, classes=1),
        reference(60, descriptor=None, activations=None),
        reference(60, task="object_detection"),
        reference(60, labels=np.full(60, -1)),
        reference(60, descriptor=np.full((60, 6), np.nan)),
        reference(60, descriptor=np.ones((60, 6))),
    ],
)
def test_where_nothing_can_be_told_nothing_is_suspect(training: Reference) -> None:
    assert suspect_labels(training, random_state=0) == []


def test_the_filter_does_not_trust_a_suspect_label_and_keeps_the_list() -> None:
    training, changed = digits(600, wrong=40)
    fitted = Filter(FilterSettings()).fit(training)
    assert {each.index for each in fitted.suspect_labels_} & set(changed)
    kept = json.loads(json.dumps(fitted.fitted_as_dict()))
    restored = Filter(FilterSettings()).fit(training, fitted=kept)
    assert restored.suspect_labels_ == fitted.suspect_labels_
    worst = fitted.suspect_labels_[0]
    sure = np.eye(10)[[worst.likelier]] * 0.98 + 0.002
    again = classified(
        1, classes=8, class_names=training.class_names, probabilities=sure, activations=None, statistics=None,
        descriptor=training.space("descriptor")[[worst.index]],
    )  # fmt: skip
    believing = Filter(FilterSettings()).fit(
        replace(training, labels=training.labels), fitted=kept | {"suspect_labels": []}
    )
    for name in ("class_distance", "cluster_disagreement"):
        assert fitted.apply(again).scores[name][0] < believing.apply(again).scores[name][0]
