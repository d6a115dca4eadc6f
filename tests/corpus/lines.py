"""Lines of JSON and of manifests that are refused, with their codes: rows M01 to M32."""

GOOD = b'{"source":"inputs:a.jpg"}'

JSON: dict[str, tuple[bytes, str]] = {
    "M01 no JSON": (b"source: a.jpg", "not_json"),
    "M01 trailing comma": (b'{"a":1,}', "not_json"),
    "M01 comment": (b'{"a":1} // yes', "not_json"),
    "M01 two objects": (b'{"a":1}{"a":2}', "not_json"),
    "M01 single quotes": (b"{'a':1}", "not_json"),
    "M01 half an object": (b'{"a":', "not_json"),
    "M01 raw tab in a string": (b'{"a":"\t"}', "not_json"),
    "M01 leading zero": (b'{"a":01}', "not_json"),
    "M02 NaN": (b'{"a":NaN}', "bad_number"),
    "M02 Infinity": (b'{"a":[Infinity]}', "bad_number"),
    "M02 -Infinity": (b'{"a":{"b":-Infinity}}', "bad_number"),
    "M03 1e999": (b'{"a":1e999}', "bad_number"),
    "M03 -1e999": (b'{"a":-1e999}', "bad_number"),
    "M03 a number of 5,000 digits": (b'{"a":' + b"9" * 5_000 + b"}", "bad_number"),
    "M03 2 to the 63": (b'{"a":9223372036854775808}', "bad_number"),
    "M03 5,000 digits after the point": (b'{"a":' + b"9" * 5_000 + b".5}", "bad_number"),
    "M05 brackets": (b"[" * 100_000, "too_deep"),
    "M05 closed brackets": (b"[" * 10_000 + b"]" * 10_000, "too_deep"),
    "M05 objects": (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, "too_deep"),
    "M05 one level too many": (b'{"a":' + b"[" * 64 + b"]" * 64 + b"}", "too_deep"),
    "M06 a key twice": (b'{"source":"a","source":"b"}', "duplicate_key"),
    "M06 a key twice, escaped": (b'{"a":1,"\\u0061":2}', "duplicate_key"),
    "M06 a key twice, deep": (b'{"a":[{"b":{"c":1,"c":1}}]}', "duplicate_key"),
    "M13 NUL": (b'{"a":"\\u0000"}', "bad_string"),
    "M13 NUL deep": (b'{"a":[{"b":["x\\u0000y"]}]}', "bad_string"),
    "M13 NUL in a key": (b'{"\\u0000":1}', "bad_string"),
    "M13 half a surrogate pair": (b'{"a":"\\ud800"}', "bad_string"),
    "M13 the other half": (b'{"a":"\\udc00x"}', "bad_string"),
    "M32 Latin-1": (b'{"a":"\xe9"}', "not_utf8"),
    "M32 overlong": (b'{"a":"\xc0\xaf"}', "not_utf8"),
    "M32 surrogate in UTF-8": (b'{"a":"\xed\xa0\x80"}', "not_utf8"),
}

NOT_OBJECTS: dict[str, bytes] = {
    f"M14 {name}": line
    for name, line in {
        "array": b'[{"source":"a"}]', "string": b'"a"', "number": b"1", "null": b"null", "true": b"true"
    }.items()
}  # fmt: skip

FILES: dict[str, bytes] = {
    "M32 gzip": b"\x1f\x8b\x08\0\0\0\0\0",
    "M32 ZIP": b"PK\x03\x04\x14\0\0\0",
    "M32 HTML error page": b"\n <!DOCTYPE html><html><body>403 Forbidden</body></html>",
    "M32 XML": b'<?xml version="1.0"?><Error><Code>NoSuchKey</Code></Error>',
    "M32 UTF-16": '{"source":"a"}\n'.encode("utf-16"),
}

_CLASS = '{"type":"modelarts/image_classification","name":"rose"'


def _sample(rest: str) -> bytes:
    return f'{{"source":"inputs:a.jpg",{rest}}}'.encode()


def _annotated(rest: str) -> bytes:
    return _sample(f'"annotation":[{_CLASS},{rest}}}]')


MANIFEST: dict[str, tuple[bytes, str, str]] = {
    "M15 no source": (b'{"usage":"TRAIN"}', "missing_source", "source"),
    "M15 source null": (b'{"source":null}', "missing_source", "source"),
    "M15 source empty": (b'{"source":""}', "missing_source", "source"),
    "M15 source number": (b'{"source":7}', "wrong_type", "source"),
    "M15 source list": (b'{"source":["a"]}', "wrong_type", "source"),
    "M15 source endless": (b'{"source":"' + b"a" * 5_000 + b'"}', "wrong_value", "source"),
    "M20 label empty": (_sample('"annotation":[{"type":"modelarts/image_classification","name":""}]'), "bad_label",
                        "annotation[0].name"),
    "M20 label blank": (_sample('"annotation":[{"type":"modelarts/image_classification","name":" "}]'), "bad_label",
                        "annotation[0].name"),
    "M20 label missing": (_sample('"annotation":[{"type":"modelarts/image_classification"}]'), "bad_label",
                          "annotation[0].name"),
    "M20 label of 10,000 signs": (
        _sample(f'"annotation":[{{"type":"modelarts/image_classification","name":"{"x" * 10_000}"}}]'), "bad_label",
        "annotation[0].name"),
    "M20 label with a line break": (
        _sample('"annotation":[{"type":"modelarts/image_classification","name":"a\\nb"}]'), "bad_label",
        "annotation[0].name"),
    "M25 too many annotations": (_sample(f'"annotation":[{",".join(["{}"] * 1_001)}]'), "too_many_annotations",
                                 "annotation"),
    "M27 another kind": (_sample('"annotation":[{"type":"modelarts/audio_content","name":"a"}]'), "unsupported_type",
                         "annotation[0].type"),
    "M27 no kind": (_sample('"annotation":[{"name":"a"}]'), "unsupported_type", "annotation[0].type"),
    "M27 no image": (_sample('"sample-type":1'), "unsupported_type", "sample-type"),
    "M27 detection without its file": (_sample('"annotation":[{"type":"modelarts/object_detection"}]'),
                                       "missing_location", "annotation[0].annotation-loc"),
    "M28 annotation no list": (_sample(f'"annotation":{_CLASS}}}'), "wrong_type", "annotation"),
    "M28 annotation no object": (_sample('"annotation":[7]'), "wrong_type", "annotation[0]"),
    "M28 usage": (_sample('"usage":"learn"'), "wrong_value", "usage"),
    "M28 usage number": (_sample('"usage":1'), "wrong_type", "usage"),
    "M28 hard": (_sample('"hard":"maybe"'), "wrong_value", "hard"),
    "M28 hard 2": (_sample('"hard":2'), "wrong_value", "hard"),
    "M28 hard list": (_sample('"hard":[]'), "wrong_value", "hard"),
    "M28 coefficient 1.7": (_sample('"hard-coefficient":1.7'), "out_of_range", "hard-coefficient"),
    "M28 coefficient -0.1": (_sample('"hard_coefficient":-0.1'), "out_of_range", "hard-coefficient"),
    "M28 coefficient word": (_sample('"hard-coefficient":"high"'), "wrong_type", "hard-coefficient"),
    "M28 coefficient NaN as text": (_sample('"hard-coefficient":"nan"'), "wrong_type", "hard-coefficient"),
    "M28 coefficient infinity as text": (_sample('"hard-coefficient":"inf"'), "out_of_range", "hard-coefficient"),
    "M28 coefficient true": (_sample('"hard-coefficient":true'), "wrong_type", "hard-coefficient"),
    "M28 confidence 1.7": (_annotated('"confidence":1.7'), "out_of_range", "annotation[0].confidence"),
    "M28 reasons number": (_sample('"hard-reasons":1'), "wrong_value", "hard-reasons"),
    "M28 reasons words": (_sample('"hard-reasons":"low confidence"'), "wrong_value", "hard-reasons"),
    "M28 reasons open": (_sample('"hard-reasons":"1-"'), "wrong_value", "hard-reasons"),
    "M28 reasons of ours": (_sample('"hard-reasons":"1-100"'), "wrong_value", "hard-reasons"),
    "M28 our reasons as a list": (_sample('"property":{"hardmine:reasons":[100]}'), "wrong_value",
                                  "property.hardmine:reasons"),
    "M28 property": (_sample('"property":"x"'), "wrong_type", "property"),
    "M28 two spellings": (_sample('"inference-loc":"a","inference_loc":"b"'), "duplicate_key", "inference-loc"),
    "M32 date": (_annotated('"creation-time":"yesterday"'), "bad_date", "annotation[0].creation-time"),
    "M32 year 10000": (_annotated('"creation-time":"10000-01-01 00:00:00"'), "bad_date",
                       "annotation[0].creation-time"),
    "M32 month 13": (_annotated('"creation-time":"2026-13-01 00:00:00"'), "bad_date", "annotation[0].creation-time"),
    "M32 year 9999 beyond UTC": (_annotated('"creation-time":"9999-12-31T23:59:59-05:00"'), "bad_date",
                                 "annotation[0].creation-time"),
    "M32 date number": (_annotated('"creation-time":1700000000'), "wrong_type", "annotation[0].creation-time"),
}  # fmt: skip
