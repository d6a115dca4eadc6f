"""What the one door for images promises: good files become upright RGB, bad ones a reason, at a bounded cost."""

import io
import unicodedata

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from config.refusals import Refused
from datasets import images
from tests.corpus import images as corpus
from tests.corpus.measured import measured


def shown(data: bytes, **options: int) -> np.ndarray:
    return images.open_image(data, **options).rgb


def assert_colors(found: np.ndarray, expected: np.ndarray, *, within: int = 0) -> None:
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - np.asarray(expected, float).round()).max() <= within


@pytest.mark.parametrize("least_side", [None, 8], ids=["full", "reduced"])
@pytest.mark.parametrize(("data", "code"), corpus.REFUSED.values(), ids=corpus.REFUSED.keys())
def test_a_bad_file_is_refused_with_its_reason(data: bytes, code: str, least_side: int | None) -> None:
    with pytest.raises(Refused) as refusal:
        images.open_image(data, least_side=least_side)
    assert refusal.value.code == code
    assert "/" not in refusal.value.message


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP"])
def test_no_beginning_of_a_file_passes_for_the_whole(kind: str) -> None:
    data = corpus.encoded(corpus.scene(), kind)
    for length in {*range(1, len(data), 17), *range(len(data) - 12, len(data))}:
        with pytest.raises(Refused):
            images.open_image(data[:length])


@given(st.data())
def test_no_noise_in_a_file_gets_past_the_door_as_another_error(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["JPEG", "PNG", "WEBP", "BMP"]))
    spoiled = bytearray(corpus.encoded(corpus.scene(16, 16), kind))
    for _ in range(data.draw(st.integers(1, 8))):
        spoiled[data.draw(st.integers(0, len(spoiled) - 1))] = data.draw(st.integers(0, 255))
    try:
        upright = images.open_image(bytes(spoiled))
    except Refused:
        return
    assert upright.rgb.shape == (upright.height, upright.width, 3)


def test_bombs_cost_neither_time_nor_memory() -> None:
    """I02, I03, I04 and O5: refused on the header, whatever the pixels would take."""
    cost = measured(
        "from datasets import images; from config.refusals import Refused; from tests.corpus import images as corpus\n"
        "bombs = [corpus.png_bomb(9_000, depth=8, color=2, channels=3),\n"
        "         corpus.png_bomb(13_300, depth=1, color=0, channels=1),\n"
        "         corpus.png(65_000, 65_000), corpus.webp_bomb()]",
        "result = []\n"
        "for bomb in bombs:\n"
        "    try: images.open_image(bomb)\n"
        "    except Refused as refusal: result.append([len(bomb), refusal.code])",
    )
    assert [code for _, code in cost["result"]] == ["too_many_pixels"] * 4
    assert max(size for size, _ in cost["result"]) < 300_000
    assert cost["seconds"] < 1
    assert cost["bytes"] < 32 * 2**20
    assert not cost["django"]


def test_the_largest_image_allowed_stays_within_its_memory_where_a_reduced_one_is_asked_for() -> None:
    cost = measured(
        "from datasets import images; from tests.corpus import images as corpus\n"
        "bomb = corpus.png_bomb(7_000, depth=8, color=2, channels=3)",
        "upright = images.open_image(bomb, least_side=224); result = [upright.width, *upright.rgb.shape]",
    )
    assert cost["result"] == [7_000, 875, 875, 3]
    assert cost["bytes"] < 256 * 2**20


def test_limits_are_the_callers_to_lower() -> None:
    data = corpus.encoded(corpus.scene())
    for limit, code in (("max_bytes", "too_large"), ("max_pixels", "too_many_pixels"), ("max_side", "too_many_pixels")):
        with pytest.raises(Refused) as refusal:
            images.open_image(data, **{limit: 60})
        assert (refusal.value.code, refusal.value.status) == (code, 413)


@pytest.mark.parametrize(
    ("kind", "extension", "media_type", "within"),
    [
        ("JPEG", ".jpg", "image/jpeg", 4),
        ("PNG", ".png", "image/png", 0),
        ("WEBP", ".webp", "image/webp", 0),
        ("BMP", ".bmp", "image/bmp", 0),
    ],
)
def test_the_content_decides_the_format(kind: str, extension: str, media_type: str, within: int) -> None:
    """I08: no name is asked for, so none can lie."""
    options = {"lossless": True} if kind == "WEBP" else {}
    upright = images.open_image(corpus.encoded(corpus.scene(), kind, **options))
    assert (upright.format, upright.extension, upright.media_type) == (kind, extension, media_type)
    assert (upright.width, upright.height) == (corpus.WIDTH, corpus.HEIGHT)
    inner = np.s_[2:20, 2:28]
    assert_colors(upright.rgb[inner], corpus.scene()[inner], within=within)


def test_bytes_after_the_end_are_ignored() -> None:
    """I09"""
    data = corpus.encoded(corpus.scene(), "JPEG")
    upright = images.open_image(data + b"<script>alert(1)</script>")
    assert upright.extension == ".jpg"
    assert np.array_equal(upright.rgb, shown(data))


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_of_an_animation_the_first_frame_is_the_image(kind: str) -> None:
    """I13"""
    assert_colors(shown(corpus.animated(kind, 300)), corpus.scene())


@pytest.mark.parametrize("adobe", [True, False], ids=["I16 Adobe's inverted inks", "I16 plain inks"])
@pytest.mark.parametrize("least_side", [None, 20], ids=["full", "reduced"])
def test_inks_become_the_colors_they_print(adobe: bool, least_side: int | None) -> None:
    data, colors = corpus.cmyk(adobe=adobe)
    found = images.open_image(data, least_side=least_side).rgb
    step = corpus.HEIGHT // found.shape[0]
    centers = np.s_[4 : corpus.HEIGHT : 8, 4 : corpus.WIDTH : 8]
    assert_colors(found[4 // step :: 8 // step, 4 // step :: 8 // step], colors[centers], within=6)


def test_sixteen_bits_keep_their_brightness() -> None:
    """I17: not white above 255."""
    values = (np.arange(256, dtype=np.uint16) * 257).reshape(16, 16)
    expected = np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3, axis=2)
    assert_colors(shown(corpus.sixteen_bit_gray(values)), expected)
    colors = np.stack([values, values[::-1], values.T], axis=2)
    assert_colors(shown(corpus.sixteen_bit_rgb(colors)), (colors // 257).astype(np.uint8))


def test_sixteen_bits_with_a_transparent_value_show_white_there() -> None:
    values = np.full((4, 4), 20_000, np.uint16)
    values[0] = 1_000
    found = shown(corpus.sixteen_bit_gray(values, extra=corpus.chunk(b"tRNS", (1_000).to_bytes(2))))
    assert (found[0] == 255).all()
    assert (found[1:] == 20_000 >> 8).all()


def _mode(mode: str) -> tuple[bytes, np.ndarray]:
    """An image of this mode, its left half opaque, its right half transparent where the mode knows that."""
    scene = Image.fromarray(corpus.scene())
    expected = corpus.scene()
    right = np.s_[:, corpus.WIDTH // 2 :]
    alpha = Image.new("L", scene.size, 255)
    alpha.paste(0, (corpus.WIDTH // 2, 0, *scene.size))
    if mode == "RGBA":
        scene.putalpha(alpha)
        expected[right] = 255
    elif mode in ("L", "LA", "1"):
        gray = scene.convert("L") if mode != "1" else scene.convert("L").point(lambda value: 255 * (value > 100), "1")
        expected = np.asarray(gray.convert("RGB")).copy()
        scene = gray
        if mode == "LA":
            scene.putalpha(alpha)
            expected[right] = 255
    elif mode == "P":
        scene = scene.quantize(8, dither=Image.Dither.NONE)
        expected = np.asarray(scene.convert("RGB")).copy()
    elif mode == "P with one transparent color":
        scene = scene.quantize(8, dither=Image.Dither.NONE)
        index = scene.getpixel((corpus.WIDTH - 1, 0))
        expected = np.asarray(scene.convert("RGB")).copy()
        expected[np.asarray(scene) == index] = 255
        return corpus.encoded(scene, transparency=index), expected
    elif mode == "RGB with one transparent color":
        expected[(expected == (30, 200, 60)).all(axis=2)] = 255
        return corpus.encoded(scene, transparency=(30, 200, 60)), expected
    return corpus.encoded(scene), expected


@pytest.mark.parametrize(
    "mode",
    ["RGB", "RGBA", "L", "LA", "1", "P", "P with one transparent color", "RGB with one transparent color"],
    ids=lambda mode: f"I18 {mode}",
)
def test_every_mode_has_one_look_on_white(mode: str) -> None:
    data, expected = _mode(mode)
    assert_colors(shown(data), expected)


def test_half_transparent_is_mixed_with_white() -> None:
    half = Image.new("RGBA", (4, 4), (0, 100, 200, 128))
    assert_colors(shown(corpus.encoded(half)), np.full((4, 4, 3), (127, 177, 227)), within=1)


@pytest.mark.parametrize("least_side", [None, 20], ids=["full", "reduced"])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9), ids=lambda value: f"I19 orientation {value}")
def test_the_image_is_upright(orientation: int, kind: str, least_side: int | None) -> None:
    upright = images.open_image(corpus.oriented(orientation, kind), least_side=least_side)
    assert (upright.width, upright.height) == (corpus.WIDTH, corpus.HEIGHT)
    height, width = upright.rgb.shape[:2]
    assert (height, width) == ((corpus.HEIGHT, corpus.WIDTH) if least_side is None else (24, 32))
    assert_colors(upright.rgb[4::8, 4::8], corpus.scene(height, width)[4::8, 4::8], within=6)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_a_broken_orientation_is_none() -> None:
    data = corpus.encoded(corpus.scene(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xffgarbage")
    assert images.open_image(data).width == corpus.WIDTH


@given(
    st.integers(1, 200),
    st.integers(1, 200),
    st.sampled_from(["JPEG", "PNG", "WEBP", "BMP"]),
    st.none() | st.integers(1, 120),
)
def test_a_reduced_image_is_large_enough_and_the_same_size_in_every_format(
    width: int, height: int, kind: str, least_side: int | None
) -> None:
    upright = images.open_image(corpus.encoded(corpus.scene(height, width), kind), least_side=least_side)
    assert (upright.width, upright.height) == (width, height)
    factor = next((by for by in (8, 4, 2) if least_side and min(width, height) // by >= least_side), 1)
    assert upright.rgb.shape == (-(-height // factor), -(-width // factor), 3)


def test_strips_join_without_a_seam() -> None:
    tall = cv2.resize(corpus.scene(), (2_100, 4_003), interpolation=cv2.INTER_LINEAR)
    data = corpus.encoded(tall, compress_level=1)
    assert np.array_equal(shown(data), tall)
    reduced = shown(data, least_side=500)
    assert_colors(reduced, np.asarray(Image.fromarray(tall).reduce(4)))


def test_a_thumbnail_is_small_and_says_nothing_of_the_camera() -> None:
    """I20"""
    exif = Image.Exif()
    exif[0x0110] = "camera of somebody"
    data = corpus.encoded(corpus.scene(600, 900), "JPEG", exif=exif.tobytes(), comment=b"at home")
    preview = images.thumbnail(images.open_image(data))
    with Image.open(io.BytesIO(preview)) as image:
        assert (image.format, image.size) == ("JPEG", (256, 171))
        assert not image.getexif()
    assert b"camera" not in preview
    assert b"at home" not in preview
    assert_colors(shown(preview)[8:80:8, 8:120:8], np.full((9, 14, 3), (220, 40, 30)), within=6)


def test_a_thumbnail_of_a_digit_is_not_enlarged_and_of_a_line_still_an_image() -> None:
    for height, width, expected in ((28, 28, (28, 28)), (1, 3_000, (1, 256)), (3_000, 1, (256, 1))):
        preview = images.thumbnail(images.open_image(corpus.encoded(corpus.scene(height, width))))
        assert shown(preview).shape[:2] == expected


def test_an_address_is_of_the_content() -> None:
    assert images.sha256(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


NAMES = {
    "I22 traversal": ("../../x.jpg", "x.jpg"),
    "I22 absolute": ("/etc/x.jpg", "x.jpg"),
    "I22 backslashes": ("..\\..\\x", "x"),
    "I22 drive": ("C:\\x", "x"),
    "I22 drive without slash": ("C:w.txt", "C_w.txt"),
    "I22 dot parts": ("a/./b", "b"),
    "I22 percent": ("%2e%2e%2fx.jpg", "x.jpg"),
    "I22 percent twice": ("..%252f..%255cx.jpg", "x.jpg"),
    "I22 full width": ("．．／x.jpg", "x.jpg"),
    "I22 only full-width dots": ("．．", "unnamed"),
    "I22 hidden": (".htaccess", "htaccess"),
    "I23 right to left": ("ok\u202egpj.exe", "okgpj.exe"),
    "I23 zero width": ("a\u200bb\ufeff.jpg", "ab.jpg"),
    "I23 NUL": ("a.jpg\0.html", "a.jpg.html"),
    "I23 line break": ("a\r\nSet-Cookie: x.jpg", "aSet-Cookie_ x.jpg"),
    "I23 quote": ('a".jpg', "a_.jpg"),
    "I23 300 signs": ("x" * 300 + ".jpg", "x" * 251 + ".jpg"),
    "I23 5,000 wide signs": ("字" * 5_000 + ".jpeg", "字" * 83 + ".jpeg"),
    "I23 only dots": ("....", "unnamed"),
    "I23 empty": ("", "unnamed"),
    "I23 folder": ("a/", "unnamed"),
    "I23 device": ("CON.jpg", "_CON.jpg"),
    "I23 lone surrogate": ("a\udcff.jpg", "a.jpg"),
    "I24 composed": (unicodedata.normalize("NFC", "é.jpg"), "\u00e9.jpg"),
    "I24 decomposed": (unicodedata.normalize("NFD", "é.jpg"), "\u00e9.jpg"),
    "plain": ("street 0412 (2).JPG", "street 0412 (2).JPG"),
    "Chinese": ("街道.png", "街道.png"),
}


@pytest.mark.parametrize(("name", "safe"), NAMES.values(), ids=NAMES.keys())
def test_a_name_becomes_fit_to_show(name: str, safe: str) -> None:
    assert images.safe_name(name) == safe


@given(st.text(st.characters(), max_size=400))
def test_every_name_becomes_safe_and_then_stays(name: str) -> None:
    safe = images.safe_name(name)
    assert 1 <= len(safe.encode()) <= 255
    assert not set(safe) & set('/\\"<>:|?*\0\r\n')
    assert safe.strip(".") != ""
    assert unicodedata.is_normalized("NFC", safe)
    assert images.safe_name(safe) == safe
