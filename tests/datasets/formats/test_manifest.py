"""What manifests promise: ModelArts' lines are understood in every spelling, and what is written is read back."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.formats import jsonlines, manifest
from datasets.formats.fields import label_name
from datasets.formats.manifest import ManifestAnnotation, ManifestSample
from tests.corpus import lines as corpus


def read(line: bytes) -> ManifestSample:
    [found] = manifest.read_manifest([line])
    assert found.error is None
    return found.value


ROSE = ManifestSample(
    source="obs://shop/in/a1.jpg",
    usage="TRAIN",
    id="4f" * 16,
    hard=True,
    hard_coefficient=0.62,
    hard_reasons=(20, 1, 101),
    annotations=(
        ManifestAnnotation(
            type=manifest.CLASSIFICATION,
            name="rose",
            confidence=0.55,
            annotated_by="modelarts/active-learning",
            creation_time=datetime(2026, 11, 1, 10, tzinfo=UTC),
            hard=True,
            hard_coefficient=0.62,
            property={"@modelarts:color": "#3399ff"},
        ),
    ),
)
ROSE_LINE = (
    b'{"source":"obs://shop/in/a1.jpg","usage":"TRAIN","id":"4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f","hard":"true",'
    b'"hard-coefficient":0.62,"hard-reasons":"20-1","property":{"hardmine:reasons":"101"},"annotation":['
    b'{"type":"modelarts/image_classification","name":"rose","property":{"@modelarts:color":"#3399ff"},"hard":"true",'
    b'"hard-coefficient":0.62,"confidence":0.55,"annotated-by":"modelarts/active-learning",'
    b'"creation-time":"2026-11-01 10:00:00"}]}\n'
)
BOXES = ManifestSample(
    source="obs://shop/in/b7.png",
    usage="EVAL",
    annotations=(
        ManifestAnnotation(
            type=manifest.DETECTION,
            annotated_by="human/acme/ann",
            creation_time=datetime(2026, 11, 1, 10, 5, tzinfo=UTC),
            annotation_location="obs://shop/out/V003/annotations/b7.xml",
        ),
    ),
)
BOXES_LINE = (
    b'{"source":"obs://shop/in/b7.png","usage":"EVAL","annotation":[{"type":"modelarts/object_detection",'
    b'"annotated-by":"human/acme/ann","creation-time":"2026-11-01 10:05:00",'
    b'"annotation-loc":"obs://shop/out/V003/annotations/b7.xml","annotation-format":"PASCAL VOC"}]}\n'
)
INFERRED = ManifestSample(
    source="/shop/in/d1.jpg", result="SUCCESSFUL", inference_location="obs://shop/d1.jpg_result.txt"
)
INFERRED_LINE = b'{"source":"/shop/in/d1.jpg","result":"SUCCESSFUL","inference-loc":"obs://shop/d1.jpg_result.txt"}\n'
FAILED = ManifestSample(source="inputs:e.jpg", result="FAILED", error_message="The image is cut off.")
FAILED_LINE = b'{"source":"inputs:e.jpg","result":"FAILED","error_message":"The image is cut off."}\n'


@pytest.mark.parametrize(
    ("sample", "line"),
    [(ROSE, ROSE_LINE), (BOXES, BOXES_LINE), (INFERRED, INFERRED_LINE), (FAILED, FAILED_LINE)],
    ids=["classification", "detection", "inferred", "failed"],
)
def test_the_lines_are_modelarts_own(sample: ManifestSample, line: bytes) -> None:
    assert manifest.to_line(sample) == line
    assert read(line) == sample


def test_an_unlabeled_sample_is_its_source() -> None:
    assert read(b'{"source":"s3://a/c9.jpg"}') == ManifestSample(source="s3://a/c9.jpg")
    assert read(b'{"source":"s3://a/c9.jpg","annotation":[],"usage":"","property":{}}') == ManifestSample(
        "s3://a/c9.jpg"
    )
    assert manifest.to_line(ManifestSample(source="s3://a/c9.jpg")) == b'{"source":"s3://a/c9.jpg"}\n'


def test_both_spellings_mean_the_same() -> None:
    names = (b"hard-coefficient", b"hard-reasons", b"annotated-by", b"creation-time")
    other = ROSE_LINE
    for name in names:
        other = other.replace(name, name.replace(b"-", b"_"))
    assert other != ROSE_LINE
    assert read(other) == ROSE
    assert read(BOXES_LINE.replace(b"annotation-loc", b"annotation_loc")) == BOXES
    assert read(INFERRED_LINE.replace(b"inference-loc", b"inference_loc")) == INFERRED


@pytest.mark.parametrize(
    ("written", "hard"),
    [
        *[(text, True) for text in (b'"true"', b'"True"', b"true", b"1", b"1.0", b'"1"')],
        *[(text, False) for text in (b'"false"', b'"FALSE"', b"false", b"0", b"0.0", b'"0"')],
        (b"null", None),
    ],
)
def test_hard_is_understood_in_every_form(written: bytes, hard: bool | None) -> None:
    assert read(b'{"source":"a","hard":' + written + b"}").hard is hard


def test_usage_has_no_case_and_numbers_may_be_text() -> None:
    sample = read(b'{"source":"a","usage":"train","hard-coefficient":"0.25","sample-type":"0","hard-reasons":""}')
    assert (sample.usage, sample.hard_coefficient, sample.hard_reasons) == ("TRAIN", 0.25, ())


def test_m28_unknown_keys_are_ignored_and_named() -> None:
    sample = read(b'{"source":"a","colour":1,"__proto__":{},"size":9}')
    assert sample == ManifestSample(source="a")
    assert sample.ignored == ("colour", "__proto__")
    assert sample.line == 1


def test_m32_a_time_without_a_zone_is_utc_and_one_with_a_zone_is_converted() -> None:
    for text, hour in (
        (b"2026-11-01 10:00:00", 10),
        (b"2026-11-01T10:00:00+08:00", 2),
        (b"2026-11-01T10:00:00.5Z", 10),
    ):
        sample = read(ROSE_LINE.replace(b"2026-11-01 10:00:00", text))
        assert sample.annotations[0].creation_time == datetime(2026, 11, 1, hour, tzinfo=UTC)


def test_a_label_loses_only_the_blanks_around_it() -> None:
    assert read(ROSE_LINE.replace(b'"rose"', b'" <b>=cmd()</b> "')).annotations[0].name == "<b>=cmd()</b>"
    assert label_name("x" * 1024) == "x" * 1024
    assert label_name("x" * 1025) is None


def test_a_label_fits_into_an_index_of_postgresql() -> None:
    assert label_name("猫" * 682) == "猫" * 682
    assert label_name("猫" * 683) is None  # 2,049 bytes


@pytest.mark.parametrize(("line", "code", "place"), corpus.MANIFEST.values(), ids=corpus.MANIFEST.keys())
def test_a_wrong_value_refuses_its_line_and_says_which(line: bytes, code: str, place: str) -> None:
    lines = list(manifest.read_manifest([corpus.GOOD + b"\n" + line + b"\n" + corpus.GOOD]))
    assert [bool(line.error) for line in lines] == [False, True, False]
    assert (lines[1].error.code, lines[1].error.where) == (code, {"line": 2, "field": place})


@pytest.mark.parametrize(("line", "code"), corpus.JSON.values(), ids=corpus.JSON.keys())
def test_a_line_that_is_no_json_keeps_its_reason(line: bytes, code: str) -> None:
    [found] = manifest.read_manifest([line])
    assert (found.error.code, found.error.where) == (code, {"line": 1})


def test_m29_one_bad_line_in_a_thousand_costs_one() -> None:
    lines = [corpus.GOOD] * 1_000
    lines[499] = b'{"source":'
    found = list(manifest.read_manifest([b"\n".join(lines)]))
    assert [line.number for line in found if line.error] == [500]
    assert sum(line.value is not None for line in found) == 999


TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=40)
SHARES = st.none() | st.floats(0, 1)
PROPERTIES = st.dictionaries(
    TEXT.filter(lambda key: key != "hardmine:reasons"), TEXT | st.booleans() | st.integers(0, 9)
)
REASONS = st.lists(st.integers(0, 30) | st.integers(100, 9_999), max_size=6).map(tuple)
HARDNESS = {
    "hard": st.none() | st.booleans(),
    "hard_coefficient": SHARES,
    "hard_reasons": REASONS,
    "property": PROPERTIES,
}
ANNOTATIONS = st.builds(
    ManifestAnnotation,
    type=st.just(manifest.CLASSIFICATION),
    name=TEXT.map(label_name).filter(bool),
    confidence=SHARES,
    annotated_by=TEXT,
    creation_time=st.none() | st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.replace(microsecond=0)),
    annotation_location=st.none() | TEXT,
    **HARDNESS,
)
SAMPLES = st.builds(
    ManifestSample,
    source=TEXT,
    usage=st.none() | st.sampled_from(manifest.USAGES),
    id=st.none() | TEXT,
    annotations=st.lists(ANNOTATIONS, max_size=3).map(tuple),
    inference_location=st.none() | TEXT,
    result=st.none() | st.sampled_from(manifest.RESULTS),
    error_message=st.none() | TEXT,
    **HARDNESS,
)


@given(SAMPLES)
def test_what_is_written_is_read(sample: ManifestSample) -> None:
    line = manifest.to_line(sample)
    assert line.count(b"\n") == 1
    assert read(line) == sample
    assert manifest.to_line(read(line)) == line


@given(SAMPLES)
def test_our_own_reasons_never_stand_among_modelarts(sample: ManifestSample) -> None:
    value = jsonlines.strict_loads(manifest.to_line(sample))
    for record in (value, *value.get("annotation", ())):
        assert all(int(code) < 100 for code in record.get("hard-reasons", "0").split("-"))
