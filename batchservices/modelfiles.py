"""Where the bytes of models lie: by their hash, in the storage `models` that no location can name.

Uploaded sample images lie there, too. First the bytes, then the row; a file goes when no row names it any more, under a
lock that registering takes as well, so that no row is ever without its file.
"""

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.core.files.storage import storages
from django.db import transaction

from config.refusals import Refused
from config.steps import step
from datasets import locations
from datasets.locations import Location
from datasets.stores import store_for

STORAGE = "models"
PIECE = 2**20
# What people take for a model, by its first bytes; ONNX itself has no mark of its own.
NO_ONNX = {
    b"PK\x03\x04": "a ZIP archive, as PyTorch and Keras write them",
    b"\x89HDF": "an HDF5 file, as Keras writes them",
    b"\x80\x02": "a pickle, as PyTorch and scikit-learn write them",
    b"\x80\x03": "a pickle, as PyTorch and scikit-learn write them",
    b"\x80\x04": "a pickle, as PyTorch and scikit-learn write them",
    b"\x80\x05": "a pickle, as PyTorch and scikit-learn write them",
    b"\x1f\x8b": "a gzip archive",
    b"<": "a text in HTML or XML",
    b"{": "a text in JSON",
}


def keep(file: bytes | BinaryIO) -> tuple[str, int]:
    """Stores a model file, whole or not at all, before any row names it. A stream is never in memory as a whole.

    Args:
        file: the bytes, or a stream of them that can be read again from its beginning.

    Returns:
        Its SHA-256 in hex, and its size in bytes.

    Raises:
        Refused: empty_file, too_large (413), invalid_model (what is plainly something else), storage_unavailable.
    """
    stream = io.BytesIO(file) if isinstance(file, bytes) else file
    sha256, size = _measured(stream)
    stream.seek(0)
    store_for(storages[STORAGE]).write(_path(sha256), stream)
    step("model.bytes.kept")
    return sha256, size


def fetch(location: Location) -> tuple[str, int]:
    """Stores the model file that lies at a location. Raises as `keep`, and as `datasets.locations.read`."""
    return keep(locations.read(location, limit=limit()))


def read(sha256: str) -> bytes:
    """The bytes of a model, checked.

    Raises:
        Refused: source_not_found, storage_unavailable; hash_mismatch where they are not what was registered.
    """
    store = store_for(storages[STORAGE])
    with store.open(_path(sha256)) as file:
        data = store.read(file, -1)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise Refused("hash_mismatch", "The model file is not the one that was registered.", status=409)
    return data


def there(sha256: str) -> bool:
    """Whether the file is stored."""
    return store_for(storages[STORAGE]).size(_path(sha256)) is not None


def place_of_sample(data: bytes) -> Location:
    """Where an uploaded sample image lies, by its hash."""
    sha256 = hashlib.sha256(data).hexdigest()
    return Location(STORAGE, f"samples/{sha256[:2]}/{sha256}")


def forget(sha256: str) -> None:
    """Removes a model file; call it inside of `alone`, when no row names it."""
    store_for(storages[STORAGE]).delete(_path(sha256))


@contextmanager
def alone() -> Iterator[None]:
    """A transaction in which nobody else makes rows that name files here, or removes files that no row names."""
    with transaction.atomic():
        # any row that always stands would do
        ContentType.objects.select_for_update().get(app_label="batchservices", model="inferencemodel")
        yield


def _measured(stream: BinaryIO) -> tuple[str, int]:
    stream.seek(0)
    head = stream.read(8)
    for mark, words in NO_ONNX.items():
        if head.startswith(mark):
            raise Refused("invalid_model", f"The file is {words}. Export the model to ONNX first.", field="file")
    stream.seek(0)
    digest, size = hashlib.sha256(), 0
    while piece := stream.read(PIECE):
        digest.update(piece)
        size += len(piece)
        if size > limit():
            words = f"A model has at most {settings.MODEL_LIMIT_MIB:,} MiB."
            raise Refused("too_large", words, status=413, field="file")
    if not size:
        raise Refused("empty_file", "The file is empty.", field="file")
    return digest.hexdigest(), size


def limit() -> int:
    """Bytes that a model file may have."""
    return settings.MODEL_LIMIT_MIB * 2**20


def _path(sha256: str) -> str:
    return f"{sha256[:2]}/{sha256}.onnx"
