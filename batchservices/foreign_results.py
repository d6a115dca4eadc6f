"""Results that another system has written: each named source with what was said of it, in any of three forms.

    infer-result-*.manifest     ModelArts': a line per input with source and inference-loc, or why it failed; each
                                result in a file of its own below infer-result/
    *.jsonl                     a line per input with source (or name) and the prediction (`_words` says how)
    a folder of both            all such files at its top, as one

Lines may be a million and come in any order; the images are listed in theirs. So what is said is put into a temporary
index on disk, and taken from it source by source: memory is flat. No result outside of its manifest's folder is read.
"""

import json
import sqlite3
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from batchservices.inputs import MANIFEST_SUFFIX, Input, list_inputs, name_of
from batchservices.predictions import RESULT_FOLDER
from config.refusals import Refused
from datasets import locations
from datasets.formats.jsonlines import LINE_LIMIT, Line, dumps, read_lines
from datasets.locations import Location

LINES_SUFFIX = ".jsonl"
RESULT_LIMIT = LINE_LIMIT
WORDS = 400
BATCH_BYTES = 4_000_000
BATCH_ROWS = 1000
INDEX_KIB = 65_536
"""What of the index may be in memory; the rest is on disk."""

_TABLE = "CREATE TABLE said (source TEXT PRIMARY KEY, words TEXT, code TEXT, error TEXT, twice INT) WITHOUT ROWID"
_ADD = """
    INSERT INTO said VALUES (?, ?, ?, ?, 0) ON CONFLICT (source) DO UPDATE SET
        twice = twice OR (words != '' AND excluded.words != '' AND words != excluded.words),
        words = CASE WHEN words = '' THEN excluded.words ELSE words END
"""
_TAKE = "DELETE FROM said WHERE source = ? RETURNING words, code, error, twice"


@dataclass(frozen=True)
class Result:
    """What one line says: of which source (None where that cannot be told), `words` as JSON, or why there are none."""

    name: str
    source: Location | None
    words: str = ""
    error: Refused | None = None


def is_results(text: str) -> bool:
    """Whether a location names one file of results and not a folder."""
    return text.lower().endswith((MANIFEST_SUFFIX, LINES_SUFFIX))


def files_of(text: str) -> list[Location]:
    """The files of results at a location, in the order of their names.

    Raises:
        Refused: scheme_not_allowed, path_not_allowed, storage_unavailable.
    """
    location = locations.parse(text)
    if is_results(text):
        return [location]
    entries = locations.list_files(location, suffixes=(MANIFEST_SUFFIX, LINES_SUFFIX), left_out=[])
    return [entry.location for entry in entries if _is_of_results(entry.name)]


def answered_inputs(results: str, inputs: str, *, between: Callable[[], None]) -> Iterator[Input]:
    """The images of a location with what another system said of each; then the images that only its results name, and
    the lines that name none.

    Args:
        results: `alias:folder`, `alias:some.manifest` or `alias:some.jsonl`.
        inputs: as `batchservices.inputs.list_inputs` takes it; sources that are no whole location start there.
        between: called now and then while the results are read, before the first input; may raise to end it.

    Raises:
        Refused: no_results; as `list_inputs`; not_json_lines.
    """
    found = files_of(results)
    if not found:
        raise Refused("no_results", f"There are no results in {results}.", field="results_location")
    base = _folder(inputs)
    with closing(sqlite3.connect("", isolation_level=None)) as index:
        index.execute("PRAGMA journal_mode = OFF")
        index.execute(f"PRAGMA cache_size = -{INDEX_KIB}")
        index.execute("BEGIN")  # one transaction, never ended: nothing of this is kept
        index.execute(_TABLE)
        index.execute("CREATE TABLE nameless (name TEXT, code TEXT, error TEXT)")
        for file in found:
            _fill(index, file, base, several=len(found) > 1, between=between)
        for each in list_inputs(inputs):
            row = index.execute(_TAKE, (each.location,)).fetchone() if each.location else None
            yield each if each.error else _answered(each, row)
        for source, *row in index.execute("SELECT * FROM said ORDER BY source"):
            yield _answered(Input(name_of(base, locations.parse(source)), source), row)
        for name, code, error in index.execute("SELECT * FROM nameless ORDER BY rowid"):
            yield Input(name, "", error=Refused(code, error))


def _answered(image: Input, row: Any) -> Input:
    """An input with a row of the index: words, code, error, twice."""
    if row is None:
        return replace(image, error=Refused("no_answer", "The other system has no result for this image."))
    words, code, error, twice = row
    if twice:
        return replace(image, error=Refused("two_answers", "The results say two different things about this image."))
    return replace(image, said=words) if words else replace(image, error=Refused(code, error))


def _fill(
    index: sqlite3.Connection, file: Location, base: Location, *, several: bool, between: Callable[[], None]
) -> None:
    rows: list[tuple[str, ...]] = []
    size = 0
    for each in _read(file, base):
        code, error = (each.error.code, each.error.message) if each.error else ("", "")
        if each.source is None:
            name = f"{file.name} {each.name}" if several else each.name
            index.execute("INSERT INTO nameless VALUES (?, ?, ?)", (name, code, error))
            continue
        rows.append((str(each.source), each.words, code, error))
        size += len(each.words)
        if size > BATCH_BYTES or len(rows) >= BATCH_ROWS:
            index.executemany(_ADD, rows)
            rows, size = [], 0
            between()
    index.executemany(_ADD, rows)


def _read(file: Location, base: Location) -> Iterator[Result]:
    of_manifest = file.name.lower().endswith(MANIFEST_SUFFIX)
    with locations.open_file(file) as stream:
        for line in read_lines(stream):
            yield _result(line, file, base, of_manifest=of_manifest)


def _result(line: Line[dict[str, Any]], file: Location, base: Location, *, of_manifest: bool) -> Result:
    name = f"line {line.number}"
    if line.value is None:
        return Result(name, None, error=line.error)
    try:
        source = _source(line.value, base)
    except Refused as refused:
        return Result(name, None, error=refused)
    try:
        told = _place(line.value, file) if of_manifest else _words(line.value)
    except Refused as refused:
        return Result(name, source, error=refused)
    return Result(name, source, words=dumps(told).decode())


def _source(line: dict[str, Any], base: Location) -> Location:
    text = line.get("source", line.get("name"))
    if not isinstance(text, str) or not text:
        raise Refused("missing_source", "The line does not say of which image it is.")
    return locations.resolve_source(text, base=base)


def _place(line: dict[str, Any], manifest: Location) -> dict[str, Any]:
    """Where the result of a manifest's line stands: below the manifest's own folder, wherever it was written first."""
    text = line.get("inference-loc")
    if line.get("result", "SUCCESSFUL") != "SUCCESSFUL" or text is None:
        raise _failed(line.get("error_message"))
    if not isinstance(text, str):
        raise Refused("wrong_type", "The place of the result is no text.")
    folder = folder_of(manifest)
    try:
        place = locations.resolve_source(text, base=folder)
    except Refused:
        place = None
    if place is None or not _inside(place, folder):
        _, here, rest = text.rpartition(f"{RESULT_FOLDER}/")
        if not here:
            raise Refused("path_not_allowed", "The manifest names a result that is not in its folder.")
        place = folder.join(f"{RESULT_FOLDER}/{rest}")
    return {"at": str(place)}


def _words(line: dict[str, Any]) -> dict[str, Any]:
    """The prediction of a JSON line in ModelArts' form.

    It stands in the line itself or under `prediction`: ModelArts' keys; or `scores` as an object, label to confidence;
    or `boxes`, a list of {"label", "confidence", "box": [xmin, ymin, xmax, ymax]}. An `error` instead says why there is
    none.
    """
    if line.get("error"):
        raise _failed(line["error"])
    said = line.get("prediction", line)
    if not isinstance(said, dict):
        raise Refused("bad_prediction", "A prediction is a JSON object.")
    boxes, scores = said.get("boxes"), said.get("scores")
    if isinstance(boxes, list):
        if not all(isinstance(box, dict) and isinstance(box.get("box"), list) for box in boxes):
            raise Refused("bad_prediction", "Each of the boxes has a label, a confidence and a box.")
        return {
            "words": {
                "detection_classes": [box.get("label") for box in boxes],
                "detection_boxes": [_turned(box["box"]) for box in boxes],
                "detection_scores": [box.get("confidence") for box in boxes],
            }
        }
    if isinstance(scores, dict):
        said = {**said, "scores": list(scores.items())}
    kept = ("predicted_label", "predict_label", "scores", "detection_classes", "detection_boxes", "detection_scores")
    words = {key: said[key] for key in kept if key in said}
    if not words:
        raise Refused("bad_prediction", "The line has no prediction.")
    pairs = words.get("scores")
    if not {"predicted_label", "predict_label"} & words.keys() and isinstance(pairs, list) and pairs:
        words["predicted_label"] = _surest(pairs)
    return {"words": words}


def _turned(box: list[Any]) -> list[Any]:
    """ymin, xmin, ymax, xmax from xmin, ymin, xmax, ymax; what has not four numbers is refused when it is read."""
    return [box[1], box[0], box[3], box[2]] if len(box) == 4 else box


def _surest(pairs: list[Any]) -> Any:
    """The label of the first pair with the highest number; whether it is one is checked with all the rest."""
    try:
        return max(pairs, key=lambda pair: float(pair[1]))[0]
    except (TypeError, ValueError, LookupError, OverflowError):
        return None


def _failed(message: Any) -> Refused:
    words = "".join(sign for sign in str(message or "it did not say why") if sign.isprintable())[:WORDS]
    return Refused("failed_elsewhere", f"The other system failed: {words}")


def words_at(said: dict[str, Any]) -> bytes:
    """What was said of an input, as JSON text: its words, or what stands in its result file.

    Raises:
        Refused: as `datasets.locations.read`.
    """
    if "words" in said:
        return json.dumps(said["words"]).encode()
    return locations.read(locations.parse(said["at"]), limit=RESULT_LIMIT).removeprefix(BOM_UTF8)


def _is_of_results(name: str) -> bool:
    lower = name.lower()
    if "/" in name:
        return False
    return lower.endswith(LINES_SUFFIX) or lower.startswith(RESULT_FOLDER)


def _folder(inputs: str) -> Location:
    location = locations.parse(inputs)
    return folder_of(location) if inputs.lower().endswith(MANIFEST_SUFFIX) else location


def folder_of(file: Location) -> Location:
    """The folder that a file lies in."""
    return Location(file.alias, file.path.rpartition("/")[0])


def _inside(place: Location, folder: Location) -> bool:
    return place.alias == folder.alias and (not folder.path or place.path.startswith(f"{folder.path}/"))
