"""What is kept of an image comes from one decode and does not depend on its name or container."""

import hashlib
import io

import numpy as np
import pytest
from PIL import Image

from config.refusals import Refused
from hardexamples.extraction import describe
from hardexamples.features import STATISTICS


def encoded(kind: str, *, size: tuple[int, int] = (40, 30)) -> bytes:
    file = io.BytesIO()
    across = np.linspace(0, 255, size[0], dtype=np.uint8)
    pixels = np.broadcast_to(across[None, :, None], (size[1], size[0], 3))
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, kind)
    return file.getvalue()


def test_an_image_is_described_by_its_address_size_and_numbers() -> None:
    data = encoded("PNG")
    description = describe(data)
    assert description["sha256"] == hashlib.sha256(data).hexdigest()
    assert (description["width"], description["height"]) == (40, 30)
    assert (description["format"], description["extension"]) == ("PNG", ".png")
    assert description["statistics"].shape == (len(STATISTICS),)
    assert np.isclose(np.linalg.norm(description["descriptor"]), 1)


def test_a_large_image_keeps_its_size_and_looks_like_its_small_copy() -> None:
    large, small = describe(encoded("JPEG", size=(2400, 1800))), describe(encoded("PNG", size=(400, 300)))
    assert (large["width"], large["height"]) == (2400, 1800)
    assert float(large["descriptor"] @ small["descriptor"]) > 0.95


def test_what_is_no_image_is_refused() -> None:
    with pytest.raises(Refused) as caught:
        describe(b"no image")
    assert caught.value.code == "unsupported_format"
