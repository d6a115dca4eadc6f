"""Models come in, are tried, accepted, and go: the verbs. The work of a worker on them stands in `checking`."""

import hashlib
import json
from collections.abc import Sequence
from functools import partial
from typing import Any, BinaryIO

from django.contrib.auth.models import User
from django.db import DEFAULT_DB_ALIAS, IntegrityError, transaction
from django.db.models import Max, ProtectedError
from django.db.models.deletion import Collector
from django.utils import timezone

from batchservices import modelfiles, samples
from batchservices.checking import CHECK, execute_check
from batchservices.models import MODEL_MOVES, InferenceModel, ModelStatus
from batchservices.profile import Profile
from batchservices.samples import Chosen
from config.doorbell import ring
from config.leases import FURTHER
from config.lifecycle import move_one
from config.refusals import Refused
from datasets import locations
from datasets.models import Task

__all__ = ["accept", "delete_model", "execute_check", "new_version", "predictor_of", "register_model", "try_again"]

NAME_LENGTH = 100
VERSION_RACES = 10
USES_NAMED = 5


def register_model(
    *,
    name: str,
    by: User | None,
    data: bytes | BinaryIO | None = None,
    location: str = "",
    profile: dict[str, Any] | None = None,
    class_names: list[str] | None = None,
    sample_images: Sequence[Chosen] = (),
    at_once: bool = True,
) -> InferenceModel:
    """Takes a model in; a worker inspects it and tries it.

    Args:
        name: 1 to 100 characters; a name that is there already gets its next version.
        by: who registers it.
        data: the ONNX file, or a stream of it that can be read twice.
        location: or where it lies, as alias:path; the worker fetches it.
        profile: as `batchservices.profile.Profile.as_dict`; None: one is proposed from the file.
        class_names: where no profile is given: the names of the classes, in the order of the outputs.
        sample_images: what it is tried on, beside a gray picture; see `batchservices.samples`.
        at_once: it is ready when it passes its dry run; else when a person has looked and accepted it.

    Raises:
        Refused: bad_name, one_file, too_large, empty_file, invalid_model, bad_profile, source_not_found,
            too_many_images, path_not_allowed, scheme_not_allowed, storage_unavailable.
    """
    name = name.strip()
    if not 1 <= len(name) <= NAME_LENGTH or not name.isprintable():
        raise Refused("bad_name", f"A name has 1 to {NAME_LENGTH} printable characters.", field="name")
    if (data is None) == (not location):
        raise Refused("one_file", "Give a file, or the location of one.", field="file")
    checked = None if profile is None else Profile.from_dict(profile)
    source = _place_of(location) if location else ""
    sha256, size = modelfiles.keep(data) if data is not None else ("", 0)
    values = {
        "name": name,
        "sha256": sha256,
        "size": size,
        "source": source,
        "task": checked.task if checked else Task.IMAGE_CLASSIFICATION,
        "class_names": list(checked.class_names) if checked else list(class_names or []),
        "profile": checked.as_dict() if checked else {},
        "at_once": at_once,
        "created_by": by,
    }
    samples.keep(sample_images)
    return _with_next_version(values, sample_images, data)


def new_version(*, model: InferenceModel, by: User | None) -> InferenceModel:
    """The same file with the same profile once more, as the next version, for somebody to change its profile.

    Raises:
        Refused: no_file, where the file was never fetched; storage_unavailable.
    """
    if not model.sha256:
        raise Refused("no_file", "This model has no file. Register it again.", status=409)
    data = modelfiles.read(model.sha256)
    kept = ("name", "sha256", "size", "source", "task", "class_names", "profile")
    values = {name: getattr(model, name) for name in kept}
    chosen = [Chosen(sample.name, sample.location) for sample in model.samples.defer("picture")]
    return _with_next_version({**values, "at_once": False, "created_by": by}, chosen, data)


def try_again(
    *, model: InferenceModel, profile: dict[str, Any], by: User | None, sample_images: Sequence[Chosen] | None = None
) -> None:
    """Tries a model that is not accepted yet with another profile, on the same file.

    Args:
        profile: as `batchservices.profile.Profile.as_dict`.
        by: who asks.
        sample_images: other images to try it on; None: those of before.

    Raises:
        Refused: bad_profile with the field, too_many_images, no_file; illegal_status_change (409) where it is being
            checked or accepted already.
    """
    checked = Profile.from_dict(profile)
    if not model.sha256:
        raise Refused("no_file", "This model has no file. Register it again.", status=409)
    changes = {
        "profile": checked.as_dict(),
        "task": checked.task,
        "class_names": list(checked.class_names),
        "at_once": False,
        **FURTHER,
        "error_code": "",
        "error": "",
        "heartbeat_at": None,
        "rung_at": None,
        "started_at": None,
        "finished_at": None,
    }
    before = list(model.samples.values_list("location", flat=True))
    samples.keep(sample_images or ())
    with modelfiles.alone():
        rows = InferenceModel.objects.filter(pk=model.pk)
        move_one(rows, moves=MODEL_MOVES, to=ModelStatus.CHECKING, changes=changes)
        if sample_images is None:
            samples.forget_answers(model)
        else:
            samples.place(model, sample_images)
        ring(CHECK, model.pk)
    samples.tidy(before)
    model.refresh_from_db()


def accept(*, model: InferenceModel, by: User | None) -> None:
    """Makes a model ready whose dry run was looked at. From then on nothing of it changes.

    Raises:
        Refused: nothing_seen (409) where it was tried on no image; illegal_status_change (409).
    """
    if not model.samples.exclude(prediction=None).exists():
        words = "It was tried on no image yet. Try it on a few images and look at what it says first."
        raise Refused("nothing_seen", words, status=409)
    move_one(
        InferenceModel.objects.filter(pk=model.pk, status=ModelStatus.TRIED),
        moves=MODEL_MOVES,
        to=ModelStatus.READY,
        changes={"accepted_at": timezone.now(), "accepted_by": by},
    )
    model.refresh_from_db()


def uses_of(model: InferenceModel) -> str:
    """Who uses a model, in words; empty for nobody."""
    services = list(model.services.values_list("name", flat=True)[: USES_NAMED + 1])
    if services:
        return f"the batch services {_first_of(services)} use it. Give them another model first."
    if model.runs.exists():
        return "runs were made with it; their results refer to it."
    try:
        Collector(using=DEFAULT_DB_ALIAS).collect([model])
    except ProtectedError as error:  # work of other applications, which are not known here
        works = _first_of(sorted(str(each) for each in error.protected_objects))
        return f"work under way goes by it: {works}. Wait until that has ended, or stop it."
    return ""


def _first_of(names: Sequence[str]) -> str:
    return ", ".join(names[:USES_NAMED]) + (" and others" if len(names) > USES_NAMED else "")


def delete_model(*, model: InferenceModel, by: User | None) -> None:
    """Removes a model that nobody uses, and its file where no other model has the same.

    Raises:
        Refused: in_use (409), with who uses it.
    """
    places = list(model.samples.values_list("location", flat=True))
    with transaction.atomic():
        InferenceModel.objects.select_for_update().filter(pk=model.pk).first()
        if uses := uses_of(model):
            raise Refused("in_use", f"{model} cannot be deleted: {uses}", status=409)
        InferenceModel.objects.filter(pk=model.pk).delete()
        transaction.on_commit(partial(_forget, model.sha256, places))


def predictor_of(model: InferenceModel) -> str:
    """Names the model and its profile by content: `<model sha256>:<profile sha256>`."""
    profile = json.dumps(model.profile, sort_keys=True, separators=(",", ":")).encode()
    return f"{model.sha256}:{hashlib.sha256(profile).hexdigest()}"


def _forget(sha256: str, places: Sequence[str]) -> None:
    """Removes what no row names any more; a crash before leaves a file that the next model with it uses."""
    if sha256:
        with modelfiles.alone():
            if not InferenceModel.objects.filter(sha256=sha256).exists():
                modelfiles.forget(sha256)
    samples.tidy(places)


def _place_of(text: str) -> str:
    """Where a model lies, as it is written; there must be a file of a size that is taken."""
    try:
        place = locations.parse(text.strip())
        size = locations.size(place)
    except Refused as refused:
        raise Refused(refused.code, refused.message, status=refused.status, field="location") from None
    if size is None:
        raise Refused("source_not_found", f"There is no file {place}.", field="location")
    if size > modelfiles.limit():
        words = f"{place.name} has {size // 2**20:,} MiB; a model has at most {modelfiles.limit() // 2**20:,}."
        raise Refused("too_large", words, status=413, field="location")
    return str(place)


def _with_next_version(
    values: dict[str, Any], sample_images: Sequence[Chosen], data: bytes | BinaryIO | None
) -> InferenceModel:
    races = 0
    while True:
        latest = InferenceModel.objects.filter(name=values["name"]).aggregate(latest=Max("version"))["latest"] or 0
        try:
            with modelfiles.alone():
                if data is not None and not modelfiles.there(values["sha256"]):
                    modelfiles.keep(data)  # who deleted the last model with this file was between the bytes and the row
                model = InferenceModel.objects.create(version=latest + 1, **values)
                samples.place(model, sample_images)
                ring(CHECK, model.pk)
            return model
        except IntegrityError:
            races += 1
            if races == VERSION_RACES:
                raise
