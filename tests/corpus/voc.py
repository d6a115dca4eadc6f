"""VOC files that are refused, with their codes and places: rows X01 to X05 and M22."""

BOX = "<bndbox><xmin>30</xmin><ymin>12</ymin><xmax>330</xmax><ymax>210</ymax></bndbox>"
GOOD = (
    "<annotation><folder>../../etc</folder><filename>b7.png</filename><path>/etc/passwd</path>"
    "<source><database>Unknown</database></source>"
    "<size><width>640</width><height>480</height><depth>3</depth></size><segmented>0</segmented>"
    "<object><name>dog</name><pose>Unspecified</pose><truncated>0</truncated><occluded>0</occluded>"
    "<difficult>1</difficult><confidence>0.61</confidence><hard-coefficient>0.7</hard-coefficient>"
    f"<hard-reasons>1-21</hard-reasons>{BOX}</object></annotation>"
)


def _with(old: str, new: str) -> bytes:
    assert old in GOOD
    return GOOD.replace(old, new).encode()


def _doctype(words: str, body: str = "") -> bytes:
    return f"<?xml version='1.0'?><!DOCTYPE annotation {words}><annotation>{body}</annotation>".encode()


_LAUGHS = "".join(f'<!ENTITY l{step} "{f"&l{step - 1};" * 10}">' for step in range(1, 10))

REFUSED: dict[str, tuple[bytes, str, str | None]] = {
    "X01 external entity": (_doctype('[<!ENTITY x SYSTEM "file:///etc/passwd">]', "&x;"), "dtd_forbidden", None),
    "X01 parameter entity": (_doctype('[<!ENTITY % x SYSTEM "http://h/x.dtd"> %x;]'), "dtd_forbidden", None),
    "X01 external DTD": (_doctype('SYSTEM "http://h/x.dtd"'), "dtd_forbidden", None),
    "X02 billion laughs": (_doctype(f'[<!ENTITY l0 "ha">{_LAUGHS}]', "&l9;"), "dtd_forbidden", None),
    "X02 quadratic": (_doctype(f'[<!ENTITY a "{"a" * 50_000}">]', "&a;" * 5_000), "dtd_forbidden", None),
    "X02 plain doctype": (_doctype(""), "dtd_forbidden", None),
    "X03 nested": (b"<annotation>" + b"<a>" * 300_000, "too_deep", None),
    "X03 a flood of elements": (b"<annotation>" + b"<a/>" * 500_000, "too_large", None),
    "X03 a comment of 11 MB": (b"<annotation><!--" + b" " * 11_000_000 + b"--></annotation>", "too_large", None),
    "X03 a million attributes": (
        b"<annotation " + b" ".join(b"a%d='1'" % index for index in range(1_000_000)) + b"/>",
        "too_large",
        None,
    ),
    "X04 empty": (b"", "not_xml", None),
    "X04 blank": (b"  \n", "not_xml", None),
    "X04 not closed": (GOOD.encode()[:-3], "not_xml", None),
    "X04 two roots": (GOOD.encode() * 2, "not_xml", None),
    "X04 unknown entity": (_with("dog", "&dog;"), "not_xml", None),
    "X04 HTML": (b"<html><body>403</body></html>", "missing_tag", "annotation"),
    "X04 HTML that is no XML": (b"<html><br></html>", "not_xml", None),
    "X04 JSON": (b'{"annotation": 1}', "not_xml", None),
    "X04 UTF-16": (GOOD.encode("utf-16"), "not_xml", None),
    "X04 declared UTF-16": (b'<?xml version="1.0" encoding="UTF-16"?>' + GOOD.encode(), "not_xml", None),
    "X04 declared x": (b"<?xml version='1.0' encoding='x'?>" + GOOD.encode(), "not_xml", None),
    "X04 Latin-1": (GOOD.replace("dog", "\xe9").encode("latin-1"), "not_xml", None),
    "X04 control character": (_with("dog", "d\x01g"), "not_xml", None),
    "X05 size": (_with("size>", "sizes>"), "missing_tag", "size"),
    "X05 width": (_with("width>", "w>"), "missing_tag", "size/width"),
    "X05 name": (_with("<name>dog</name>", ""), "missing_tag", "object[0]/name"),
    "X05 bndbox": (_with(BOX, ""), "missing_tag", "object[0]/bndbox"),
    "X05 one coordinate": (_with("<ymin>12</ymin>", ""), "missing_tag", "object[0]/bndbox/ymin"),
    "X05 two boxes": (_with(BOX, BOX * 2), "repeated_tag", "object[0]/bndbox"),
    "X05 five numbers": (_with("<ymin>12</ymin>", "<ymin>12</ymin><ymin>1</ymin>"), "repeated_tag",
                         "object[0]/bndbox/ymin"),
    "X05 two sizes": (_with("<segmented>", "<size/><segmented>"), "repeated_tag", "size"),
    "X05 polygon": (_with(BOX, "<polygon><x1>1</x1></polygon>"), "unsupported_shape", "object[0]/polygon"),
    "X05 circle beside a box": (_with(BOX, BOX + "<circle/>"), "unsupported_shape", "object[0]/circle"),
    "M20 label empty": (_with("dog", " "), "bad_label", "object[0]/name"),
    "M20 label long": (_with("dog", "x" * 2_000), "bad_label", "object[0]/name"),
    "M20 label with a line break": (_with("dog", "a\nb"), "bad_label", "object[0]/name"),
    "M22 NaN": (_with(">30<", ">nan<"), "bad_number", "object[0]/bndbox/xmin"),
    "M22 infinite": (_with(">330<", ">1e999<"), "bad_number", "object[0]/bndbox/xmax"),
    "M22 hexadecimal": (_with(">30<", ">0x10<"), "bad_number", "object[0]/bndbox/xmin"),
    "M22 underscore": (_with(">30<", ">3_0<"), "bad_number", "object[0]/bndbox/xmin"),
    "M22 Arabic digits": (_with(">30<", ">٣٠<"), "bad_number", "object[0]/bndbox/xmin"),
    "M22 word": (_with(">30<", ">left<"), "bad_number", "object[0]/bndbox/xmin"),
    "M22 empty": (_with(">30<", "><"), "bad_number", "object[0]/bndbox/xmin"),
    "M22 swapped": (_with(">30<", ">331<"), "bad_box", "object[0]/bndbox"),
    "M22 no width": (_with(">30<", ">330<"), "bad_box", "object[0]/bndbox"),
    "M24 size of zero": (_with(">640<", ">0<"), "bad_number", "size/width"),
    "M24 size with a fraction": (_with(">640<", ">640.5<"), "bad_number", "size/width"),
    "M28 confidence": (_with(">0.61<", ">1.61<"), "bad_number", "object[0]/confidence"),
    "M28 difficult": (_with("<difficult>1<", "<difficult>2<"), "bad_value", "object[0]/difficult"),
    "M28 reasons": (_with("1-21", "1,21"), "bad_value", "object[0]/hard-reasons"),
    "M25 boxes": (_with("<object>", f"<object><name>a</name>{BOX}</object>" * 5_000 + "<object>"), "too_many_boxes",
                  "object"),
}  # fmt: skip
