"""Runs a model on images: preprocess, run, check, postprocess. No Django; runs in a sandbox, which keeps the session.

    sandbox = Sandbox(imports=["batchservices.inference"], memory=MEMORY, noun="model")
    sandbox.prepare("batchservices.inference:load", model, sha256, profile, tensor, deadline=60)
    prediction = sandbox.call("batchservices.inference:predict_image", image, deadline=30)

A model's answer is as hostile as its file. The rules for what is believed stand in `batchservices.answers`.
"""

import re
import time
from dataclasses import dataclass
from hashlib import sha256 as hash_of
from typing import Any

import numpy as np
import onnxruntime
from onnxruntime.capi.onnxruntime_pybind11_state import InvalidProtobuf

from batchservices.answers import Seen, read_boxes, read_probabilities
from batchservices.companions import companions_of
from batchservices.onnxfile import with_output
from batchservices.predictions import classification_json, detection_json
from batchservices.preprocessing import letterbox_corner, letterbox_size, preprocess
from batchservices.profile import CLASSIFICATION, COLORS, Profile
from config.refusals import Refused
from datasets.images import Upright, open_image
from hardexamples.extraction import LEAST_SIDE, boxes_of, describe_upright

MEMORY = 2 * 2**30
"""A budget for the sandbox that runs models, in bytes."""

MAX_ACTIVATIONS = 65_536
MAX_REASON = 200


@dataclass
class Loaded:
    """A model ready to run."""

    sha256: str
    profile: Profile
    session: onnxruntime.InferenceSession
    activations_tensor: str | None
    companions: dict[str, np.ndarray]


_loaded: Loaded | None = None


def load(model: bytes, sha256: str, profile: dict[str, Any], activations_tensor: str | None) -> dict[str, Any]:
    """Loads a model into this process, in place of the one before.

    Args:
        model: the ONNX file.
        sha256: the hash under which it was registered.
        profile: as `Profile.as_dict`.
        activations_tensor: the inner tensor to keep per image, "" or None for none.

    Returns:
        seconds: what loading took.

    Raises:
        Refused: hash_mismatch; bad_profile; as `onnxfile.inspect`; unknown_tensor; unknown_port when the profile names
            an input or output that the model does not have; model_memory.
    """
    global _loaded
    started = time.monotonic()
    unload()
    if hash_of(model).hexdigest() != sha256:
        raise Refused("hash_mismatch", "The model file is not the one that was registered.", status=409, field="file")
    checked = Profile.from_dict(profile)
    session = _session(with_output(model, activations_tensor))
    _check_ports(session, checked)
    companions = companions_of(session.get_inputs(), checked.input)
    _loaded = Loaded(sha256, checked, session, activations_tensor or None, companions)
    return {"seconds": time.monotonic() - started}


def unload() -> None:
    """Forgets the loaded model."""
    global _loaded
    _loaded = None


def predict_image(data: bytes) -> dict[str, Any]:
    """Predicts one image file, and describes it from the same decode.

    Args:
        data: the image file.

    Returns:
        All of `hardexamples.extraction.describe` and of `answer`, and
        box_statistics: (n, 2) float32, as `hardexamples.extraction.boxes_of`, or None for a classifier.

    Raises:
        Refused: as `opened` and `answer`.
    """
    upright = opened(data)
    said = answer(upright)
    measured = None if said["boxes"] is None else boxes_of(upright, said["boxes"])
    return describe_upright(upright, data=data) | said | {"box_statistics": measured}


def opened(data: bytes) -> Upright:
    """An image file, decoded as large as the loaded model and the features need it.

    Raises:
        Refused: as `open_image`; no_model.
    """
    shape = _model().profile.input
    return open_image(data, least_side=max(LEAST_SIDE, shape.width, shape.height))


def answer(upright: Upright) -> dict[str, Any]:
    """What the loaded model says about an image.

    Returns:
        prediction: ModelArts' JSON (`batchservices.predictions`);
        probabilities: (classes,) float32, or None for a detector;
        boxes: (n, 4) float32, xmin, ymin, xmax, ymax in pixels of the upright image, or None for a classifier;
        labels: n class names; classes: (n,) int64; confidences: (n,) float32; clipped, dropped: numbers of boxes
        (detectors only);
        activations: (d,) float16 or None.

    Raises:
        Refused: no_model; bad_scores, bad_box, too_many_boxes, length_mismatch, bad_output for an answer that cannot
            be believed; model_failed, model_memory when the model could not run.
    """
    model = _model()
    profile = model.profile
    outputs = _run(model, preprocess(upright.rgb, profile.input))
    activations = _activations(outputs.get(model.activations_tensor or ""))
    if profile.task == CLASSIFICATION:
        probabilities = read_probabilities(outputs[profile.output.scores], profile)
        prediction = classification_json(probabilities, profile.class_names)
        return {"prediction": prediction, "probabilities": probabilities, "boxes": None, "activations": activations}
    seen = Seen(upright.width, upright.height)
    if profile.input.resize != "stretch":
        size = letterbox_size(upright.width, upright.height, profile.input)
        seen = Seen(upright.width, upright.height, *size, *letterbox_corner(*size, profile.input))
    found = read_boxes(outputs, profile, seen)
    prediction = detection_json(found["boxes"], found["labels"], found["confidences"])
    return {"prediction": prediction, "probabilities": None, **found, "activations": activations}


def dry_run(images: list[bytes]) -> dict[str, Any]:
    """Tries the loaded model on a blank image and on the given ones, before anyone relies on it.

    Args:
        images: a few image files that the model might meet; may be empty.

    Returns:
        seconds: of the median image; deterministic: whether the same image twice gave the same numbers; images: how
        many were tried; activations: their length, or None.

    Raises:
        Refused: as `predict_image`.
    """
    shape = _model().profile.input
    gray = np.full((shape.height, shape.width, 3), 127, np.uint8)
    tried = [Upright(gray, shape.width, shape.height, "PNG")]
    tried += [opened(data) for data in images]
    seconds, same, said = [], True, {}
    for upright in tried:
        started = time.monotonic()
        said = answer(upright)
        seconds.append(time.monotonic() - started)
        same = same and answer(upright)["prediction"] == said["prediction"]
    activations = said["activations"]
    return {
        "seconds": float(np.median(seconds)),
        "deterministic": same,
        "images": len(tried),
        "activations": None if activations is None else len(activations),
    }


def _run(model: Loaded, tensor: np.ndarray) -> dict[str, Any]:
    names = list(dict.fromkeys([*model.profile.output.ports.values(), *filter(None, [model.activations_tensor])]))
    try:
        return dict(
            zip(names, model.session.run(names, {model.profile.input.name: tensor, **model.companions}), strict=True)
        )
    except Exception as error:  # the runtime's errors have no common class, and paths in their words
        _refuse_memory(error)
        raise Refused("model_failed", f"The model could not run on this image ({type(error).__name__}).") from None


def _activations(tensor: Any) -> np.ndarray | None:
    """(d,) float16, values beyond its range cut to it; None for what is no vector of finite numbers."""
    if not isinstance(tensor, np.ndarray) or tensor.dtype.kind != "f" or not 0 < tensor.size <= MAX_ACTIVATIONS:
        return None
    if tensor.ndim == 4:
        tensor = tensor.mean(axis=(2, 3))
    vector = tensor.reshape(-1)
    highest = np.finfo(np.float16).max
    return np.clip(vector, -highest, highest).astype(np.float16) if np.isfinite(vector).all() else None


def _session(model: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 4
    options.add_session_config_entry("session.load_model_format", "ONNX")  # never its own format, which is unchecked
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime's errors have no common class, and paths in their words
        _refuse_memory(error)
        words = str(error).lower()
        if isinstance(error, InvalidProtobuf):
            raise Refused("invalid_model", "The file is not an ONNX model.", field="file") from None
        if "opset" in words or "ir_version" in words or "ir version" in words:
            raise Refused(
                "unsupported_opset", "The model is of a version that the runtime lacks.", field="file"
            ) from None
        if "not implemented" in words or "no op registered" in words or "not_implemented" in words:
            raise Refused("unsupported_operator", "The runtime lacks an operator of the model.", field="file") from None
        raise Refused("invalid_model", f"The runtime cannot load the model{_reason(error)}.", field="file") from None


def _reason(error: Exception) -> str:
    """What the runtime finds wrong with a model, as the end of a sentence; paths left out."""
    said = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : |^.*failed:|This is an invalid model\.", "", str(error)[:2000])
    words = [word for word in said.split() if word.isprintable() and not {"/", "\\"}.intersection(word)]
    return f": {' '.join(words)[:MAX_REASON].rstrip(' .')}" if words else ""


def _refuse_memory(error: Exception) -> None:
    if isinstance(error, MemoryError) or any(word in str(error).lower() for word in ("alloc", "insufficient memory")):
        raise Refused("model_memory", "The model needs more memory than it may have.") from None


def _check_ports(session: onnxruntime.InferenceSession, profile: Profile) -> None:
    inputs = {port.name: port for port in session.get_inputs()}
    outputs = {port.name for port in session.get_outputs()}
    if profile.input.name not in inputs:
        raise Refused("unknown_port", f"The model has no input {profile.input.name}.", field="input.name")
    for field, name in profile.output.ports.items():
        if name not in outputs:
            raise Refused("unknown_port", f"The model has no output {name}.", field=f"output.{field}")
    expected = {"float32": "tensor(float)", "float64": "tensor(double)"}.get(
        profile.input.dtype, f"tensor({profile.input.dtype})"
    )
    port = inputs[profile.input.name]
    channels, height, width = COLORS[profile.input.color], profile.input.height, profile.input.width
    shape: tuple[int, ...] = {
        "NCHW": (1, channels, height, width),
        "NHWC": (1, height, width, channels),
        "CHW": (channels, height, width),
        "flat": (1, height * width * channels),
    }[profile.input.layout]
    fits = len(port.shape) == len(shape) and all(
        not isinstance(side, int) or side in (wanted, 0, -1) for side, wanted in zip(port.shape, shape, strict=False)
    )
    if port.type != expected or not fits:
        raise Refused(
            "input_mismatch",
            f"The model takes {port.type} of {[side if isinstance(side, int) else None for side in port.shape]}; the "
            f"profile makes {expected} of {list(shape)}.",
            field="input",
        )


def _model() -> Loaded:
    if _loaded is None:
        raise Refused("no_model", "No model is loaded.", status=409)
    return _loaded
