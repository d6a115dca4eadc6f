"""Image files made in memory: good ones of every mode, and those that strangers send. Rows I01 to I20."""

import io
import struct
import zipfile
import zlib

import numpy as np
from PIL import Image

HEIGHT, WIDTH = 48, 64


def scene(height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """(h, w, 3) uint8 with four plain quarters, so that turning, mirroring and color shifts all show."""
    rgb = np.empty((height, width, 3), np.uint8)
    rgb[: height // 2, : width // 2] = (220, 40, 30)
    rgb[: height // 2, width // 2 :] = (30, 200, 60)
    rgb[height // 2 :, : width // 2] = (20, 60, 210)
    rgb[height // 2 :, width // 2 :] = (240, 230, 20)
    return rgb


def encoded(image: np.ndarray | Image.Image, kind: str = "PNG", **options: object) -> bytes:
    """An image file; JPEG at a quality that keeps plain colors."""
    file = io.BytesIO()
    if kind == "JPEG":
        options = {"quality": 95, "subsampling": 0, **options}
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    picture.save(file, kind, **options)
    return file.getvalue()


def oriented(orientation: int, kind: str = "JPEG") -> bytes:
    """The scene stored as a camera stores it that was held in one of the eight ways."""
    undo = {2: "fliplr", 3: "rot180", 4: "flipud", 5: "transpose", 6: "rot90", 7: "transverse", 8: "rot270"}
    ways = {
        "fliplr": lambda a: a[:, ::-1],
        "flipud": lambda a: a[::-1],
        "rot180": lambda a: a[::-1, ::-1],
        "transpose": lambda a: a.transpose(1, 0, 2),
        "transverse": lambda a: a[::-1, ::-1].transpose(1, 0, 2),
        "rot90": lambda a: np.rot90(a, 1),
        "rot270": lambda a: np.rot90(a, 3),
    }
    stored = scene() if orientation == 1 else ways[undo[orientation]](scene())
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(
        np.ascontiguousarray(stored), kind, exif=exif.tobytes(), **({"lossless": True} if kind == "WEBP" else {})
    )


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(
    width: int, height: int, *, depth: int = 8, color: int = 2, rows: bytes | None = None, extra: bytes = b""
) -> bytes:
    """A PNG by hand; without rows it is a header that promises them."""
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)) + extra
    return data + (b"" if rows is None else chunk(b"IDAT", zlib.compress(rows))) + chunk(b"IEND", b"")


def png_bomb(side: int, *, depth: int, color: int, channels: int) -> bytes:
    """One color, tiny as a file, huge when decoded."""
    packer = zlib.compressobj(9)
    row = bytes(1 + -(-side * depth * channels // 8))
    packed = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, depth, color, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def webp_bomb() -> bytes:
    """A WebP header that promises 16,383 x 16,383 pixels in 60 bytes."""
    body = bytes([0x10, 0, 0, 0]) + (16_382).to_bytes(3, "little") * 2
    content = b"WEBPVP8X" + struct.pack("<I", 10) + body + b"VP8L" + struct.pack("<I", 8) + b"\x2f" + b"\xff" * 7
    return b"RIFF" + struct.pack("<I", len(content)) + content


def sixteen_bit_gray(values: np.ndarray, extra: bytes = b"") -> bytes:
    """(h, w) uint16 as a PNG of 16 bits."""
    height, width = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    return png(width, height, depth=16, color=0, rows=rows, extra=extra)


def sixteen_bit_rgb(values: np.ndarray) -> bytes:
    """(h, w, 3) uint16 as a PNG of 16 bits."""
    height, width = values.shape[:2]
    return png(width, height, depth=16, color=2, rows=b"".join(b"\0" + row.astype(">u2").tobytes() for row in values))


def cmyk(*, adobe: bool) -> tuple[bytes, np.ndarray]:
    """A CMYK JPEG, with Adobe's inverted inks or with plain ones, and the RGB that it shows."""
    inks = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    inks[: HEIGHT // 2, :, 0] = 255
    inks[HEIGHT // 2 :, :, 1] = 200
    inks[:, WIDTH // 2 :, 3] = 90
    colors = (255 - inks[..., :3].astype(float)) * (255 - inks[..., 3:].astype(float)) / 255
    # Pillow always writes Adobe's form; the plain one is made by inverting the inks and taking the marker away.
    data = encoded(Image.fromarray(inks if adobe else 255 - inks, "CMYK"), "JPEG")
    if not adobe:
        start = data.index(b"\xff\xee")
        data = data[:start] + data[start + 2 + int.from_bytes(data[start + 2 : start + 4]) :]
    return data, colors


def animated(kind: str, frames: int) -> bytes:
    """An animation whose first frame is the scene and whose others are black."""
    others = [Image.new("RGB", (WIDTH, HEIGHT), (index % 2, 0, 0)) for index in range(frames - 1)]
    options = {"lossless": True} if kind == "WEBP" else {}
    return encoded(Image.fromarray(scene()), kind, save_all=True, append_images=others, duration=20, **options)


def damaged_png(*, wrong: bytes) -> bytes:
    """The scene with one bit of the checksum of the given chunk turned over."""
    data = bytearray(encoded(scene()))
    at = data.index(wrong)
    data[at + 4 + int.from_bytes(data[at - 4 : at])] ^= 1
    return bytes(data)


def _zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.jpg", encoded(scene(), "JPEG"))
    return file.getvalue()


FOREIGN = {
    "I10 GIF polyglot": b"GIF89a/*<script>alert(1)</script>*/",
    "I10 GIF": encoded(Image.fromarray(scene()).convert("P"), "GIF"),
    "I11 SVG": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><foreignObject/></svg>',
    "I12 HTML": b"<!doctype html><script>alert(1)</script>",
    "I12 PDF": b"%PDF-1.7\n1 0 obj\n",
    "I12 ZIP": _zip(),
    "I12 EXE": b"MZ\x90\0" + bytes(60),
    "I12 MP4": b"\0\0\0\x18ftypmp42" + bytes(20),
    "I12 AVIF": b"\0\0\0\x1cftypavif" + bytes(20),
    "I12 EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    "I12 PSD": b"8BPS\0\x01" + bytes(30),
    "I12 FITS": b"SIMPLE  =                    T",
    "I12 ICNS": b"icns\0\0\0\x10" + bytes(8),
    "I12 TIFF": encoded(scene(), "TIFF"),
    "I12 JPEG 2000": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(20),
    "I12 PPM": encoded(scene(), "PPM"),
    "I12 RIFF but no WebP": b"RIFF\x10\0\0\0WAVEfmt " + bytes(8),
    "I12 text that starts as BMP": b"BMW is a brand of cars, not a picture",
    "I12 random": bytes(range(7, 250)),
    "I12 PNG signature in text mode": b"\x89PNG\n\x1a\n" + bytes(30),
}

_jpeg, _png = encoded(scene(), "JPEG"), encoded(scene())
_long = encoded(scene(480, 640), "JPEG")
_progressive = encoded(scene(480, 640), "JPEG", progressive=True)
_webp, _bmp = encoded(scene(), "WEBP", lossless=True), encoded(scene(), "BMP")

REFUSED: dict[str, tuple[bytes, str]] = {
    "I01 no bytes": (b"", "empty_file"),
    "I02 PNG header of 65,000 squared": (png(65_000, 65_000), "too_many_pixels"),
    "I02 PNG header, long and thin": (png(20_001, 1), "too_many_pixels"),
    "I02 PNG header of 2 to the 31": (png(2**31 - 1, 2**31 - 1), "too_many_pixels"),
    "I02 WebP header": (webp_bomb(), "too_many_pixels"),
    "I05 JPEG cut in half": (_long[: len(_long) // 2], "truncated_image"),
    "I05 progressive JPEG cut in half": (
        _progressive[: len(_progressive) // 2],
        "truncated_image",
    ),
    "I05 PNG cut in half": (_png[: len(_png) // 2], "truncated_image"),
    "I05 WebP cut in half": (_webp[: len(_webp) // 2], "truncated_image"),
    "I05 BMP cut in half": (_bmp[: len(_bmp) // 2], "truncated_image"),
    "I06 JPEG without its last byte": (_jpeg[:-1], "truncated_image"),
    "I06 JPEG without its last two bytes": (_jpeg[:-2], "truncated_image"),
    "I07 PNG with a wrong checksum of its pixels": (damaged_png(wrong=b"IDAT"), "corrupt_image"),
    "I07 PNG with a wrong checksum of its header": (damaged_png(wrong=b"IHDR"), "corrupt_image"),
    "I07 PNG without its end": (_png[:-12], "corrupt_image"),
    "I07 PNG without pixels": (png(8, 8), "corrupt_image"),
    "I07 PNG of zero width": (png(0, 8, rows=b""), "corrupt_image"),
    "I07 JPEG start only": (b"\xff\xd8\xff", "corrupt_image"),
    "I07 JPEG start and noise": (b"\xff\xd8\xff" + bytes(200), "corrupt_image"),
    "I07 WebP header and noise": (b"RIFF\x20\0\0\0WEBPVP8L" + bytes(24), "corrupt_image"),
    "I07 BMP header and nothing": (b"BM" + bytes(12) + b"\x28\0\0\0" + bytes(36), "corrupt_image"),
    **{name: (data, "unsupported_format") for name, data in FOREIGN.items()},
}
