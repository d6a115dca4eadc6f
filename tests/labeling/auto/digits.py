"""A dataset of handwritten digits whose features are kept already: no image is decoded."""

import numpy as np
from sklearn.datasets import load_digits

from datasets.models import Dataset, Label
from hardexamples.features import EXTRACTOR, STATISTICS, VERSION
from hardexamples.models import Features
from tests.factories import AnnotationFactory, DatasetFactory, LabelFactory, SampleFactory

DIGITS = load_digits()


def digits(*, labeled: int = 8, unlabeled: int = 60, classes: int = 3, name: str = "digits") -> Dataset:
    """A dataset of the first digits: so many labeled of each, and so many unlabeled in all."""
    dataset = DatasetFactory.create(name=name)
    labels = [LabelFactory.create(dataset=dataset, name=f"digit {number}") for number in range(classes)]
    order = np.flatnonzero(DIGITS.target < classes)
    left = dict.fromkeys(range(classes), labeled)
    for place in order[: labeled * classes * 3 + unlabeled]:
        digit = int(DIGITS.target[place])
        if left[digit]:
            left[digit] -= 1
            add(dataset, place, labels[digit])
        elif unlabeled:
            unlabeled -= 1
            add(dataset, place, None)
    return dataset


def add(dataset: Dataset, place: int, label: Label | None) -> None:
    sample = SampleFactory.create(
        dataset=dataset, name=f"{place:05}-{DIGITS.target[place]}.png", status="labeled" if label else "unlabeled"
    )
    if label:
        AnnotationFactory(sample=sample, label=label)
    Features.objects.create(
        sha256=sample.blob.sha256,
        extractor=EXTRACTOR,
        version=VERSION,
        statistics=np.ones(len(STATISTICS), "<f4").tobytes(),
        vector=DIGITS.data[place].astype("<f2").tobytes(),
    )
