"""What intake must know of an image, from its bytes. `prepare` runs in the sandbox; no Django."""

from dataclasses import dataclass
from typing import Any

from datasets import images

THUMBNAIL_SIDE = 256


@dataclass(frozen=True)
class Prepared:
    """An image that was decoded to its end.

    Attributes:
        sha256: content address, 64 hex digits.
        size: bytes of the file.
        width, height: pixels after EXIF transposition.
        format: JPEG, PNG, WEBP or BMP, by its content.
        thumbnail: a JPEG of at most 256 pixels a side, without metadata.
    """

    sha256: str
    size: int
    width: int
    height: int
    format: str
    thumbnail: bytes = b""


def prepare(data: bytes) -> dict[str, Any]:
    """The fields of `Prepared`, as the sandbox can carry them: `Prepared(**prepare(data))`.

    Raises:
        Refused: what `images.open_image` refuses.
    """
    upright = images.open_image(data, least_side=THUMBNAIL_SIDE)
    return {
        "sha256": images.sha256(data),
        "size": len(data),
        "width": upright.width,
        "height": upright.height,
        "format": upright.format,
        "thumbnail": images.thumbnail(upright, side=THUMBNAIL_SIDE),
    }
