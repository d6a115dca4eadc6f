"""What an import takes, one entry after the other, in a fixed order: a resumed import passes over the first ones.

An entry is read and said to be bad one by one: it costs itself, never the import.
"""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace

from config.refusals import Refused
from datasets import locations, records, staging
from datasets.formats import archive, manifest, voc
from datasets.images import MAX_BYTES, SUFFIXES
from datasets.intake import Claim, Incoming
from datasets.locations import Location
from datasets.models import Annotation, ImportFormat, ImportTask, Origin, Status, Task
from datasets.preparation import Prepared

type Tell = Callable[[Prepared], Incoming]
"""What is said about an image once it is decoded."""


@dataclass(frozen=True)
class Entry:
    """One image to import. `open` gives its bytes and what is said about it, or None where it shall be passed over;
    `error` says why it cannot be opened at all."""

    name: str
    line: int | None = None
    open: Callable[[], tuple[bytes, Tell] | None] | None = None
    error: Refused | None = None


def entries(task: ImportTask) -> Generator[Entry, None, None]:
    """The entries of an import in a fixed order.

    Raises:
        Refused: where the source as a whole cannot be read.
    """
    if task.format == ImportFormat.MANIFEST:
        yield from _manifest_entries(task, locations.parse(task.location))
    elif task.uploaded:
        yield from _uploaded_entries(task)
    else:
        yield from _folder_entries(task, locations.parse(task.location))


def work_folder(task: ImportTask) -> Location:
    """Where an import keeps what it needs until it ends."""
    return Location("staging", task.location.partition(":")[2] if task.uploaded else f"imports/task-{task.pk}")


def _folder_entries(task: ImportTask, folder: Location) -> Iterator[Entry]:
    one = is_image(folder)
    if one:
        folder, only = Location(folder.alias, folder.path.rpartition("/")[0]), folder.name
    names = staging.frozen(work_folder(task))
    if names is None:
        names = [only] if one else _names(folder)
        staging.freeze(work_folder(task), names)
    for name in names:
        yield _folder_entry(task, name, folder)


def is_image(place: Location) -> bool:
    """Whether a location is one image file by its name, and no folder."""
    named = place.path.lower().endswith(SUFFIXES)
    return named and not locations.has_files(place) and locations.size(place) is not None


def _names(folder: Location) -> list[str]:
    """Images, and what might have been some: reading links, pipes and bad names tells why they are refused."""
    left_out: list[str] = []
    found = [entry.name for entry in locations.list_files(folder, left_out=left_out)]
    maybe = (name for name in left_out if "." not in name.rpartition("/")[2])  # such as a link to a folder
    return sorted([name for name in [*found, *left_out] if name.lower().endswith(SUFFIXES)] + list(maybe))


def _folder_entry(task: ImportTask, name: str, folder: Location) -> Entry:
    try:
        place = folder.join(name)
    except Refused as refused:
        return Entry(name, error=refused)
    return _stored_entry(task, name, place, str(place))


def _uploaded_entries(task: ImportTask) -> Iterator[Entry]:
    for upload in staging.staged(work_folder(task)):
        if not upload.name.lower().endswith(".zip"):
            yield _stored_entry(task, upload.name, upload.location, f"upload:{upload.name}")
            continue
        with locations.open_file(upload.location) as file:
            try:
                for member in archive.members(file):
                    yield _member_entry(task, member, f"upload:{upload.name}/{member.name}")
            except Refused as refused:
                yield Entry(upload.name, error=refused)


def _stored_entry(task: ImportTask, name: str, place: Location, source: str) -> Entry:
    return Entry(name, open=lambda: (locations.read(place, limit=MAX_BYTES), _teller(task, name, source)))


def _member_entry(task: ImportTask, member: archive.Member, source: str) -> Entry:
    data = member.data
    if data is None:
        return Entry(member.name, error=member.error)
    return Entry(member.name, open=lambda: (data, _teller(task, member.name, source)))


def _manifest_entries(task: ImportTask, place: Location) -> Iterator[Entry]:
    folder = Location(place.alias, place.path.rpartition("/")[0])
    with locations.open_file(place) as file:
        for line in manifest.read_manifest(file):
            if line.value is None:
                yield Entry("", line=line.number, error=line.error)
            else:
                yield _manifest_entry(task, line.value, line.number, folder)


def _manifest_entry(task: ImportTask, record: manifest.ManifestSample, number: int, folder: Location) -> Entry:
    def open_record() -> tuple[bytes, Tell] | None:
        drawn = _drawn(task, record, folder)
        if task.difficult_only and not records.is_hard(record, drawn):
            return None

        def tell(prepared: Prepared) -> Incoming:
            return records.from_record(record, drawn, prepared=prepared, final_annotation=task.final_annotation)

        return locations.read(locations.resolve_source(record.source, base=folder), limit=MAX_BYTES), tell

    return Entry(record.source, line=number, open=open_record)


def _drawn(task: ImportTask, record: manifest.ManifestSample, folder: Location) -> voc.VocAnnotation | None:
    """The boxes that a line names, for a dataset of object detection."""
    wanted = manifest.DETECTION if task.dataset.task == Task.OBJECT_DETECTION else manifest.CLASSIFICATION
    if any(annotation.type != wanted for annotation in record.annotations):
        raise Refused(
            "type_mismatch", f"The annotations of this line are not for {task.dataset.get_task_display().lower()}."
        )
    files = [annotation.annotation_location for annotation in record.annotations if annotation.annotation_location]
    if wanted == manifest.CLASSIFICATION or not files:
        return None
    if len(files) > 1:
        raise Refused("too_many_annotations", "A line names one file of boxes.", field="annotation")
    place = locations.resolve_source(files[0], base=folder)
    return voc.parse(locations.read(place, limit=voc.MAX_BYTES), file=place.name)


def _teller(task: ImportTask, name: str, source: str) -> Tell:
    """An image without words, or with its directory's name as label."""
    directory = name.replace("\\", "/").rpartition("/")[0].rpartition("/")[2].strip()

    def tell(prepared: Prepared) -> Incoming:
        incoming = Incoming(prepared, name, source[:1200], Origin.IMPORT, Status.UNLABELED)
        if task.format != ImportFormat.DIRECTORIES or not directory:
            return incoming
        claim = Claim(directory, by=Annotation.By.HUMAN, annotated_by=task.created_by.get_username())
        status = Status.LABELED if task.final_annotation else Status.TO_BE_CONFIRMED
        return replace(incoming, status=status, claims=[claim])

    return tell
