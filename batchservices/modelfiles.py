"""Where the bytes of models lie: by their hash, in the storage `models` that no location can name."""

from hashlib import sha256 as hash_of

from django.core.files.storage import storages

from config.refusals import Refused
from config.steps import step
from datasets.stores import store_for


def keep(data: bytes) -> str:
    """Stores a model file, whole or not at all, before any row names it.

    Returns:
        Its SHA-256 in hex.

    Raises:
        Refused: storage_unavailable.
    """
    sha256 = hash_of(data).hexdigest()
    store_for(storages["models"]).write(_path(sha256), data)
    step("model.bytes.kept")
    return sha256


def read(sha256: str) -> bytes:
    """The bytes of a model, checked.

    Raises:
        Refused: source_not_found, storage_unavailable; hash_mismatch where they are not what was registered.
    """
    store = store_for(storages["models"])
    with store.open(_path(sha256)) as file:
        data = store.read(file, -1)
    if hash_of(data).hexdigest() != sha256:
        raise Refused("hash_mismatch", "The model file is not the one that was registered.", status=409)
    return data


def _path(sha256: str) -> str:
    return f"{sha256[:2]}/{sha256}.onnx"
