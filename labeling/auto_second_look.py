"""The second look of pre-labeling: the model that labels is shown changed images, as after a batch run."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from batchservices import child
from datasets import blobs
from datasets.models import Blob
from hardexamples.filter_settings import FilterSettings
from hardexamples.mining import Again
from hardexamples.second_look import Looker
from labeling.auto_predictions import Image
from labeling.models import AutoLabelingTask


def looker_of(task: AutoLabelingTask) -> Looker | None:
    """Who looks again at images of a task: the model that labels, as long as the filter says; None for nobody. What
    active learning has learned cannot be asked about an image."""
    if task.kind != AutoLabelingTask.Kind.PRE_LABELING:
        return None
    chosen = FilterSettings.from_dict(task.filter_settings)
    return Looker.of(chosen, predictor=task.predictor, ask=partial(_ask_again, task))


def again_of(looker: Looker | None, images: Sequence[Image]) -> Again | None:
    """How undecided ones of these images are looked at again; None where nobody does."""
    if looker is None:
        return None
    return Again(looker, partial(_read, {image.item.position: image.sample.blob for image in images}))


def _ask_again(
    task: AutoLabelingTask, data: bytes, operations: Sequence[str], boxes: np.ndarray | None
) -> dict[str, Any]:
    child.load(task)
    return child.predict_changed(data, operations, boxes)


def _read(of_position: dict[int, Blob], position: int) -> bytes:
    return blobs.read(of_position[position])
