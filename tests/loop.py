"""A small real world for tests of the loop: 8 x 8 digits, a model trained on some of them, a service."""

import io
import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from unittest import mock

import numpy as np
from PIL import Image
from skl2onnx import to_onnx
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

from batchservices import collection, registration, running
from batchservices.deployment import deploy
from batchservices.models import BatchRun, BatchService, CollectionTask, InferenceModel
from config.refusals import Refused
from datasets import locations
from datasets.locations import Location
from datasets.stores import Store
from tests.factories import StaffFactory

TRAINED = 300
CLASSES = [str(number) for number in range(10)]
PROFILE = {
    "task": "image_classification",
    "class_names": CLASSES,
    "input": {"name": "X", "width": 8, "height": 8, "layout": "flat", "color": "GRAY", "scale": [1 / 255]},
    "output": {"kind": "label_and_probabilities", "scores": "probabilities"},
}


@cache
def digits() -> tuple[np.ndarray, np.ndarray]:
    """(n, 8, 8) uint8 pictures and their (n,) labels."""
    found = load_digits()
    return (found.images * 15).astype(np.uint8), found.target


@cache
def model_bytes() -> bytes:
    """A small network, trained on the first digits, as ONNX."""
    pictures, labels = digits()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = MLPClassifier((24,), max_iter=200, learning_rate_init=0.01, random_state=0)
        network.fit(pictures[:TRAINED].reshape(TRAINED, -1) / 255, labels[:TRAINED])
    options = {id(network): {"zipmap": False}}
    return to_onnx(network, np.zeros((1, 64), np.float32), options=options, target_opset=17).SerializeToString()


def png(picture: np.ndarray) -> bytes:
    """A picture as a PNG file."""
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "PNG")
    return stream.getvalue()


def put(location: str, data: bytes) -> None:
    """Puts a file where a person would: `inputs:street/a.png`."""
    alias, _, path = location.partition(":")
    locations.write(Location(alias, path), data, own=True)


def content(location: str) -> bytes:
    """What stands in a file."""
    alias, _, path = location.partition(":")
    return locations.read(Location(alias, path), limit=2**30)


@contextmanager
def away(alias: str) -> Iterator[None]:
    """Inside, the storage of that name does not answer."""
    store = locations._store

    def store_unless_away(location: Location) -> Store:
        if location.alias == alias:
            raise Refused("storage_unavailable", "The storage does not answer as it should.", status=503)
        return store(location)

    with mock.patch.object(locations, "_store", store_unless_away):
        yield


def put_digits(folder: str, *, first: int, count: int) -> None:
    """Digits `first` to `first + count` as PNG below a folder."""
    pictures, _ = digits()
    for number in range(first, first + count):
        put(f"{folder}/{number:04}.png", png(pictures[number]))


def put_training_manifest(*, count: int = TRAINED) -> str:
    """The digits that the model was trained on, with a manifest; returns where it is."""
    put_digits("inputs:train", first=0, count=count)
    labels = digits()[1][:count]
    lines = [manifest_line(f"inputs:train/{number:04}.png", str(label)) for number, label in enumerate(labels)]
    put("outputs:train.manifest", b"".join(lines))
    return "outputs:train.manifest"


def manifest_line(source: str, label: str) -> bytes:
    """A line of a manifest: an image with its label."""
    annotation = {"type": "modelarts/image_classification", "name": label}
    return json.dumps({"source": source, "usage": "TRAIN", "annotation": [annotation]}).encode() + b"\n"


def ready_model(name: str = "digits") -> InferenceModel:
    """The registered model, checked."""
    model = registration.register_model(name=name, data=model_bytes(), by=StaffFactory(), profile=PROFILE)
    registration.execute_check(model.pk)
    model.refresh_from_db()
    assert model.status == "ready", model.error
    return model


def service(*, name: str = "nightly", **filtering: object) -> BatchService:
    """A deployed service on `inputs:night`."""
    return deploy(
        name=name,
        model=ready_model(name),
        input_location="inputs:night",
        output_location=f"outputs:{name}",
        by=StaffFactory(),
        **filtering,
    )


def run(deployed: BatchService) -> BatchRun:
    """Starts a service and works until the run has ended."""
    started = running.start(service=deployed, by=None)
    running.execute(started.pk)
    started.refresh_from_db()
    return started


def collect(task: CollectionTask) -> CollectionTask:
    """Works until a collection has ended."""
    collection.execute(task.pk)
    task.refresh_from_db()
    return task
