"""PASCAL VOC XML: the boxes of one image, read without entities or DTDs, written so that reading gives the same.

Format: the VOC files that ModelArts publishes: `difficult` says hard, `hard-coefficient` and `hard-reasons` stand
beside it; our own reasons (codes from 100) stand in `properties` under `hardmine:reasons`. Coordinates are pixels of
the upright image, x from the left and y from the top, edges not cells: nothing is shifted by one in either direction.
UTF-8 only; a byte order mark is accepted. `folder`, `path` and `filename` are never used to find anything.
"""

import html
import math
import re
from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError, TreeBuilder  # building only; defusedxml parses

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from config.refusals import Refused
from datasets.formats.fields import FIRST_OWN_REASON, OWN_REASONS, joined, label_name, ordered, reason_codes

MAX_BYTES = 10_000_000
MAX_DEPTH = 16
MAX_ELEMENTS = 200_000
MAX_OBJECTS = 5_000
MAX_SIDE = 1_000_000

_SHAPES = ("point", "line", "dashed", "circle", "polygon", "polyline", "mask_source", "mask_color")
_CORNERS = ("xmin", "ymin", "xmax", "ymax")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_ENCODING = re.compile(rb"^<\?xml[^>]*?encoding\s*=\s*[\"']([^\"']*)[\"']")
_NOT_IN_XML = re.compile("[\x00-\x1f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True)
class VocObject:
    """One box. Corners in pixels with xmin < xmax and ymin < ymax; `difficult` is hardness; coefficient and
    confidence 0..1 or None; reasons are ModelArts' codes, then ours (from 100)."""

    name: str
    xmin: float
    ymin: float
    xmax: float
    ymax: float
    difficult: bool = False
    hard_coefficient: float | None = None
    hard_reasons: tuple[int, ...] = ()
    confidence: float | None = None
    pose: str = "Unspecified"
    truncated: bool = False
    occluded: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "hard_reasons", ordered(self.hard_reasons))


@dataclass(frozen=True)
class VocAnnotation:
    """The boxes of one image of width x height pixels. `filename` is what the file says: text to show, no
    path."""

    filename: str
    width: int
    height: int
    objects: tuple[VocObject, ...] = ()


def parse(data: bytes, *, file: str) -> VocAnnotation:
    """Read one VOC file.

    Args:
        data: the file.
        file: its name, for the words of a refusal.

    Raises:
        Refused: too_large, not_xml, dtd_forbidden, too_deep, missing_tag, repeated_tag, bad_number,
        bad_value, bad_label, bad_box,
            unsupported_shape, too_many_boxes; with `file` and mostly `field`.
    """
    try:
        return _annotation(_tree(data))
    except Refused as error:
        place = {**error.where, "file": file}
        raise Refused(error.code, error.message, status=error.status, **place) from None


def write(annotation: VocAnnotation) -> bytes:
    """The file of an annotation. Whole numbers are written as such, others with all their digits.

    Raises:
        Refused: not_in_xml, where a name holds what XML 1.0 cannot hold or would not give back.
    """
    lines = [
        "<annotation>",
        "<folder>NA</folder>",
        _tag("filename", annotation.filename),
        "<source><database>Unknown</database></source>",
        f"<size><width>{annotation.width}</width><height>{annotation.height}</height><depth>3</depth></size>",
        "<segmented>0</segmented>",
        *(_object_xml(box) for box in annotation.objects),
        "</annotation>",
    ]
    return "\n".join(lines).encode() + b"\n"


class _LimitedBuilder(TreeBuilder):
    """Stops a flood of elements while it is being parsed, before the tree exists."""

    def __init__(self) -> None:
        super().__init__()
        self.depth = 0
        self.elements = 0

    def start(self, tag: str, attrs: dict[str, str]) -> Element:
        self.depth += 1
        self.elements += 1
        if self.depth > MAX_DEPTH:
            raise Refused("too_deep", f"The XML is nested deeper than {MAX_DEPTH} levels.")
        if self.elements > MAX_ELEMENTS:
            raise Refused("too_large", f"The XML has more than {MAX_ELEMENTS:,} elements.", status=413)
        return super().start(tag, attrs)

    def end(self, tag: str) -> Element:
        self.depth -= 1
        return super().end(tag)


def _tree(data: bytes) -> Element:
    if len(data) > MAX_BYTES:
        raise Refused("too_large", f"The XML is larger than {MAX_BYTES:,} bytes.", status=413)
    declared = _ENCODING.match(data.removeprefix(b"\xef\xbb\xbf"))
    if declared and declared[1].lower() not in (b"utf-8", b"utf8", b"ascii", b"us-ascii"):
        raise Refused("not_xml", "Only XML in UTF-8 is read.")
    try:
        data.decode()
        parser = DefusedXMLParser(target=_LimitedBuilder(), forbid_dtd=True)
        parser.feed(data)
        root = parser.close()
    except DefusedXmlException:
        raise Refused("dtd_forbidden", "XML with a document type or entities is not read.") from None
    except (ParseError, ValueError, LookupError):
        raise Refused("not_xml", "The file is not well-formed XML in UTF-8.") from None
    if root.tag != "annotation":
        raise _refused("missing_tag", "The XML is not a VOC annotation.", "annotation")
    return root


def _annotation(root: Element) -> VocAnnotation:
    size = _only(root, "size", "")
    boxes = root.findall("object")
    if len(boxes) > MAX_OBJECTS:
        raise _refused("too_many_boxes", f"At most {MAX_OBJECTS:,} boxes are taken for one image.", "object")
    return VocAnnotation(
        filename=(root.findtext("filename") or "").strip(),
        width=_side(size, "width"),
        height=_side(size, "height"),
        objects=tuple(_object(box, f"object[{position}]/") for position, box in enumerate(boxes)),
    )


def _object(element: Element, place: str) -> VocObject:
    name = label_name(_only(element, "name", place).text or "")
    if name is None:
        words = "A label has 1 to 1,024 characters (at most 2,048 bytes), no line break or control character."
        raise _refused("bad_label", words, f"{place}name")
    shape = next((shape for shape in _SHAPES if element.find(shape) is not None), None)
    if shape:
        raise _refused("unsupported_shape", f"Only boxes (bndbox) are taken, not {shape}.", place + shape)
    box = _only(element, "bndbox", place)
    xmin, ymin, xmax, ymax = (_number(_only(box, corner, f"{place}bndbox/"), f"{place}bndbox/{corner}")
                              for corner in _CORNERS)  # fmt: skip
    if not (xmin < xmax and ymin < ymax):
        raise _refused("bad_box", "The box has no area: its corners are equal or swapped.", f"{place}bndbox")
    coefficient = _share(element, "hard-coefficient", place)
    if coefficient is None:
        coefficient = _share(element, "difficult-coefficient", place)
    return VocObject(
        name=name,
        xmin=xmin,
        ymin=ymin,
        xmax=xmax,
        ymax=ymax,
        difficult=_flag(element, "difficult", place),
        hard_coefficient=coefficient,
        hard_reasons=_reasons(element, place),
        confidence=_share(element, "confidence", place),
        pose=(element.findtext("pose") or "").strip() or "Unspecified",
        truncated=_flag(element, "truncated", place),
        occluded=_flag(element, "occluded", place),
    )


def _only(parent: Element, tag: str, place: str) -> Element:
    found = parent.findall(tag)
    if not found:
        raise _refused("missing_tag", f"The tag {place}{tag} is missing.", place + tag)
    if len(found) > 1:
        raise _refused("repeated_tag", f"The tag {place}{tag} stands there more than once.", place + tag)
    return found[0]


def _number(element: Element, place: str) -> float:
    text = (element.text or "").strip()
    number = float(text) if len(text) <= 64 and _NUMBER.fullmatch(text) else math.nan
    if not abs(number) <= MAX_SIDE:
        raise _refused("bad_number", f"{place} is not a number of pixels.", place)
    return number


def _side(size: Element, tag: str) -> int:
    number = _number(_only(size, tag, "size/"), f"size/{tag}")
    if number < 1 or not number.is_integer():
        raise _refused("bad_number", f"size/{tag} is not a whole number of pixels.", f"size/{tag}")
    return int(number)


def _share(element: Element, tag: str, place: str) -> float | None:
    child = element.find(tag)
    if child is None or not (child.text or "").strip():
        return None
    number = _number(child, place + tag)
    if not 0 <= number <= 1:
        raise _refused("bad_number", f"{place}{tag} must be between 0 and 1.", place + tag)
    return number


def _flag(element: Element, tag: str, place: str) -> bool:
    text = (element.findtext(tag) or "").strip().lower()
    if text not in ("", "0", "1", "false", "true"):
        raise _refused("bad_value", f"{place}{tag} must be 0 or 1.", place + tag)
    return text in ("1", "true")


def _reasons(element: Element, place: str) -> tuple[int, ...]:
    codes = _codes(element.findtext("hard-reasons"), f"{place}hard-reasons")
    for item in element.iterfind("properties/property"):
        if item.findtext("key") == OWN_REASONS:
            codes += _codes(item.findtext("value"), f"{place}properties")
    return codes


def _codes(text: str | None, place: str) -> tuple[int, ...]:
    codes = reason_codes((text or "").strip())
    if codes is None:
        raise _refused("bad_value", f"{place} must be codes joined by hyphens, such as 1-20.", place)
    return codes


def _refused(code: str, words: str, place: str) -> Refused:
    return Refused(code, words, field=place)


def _object_xml(box: VocObject) -> str:
    own = [code for code in box.hard_reasons if code >= FIRST_OWN_REASON]
    listed = [code for code in box.hard_reasons if code < FIRST_OWN_REASON]
    parts = [
        _tag("name", box.name),
        _tag("pose", box.pose),
        f"<truncated>{box.truncated:d}</truncated><occluded>{box.occluded:d}</occluded>",
        f"<difficult>{box.difficult:d}</difficult>",
    ]
    if box.confidence is not None:
        parts.append(f"<confidence>{box.confidence!r}</confidence>")
    if box.hard_coefficient is not None:
        parts.append(f"<hard-coefficient>{box.hard_coefficient!r}</hard-coefficient>")
    if listed:
        parts.append(f"<hard-reasons>{joined(listed)}</hard-reasons>")
    if own:
        pair = f"<key>{OWN_REASONS}</key><value>{joined(own)}</value>"
        parts.append(f"<properties><property>{pair}</property></properties>")
    corners = "".join(f"<{corner}>{_pixels(getattr(box, corner))}</{corner}>" for corner in _CORNERS)
    parts.append(f"<bndbox>{corners}</bndbox>")
    return f"<object>{''.join(parts)}</object>"


def _pixels(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _tag(tag: str, text: str) -> str:
    if _NOT_IN_XML.search(text) or text != text.strip():
        raise _refused("not_in_xml", f"The {tag} holds characters that XML cannot keep.", tag)
    return f"<{tag}>{html.escape(text)}</{tag}>"
