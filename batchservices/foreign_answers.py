"""What of another system's answer is believed, and what is seen in the image that it is about.

The same rules hold as for a model that runs here (`batchservices.answers`), and three more, since words arrive instead
of numbers: a class must be one of the model's, be named once, and the predicted label must be the surest.

A classifier's answer may name some classes only, as ModelArts' top five. Then what the named ones leave of 1 is shared
evenly among the others: the margin between the surest two is exact, and the rest claims to know nothing. Where an
unnamed class would become surer than a named one, the answer is not believed. An answer without confidences is not
believed either: there is nothing to filter by. No Django; runs in a sandbox.
"""

from typing import Any

import numpy as np

from batchservices.answers import TOLERANCE, Seen, read_boxes, read_probabilities
from batchservices.predictions import (
    TOP,
    Classification,
    Detection,
    detection_json,
    from_modelarts,
    to_modelarts,
)
from batchservices.profile import CLASSIFICATION, DETECTION, Input, Output, Profile
from config.refusals import Refused
from datasets.formats.jsonlines import strict_loads
from datasets.images import Upright, open_image
from hardexamples.extraction import LEAST_SIDE, boxes_of, describe_upright, parts_of

_expected: tuple[str, tuple[str, ...]] | None = None


def expect(task: str, class_names: list[str]) -> None:
    """Says whose answers come next: of a model for that task, with these classes."""
    global _expected
    _expected = task, tuple(class_names)


def answer_of(question: dict[str, Any]) -> dict[str, Any]:
    """Checks what another system said about an image file, and describes the image.

    Args:
        question: data: the file; said: the prediction in ModelArts' form, as JSON text in bytes.

    Returns:
        As `batchservices.inference.predict_image`, without activations.

    Raises:
        Refused: as `datasets.images.open_image`; bad_prediction, bad_scores, bad_box, length_mismatch, too_many_boxes,
            unknown_class, type_mismatch for words that cannot be believed.
    """
    if _expected is None:
        raise Refused("no_model", "Nobody said whose answers these are.", status=409)
    task, class_names = _expected
    upright = open_image(question["data"], least_side=LEAST_SIDE)
    said = from_modelarts(strict_loads(question["said"]))
    if isinstance(said, Classification) != (task == CLASSIFICATION):
        raise Refused("type_mismatch", "The answer is not one of a model for this task.")
    seen = describe_upright(upright, data=question["data"])
    if isinstance(said, Classification):
        return seen | _nothing_seen() | classified(said, class_names)
    found = detected(said, class_names, upright)
    return seen | {"probabilities": None, "activations": None} | found


def describe_labeled(question: dict[str, Any]) -> dict[str, Any]:
    """Describes an image of the training set, and measures its labeled boxes, without asking any model.

    Args:
        question: as `batchservices.closer_looks.predict_labeled`.

    Returns:
        As there, without an answer.

    Raises:
        Refused: as `datasets.images.open_image`.
    """
    data = question["data"]
    upright = open_image(data, least_side=LEAST_SIDE)
    return {
        **describe_upright(upright, data=data),
        **_nothing_seen(),
        "labeled_statistics": boxes_of(upright, question["boxes"]),
        "parts": parts_of(upright) if question["parts"] else None,
    }


def classified(said: Classification, class_names: tuple[str, ...]) -> dict[str, Any]:
    """prediction and probabilities, (classes,) float32, of a classifier's answer. Raises Refused as `answer_of`."""
    index = {name: number for number, name in enumerate(class_names)}
    _check_known([said.label, *(name for name, _ in said.scores)], index)
    values = np.full(len(class_names), np.nan)
    for name, confidence in said.scores:
        if not np.isnan(values[index[name]]):
            raise Refused("bad_scores", f"The answer names the class {name[:80]!r} twice.")
        values[index[name]] = confidence
    surest = values[index[said.label]]
    if np.isnan(surest):
        raise Refused("bad_scores", "The answer does not say how sure the model was.")
    if surest < np.nanmax(values) - TOLERANCE:
        raise Refused("bad_scores", "The predicted label is not the surest.")
    best = sorted(said.scores, key=lambda pair: -pair[1])[:TOP]
    prediction = to_modelarts(Classification(said.label, tuple(best)))
    return {"prediction": prediction, "probabilities": _shared(values, class_names)}


def _shared(values: np.ndarray, class_names: tuple[str, ...]) -> np.ndarray:
    """Probabilities, with what is left of 1 shared among the classes that are NaN."""
    unnamed = np.isnan(values)
    if unnamed.any():
        left = 1 - values[~unnamed].sum()
        share = max(left, 0.0) / unnamed.sum()
        if left < -TOLERANCE or share > values[~unnamed].min() + TOLERANCE:
            words = "The confidences are no probabilities: what they leave for the other classes does not fit."
            raise Refused("bad_scores", words)
        values = np.where(unnamed, share, values)
    profile = Profile(CLASSIFICATION, class_names, Input("", 1, 1), Output("probabilities"))
    return read_probabilities(values, profile)


def detected(said: Detection, class_names: tuple[str, ...], upright: Upright) -> dict[str, Any]:
    """prediction, boxes and what belongs to them of a detector's answer. Raises Refused as `answer_of`."""
    index = {name: number for number, name in enumerate(class_names)}
    _check_known(said.labels, index)
    outputs = {
        "boxes": np.array(said.boxes, np.float64).reshape(-1, 4),
        "scores": np.array(said.confidences, np.float64),
        "classes": np.array([index[name] for name in said.labels], np.int64),
    }
    output = Output("boxes_scores_classes", scores="scores", boxes="boxes", classes="classes", score_threshold=0.0)
    profile = Profile(DETECTION, class_names, Input("", upright.width, upright.height), output)
    found = read_boxes(outputs, profile, Seen(upright.width, upright.height))
    return {
        "prediction": detection_json(found["boxes"], found["labels"], found["confidences"]),
        **found,
        "box_statistics": boxes_of(upright, found["boxes"]),
    }


def _nothing_seen() -> dict[str, Any]:
    return {"probabilities": None, "boxes": None, "activations": None, "box_statistics": None}


def _check_known(names: Any, index: dict[str, int]) -> None:
    unknown = next((name for name in names if name not in index), None)
    if unknown is not None:
        raise Refused("unknown_class", f"The answer names the class {unknown[:80]!r}, which is none of the model's.")
