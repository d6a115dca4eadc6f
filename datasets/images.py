"""The one door for images: hostile bytes in, an upright RGB array out. Runs in a sandbox child, without Django.

Accepted are JPEG, PNG, WebP and BMP, told apart by their first bytes, never by their name. Everything else is refused
before any decoder sees it. The decisions that users ask about:

- A file is decoded to its end. A JPEG without its end-of-image marker is cut off, even if only these two bytes are
  missing: refused as `truncated_image`, in uploads, imports and inference alike.
- Of an animated WebP or PNG the first frame is the image.
- Transparent parts show white. 16-bit samples keep their upper byte (65,535 becomes 255). CMYK becomes RGB by
  (255 - ink)(255 - black) / 255; color profiles are not applied.
- Bytes after the end of the image are ignored; they are never served, since what is served has the decoder's type.
"""

import hashlib
import io
import re
import struct
import unicodedata
import warnings
import zlib
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import BmpImagePlugin, Image, ImageChops, ImageFile, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from config.refusals import Refused

MAX_BYTES = 25_000_000
MAX_PIXELS = 50_000_000
MAX_SIDE = 20_000

FORMATS = {
    "JPEG": (".jpg", "image/jpeg"),
    "PNG": (".png", "image/png"),
    "WEBP": (".webp", "image/webp"),
    "BMP": (".bmp", "image/bmp"),
}
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")

# The plugins register themselves when imported; named here so that Pillow never goes looking for its forty
# others.
_PLUGINS = (JpegImagePlugin, PngImagePlugin, WebPImagePlugin, BmpImagePlugin)
_BMP_HEADER_SIZES = (12, 40, 52, 56, 64, 108, 124)
_DECODER_ERRORS = (OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, EOFError,
                   struct.error, zlib.error)  # fmt: skip
_ORIENTATION_TAG = 0x0112
_STRIP_PIXELS = 4_000_000
_WHITE = (255, 255, 255)


@dataclass(frozen=True, eq=False)
class Upright:
    """A decoded image as a person sees it.

    Attributes:
        rgb: (h, w, 3) uint8, upright. Smaller than height x width where decoding was reduced.
        width, height: pixels of the whole original after its EXIF orientation; boxes count in these.
        format: "JPEG", "PNG", "WEBP" or "BMP", as the content says.
    """

    rgb: np.ndarray
    width: int
    height: int
    format: str

    @property
    def extension(self) -> str:
        """The file extension that fits the content, with its dot."""
        return FORMATS[self.format][0]

    @property
    def media_type(self) -> str:
        """The media type that fits the content."""
        return FORMATS[self.format][1]


def open_image(
    data: bytes,
    *,
    least_side: int | None = None,
    max_bytes: int = MAX_BYTES,
    max_pixels: int = MAX_PIXELS,
    max_side: int = MAX_SIDE,
) -> Upright:
    """Decode a whole image file.

    Args:
        data: the file.
        least_side: a hint that no side of the result needs more pixels than this. The image is then reduced
            by 1/2, 1/4 or 1/8, by the same factor whatever its format, and no side falls below this number.
            JPEG is reduced while decoding, which is several times faster.
        max_bytes, max_pixels, max_side: limits, checked on the header before anything is decoded.

    Raises:
        Refused: empty_file, too_large, unsupported_format, too_many_pixels, truncated_image, corrupt_image.
    """
    if not data:
        raise Refused("empty_file", "The file is empty.")
    if len(data) > max_bytes:
        raise Refused("too_large", f"The file has {len(data):,} bytes; at most {max_bytes:,} are taken.", status=413)
    kind = _sniff(data)
    if kind == "PNG":
        _check_png_chunks(data)
    if kind == "WEBP":
        _check_size(*_webp_size(data), max_pixels, max_side)
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(io.BytesIO(data), formats=(kind,)) as image:
                _check_size(*image.size, max_pixels, max_side)
                return _decode(image, kind, data, least_side)
        except (Image.DecompressionBombWarning, Image.DecompressionBombError):
            raise _too_many_pixels(max_pixels, max_side) from None
        except _DECODER_ERRORS as error:
            if "truncated" in str(error):
                raise Refused("truncated_image", "The image is cut off: its end is missing.") from None
            raise Refused("corrupt_image", f"The file is not a readable {kind} image.") from None


def thumbnail(upright: Upright, *, side: int = 256) -> bytes:
    """A small JPEG of an image, without any metadata: no side longer than `side` pixels, never enlarged."""
    height, width = upright.rgb.shape[:2]
    scale = min(1.0, side / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = upright.rgb if scale == 1.0 else cv2.resize(upright.rgb, size, interpolation=cv2.INTER_AREA)
    encoded, jpeg = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), (cv2.IMWRITE_JPEG_QUALITY, 85))
    if not encoded:
        raise Refused("corrupt_image", "No thumbnail could be made of the image.")
    return jpeg.tobytes()


def sha256(data: bytes) -> str:
    """The content address of a file: SHA-256 in lower-case hex."""
    return hashlib.sha256(data).hexdigest()


def _sniff(data: bytes) -> str:
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    if data.startswith(b"BM") and int.from_bytes(data[14:18], "little") in _BMP_HEADER_SIZES:
        return "BMP"
    raise Refused("unsupported_format", "Only JPEG, PNG, WebP and BMP images are taken.", status=415)


def _check_size(width: int, height: int, max_pixels: int, max_side: int) -> None:
    if width * height > max_pixels or max(width, height) > max_side:
        raise _too_many_pixels(max_pixels, max_side)


def _too_many_pixels(max_pixels: int, max_side: int) -> Refused:
    return Refused(
        "too_many_pixels",
        f"The image is too large; at most {max_pixels:,} pixels and {max_side:,} on a side are taken.",
        status=413,
    )


def _check_png_chunks(data: bytes) -> None:
    """Checksums of all chunks up to the end chunk: Pillow skips those of the pixel data and a missing end."""
    position = 8
    while position + 8 <= len(data):
        end = position + 12 + int.from_bytes(data[position : position + 4])
        if end > len(data):
            raise Refused("truncated_image", "The image is cut off: its end is missing.")
        if zlib.crc32(memoryview(data)[position + 4 : end - 4]) != int.from_bytes(data[end - 4 : end]):
            raise Refused("corrupt_image", "The image is damaged: a checksum inside the PNG is wrong.")
        if data[position + 4 : position + 8] == b"IEND":
            return
        position = end
    raise Refused("corrupt_image", "The image is damaged: the end chunk of the PNG is missing.")


def _webp_size(data: bytes) -> tuple[int, int]:
    """Canvas size from the header (RFC 9649): Pillow's decoder allocates the canvas when it opens the
    file."""
    if 8 + int.from_bytes(data[4:8], "little") > len(data):
        raise Refused("truncated_image", "The image is cut off: its end is missing.")
    chunk, body = data[12:16], data[20:30]
    if chunk == b"VP8X" and len(body) == 10:
        return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    if chunk == b"VP8L" and len(body) >= 5 and body[0] == 0x2F:
        packed = int.from_bytes(body[1:5], "little")
        return 1 + (packed & 0x3FFF), 1 + (packed >> 14 & 0x3FFF)
    if chunk == b"VP8 " and len(body) == 10 and body[3:6] == b"\x9d\x01\x2a":
        return int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF
    raise Refused("corrupt_image", "The file is not a readable WEBP image.")


def _decode(image: ImageFile.ImageFile, kind: str, data: bytes, least_side: int | None) -> Upright:
    width, height = image.size
    factor = _reduction(width, height, least_side)
    if kind == "JPEG" and factor > 1:
        image.draft(None, (width // factor, height // factor))
    image.decodermaxblock = len(data) + 1  # in one piece: a sixth faster than in pieces of 64 kB
    image.load()
    # Where the decoder did not reduce, the average of blocks does, so that one scene has one scale in every
    # format.
    remaining = factor if image.size == (width, height) else 1
    sixteen_bit = kind == "PNG" and data[24] == 16
    rgb = _rgb_array(image, remaining, sixteen_bit)
    orientation = _orientation(image)
    if orientation > 4:
        width, height = height, width
    return Upright(rgb=_turned(rgb, orientation), width=width, height=height, format=kind)


def _reduction(width: int, height: int, least_side: int | None) -> int:
    if least_side is None:
        return 1
    return next((factor for factor in (8, 4, 2) if min(width, height) // factor >= least_side), 1)


def _rgb_array(image: Image.Image, factor: int, sixteen_bit: bool) -> np.ndarray:
    """(ceil(h / factor), ceil(w / factor), 3) uint8, made in strips so that memory stays near one copy."""
    width, height = image.size
    rgb = np.empty((-(-height // factor), -(-width // factor), 3), np.uint8)
    rows = max(8, _STRIP_PIXELS // width // 8 * 8)
    for top in range(0, height, rows):
        whole = top == 0 and rows >= height
        strip = image if whole else image.crop((0, top, width, min(height, top + rows)))
        strip = _flattened(strip, sixteen_bit)
        if factor > 1:
            strip = strip.reduce(factor)
        rgb[top // factor : top // factor + strip.size[1]] = np.asarray(strip)
    return rgb


def _flattened(image: Image.Image, sixteen_bit: bool) -> Image.Image:
    """Any mode to RGB, transparency over white."""
    transparent = image.info.get("transparency")
    if image.mode.startswith("I"):
        gray = np.asarray(image)
        if isinstance(transparent, int):
            gray = np.where(gray == transparent, 65_535, gray)
        return Image.fromarray((gray >> 8).astype(np.uint8)).convert("RGB")
    if sixteen_bit and isinstance(transparent, tuple):
        image.info["transparency"] = tuple(value >> 8 for value in transparent)
    if image.mode == "CMYK" and "adobe" not in image.info:
        image = ImageChops.invert(image)  # Pillow takes every CMYK JPEG for Adobe's, whose inks are inverted
    if transparent is None and image.mode == "RGB":
        return image
    if transparent is None and image.mode not in ("RGBA", "LA", "PA", "La", "RGBa"):
        return image.convert("RGB")
    colors = image.convert("RGBA")
    background = Image.new("RGB", image.size, _WHITE)
    background.paste(colors, mask=colors.getchannel("A"))
    return background


def _orientation(image: Image.Image) -> int:
    """EXIF orientation 1..8; 1 where there is none or it cannot be read, as every viewer shows such files."""
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except _DECODER_ERRORS:
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _turned(rgb: np.ndarray, orientation: int) -> np.ndarray:
    """Undo an EXIF orientation: 2 to 4 mirror and turn by half, 5 to 8 swap the sides."""
    if orientation > 4:
        rgb = rgb.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        rgb = rgb[:, ::-1]
    if orientation in (3, 4, 7, 8):
        rgb = rgb[::-1]
    return np.ascontiguousarray(rgb)


_SEPARATORS = re.compile(r"[/\\／＼∕⁄⧵⧸]|%(?:25)*(?:2f|5c)", re.IGNORECASE)
_UNSAFE = re.compile(r'["<>:|?*]')
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_MAX_NAME_BYTES = 255


def safe_name(name: str) -> str:
    """A name fit to show, to store as data and to offer for download: never a path, never used as one.

    The last part of a path remains, in Unicode's composed form (NFC), without control, direction-override and
    zero-width characters, without leading dots; at most 255 bytes of UTF-8 with its extension kept; "unnamed"
    where nothing remains.
    """
    last = _SEPARATORS.split(name)[-1]
    visible = "".join(sign for sign in last if unicodedata.category(sign) not in ("Cc", "Cf", "Cs", "Zl", "Zp"))
    clean = _UNSAFE.sub("_", unicodedata.normalize("NFC", visible)).lstrip(" .．。").rstrip(" .")
    if _DEVICES.fullmatch(clean):
        clean = f"_{clean}"
    return _shortened(clean) or "unnamed"


def _shortened(name: str) -> str:
    stem, dot, extension = name.rpartition(".")
    tail = dot + extension if stem and len(extension) <= 10 else ""
    body = name.removesuffix(tail) if tail else name
    room = _MAX_NAME_BYTES - len(tail.encode())
    return body.encode()[:room].decode(errors="ignore").rstrip(" .") + tail
