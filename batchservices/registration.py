"""Models come in: the file by its hash, then a dry run in the sandbox decides whether it is ready."""

import hashlib
import json
import logging
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils import timezone

from batchservices import modelfiles
from batchservices.models import MODEL_MOVES, InferenceModel, ModelStatus
from batchservices.profile import Profile
from batchservices.proposal import propose_profile
from config.doorbell import ring
from config.leases import AWAY, Lease, LeaseLost, claim
from config.lifecycle import move, move_one
from config.refusals import Refused
from config.sandbox import Sandbox
from config.steps import step
from datasets.models import Task

log = logging.getLogger("hardmine.models")

CHECK = "batchservices.execute_check"
DEADLINE = 120.0
NAME_LENGTH = 100
TRIES = 3
VERSION_RACES = 10


def register_model(
    *,
    name: str,
    data: bytes,
    by: User | None,
    profile: dict[str, Any] | None = None,
    class_names: list[str] | None = None,
) -> InferenceModel:
    """Takes a model in; it is ready, or refused with the reason, after its dry run by a worker.

    Args:
        name: 1 to 100 characters; a name that is there already gets its next version.
        data: the ONNX file.
        by: who registers it.
        profile: as `batchservices.profile.Profile.as_dict`; None: one is proposed from the file.
        class_names: where no profile is given: the names of the classes, in the order of the outputs.

    Raises:
        Refused: bad_name, too_large, empty_file, bad_profile, storage_unavailable.
    """
    name = name.strip()
    if not 1 <= len(name) <= NAME_LENGTH or not name.isprintable():
        raise Refused("bad_name", f"A name has 1 to {NAME_LENGTH} printable characters.", field="name")
    if not data:
        raise Refused("empty_file", "The file is empty.", field="file")
    if len(data) > settings.MODEL_LIMIT_MIB * 2**20:
        words = f"A model has at most {settings.MODEL_LIMIT_MIB:,} MiB."
        raise Refused("too_large", words, status=413, field="file")
    checked = None if profile is None else Profile.from_dict(profile)
    sha256 = modelfiles.keep(data)
    values = {
        "name": name,
        "sha256": sha256,
        "size": len(data),
        "task": checked.task if checked else Task.IMAGE_CLASSIFICATION,
        "class_names": list(checked.class_names) if checked else list(class_names or []),
        "profile": checked.as_dict() if checked else {},
        "created_by": by,
    }
    return _with_next_version(values)


def _with_next_version(values: dict[str, Any]) -> InferenceModel:
    races = 0
    while True:
        latest = InferenceModel.objects.filter(name=values["name"]).aggregate(latest=Max("version"))["latest"] or 0
        try:
            with transaction.atomic():
                model = InferenceModel.objects.create(version=latest + 1, **values)
                ring(CHECK, model.pk)
            return model
        except IntegrityError:
            races += 1
            if races == VERSION_RACES:
                raise


def predictor_of(model: InferenceModel) -> str:
    """Names the model and its profile by content: `<model sha256>:<profile sha256>`."""
    profile = json.dumps(model.profile, sort_keys=True, separators=(",", ":")).encode()
    return f"{model.sha256}:{hashlib.sha256(profile).hexdigest()}"


def execute_check(model_id: int) -> None:
    """Inspects a model and tries it, in a sandbox of its own; harmless however often it is called."""
    try:
        lease = claim(InferenceModel, model_id)
    except Refused as error:
        _refuse(model_id, error)
        return
    if lease is None:
        return
    try:
        with lease.giving_back(), lease.waiting(), lease.renewing():
            found = _tried(InferenceModel.objects.get(pk=model_id))
        step("model.check.tried")
        _make_ready(lease, found)
        step("model.check.committed")
    except LeaseLost:
        return
    except Refused as error:
        if error.status == AWAY:
            log.warning("The check of model %s waits: %s", model_id, error)
            return
        if _another_try(lease, error):
            return
        _refuse(model_id, error)


def _tried(model: InferenceModel) -> dict[str, Any]:
    """The columns of a model that passed. Raises Refused as the doors do."""
    data = modelfiles.read(model.sha256)
    memory = settings.SANDBOX_MEMORY_MIB * 2**20
    with Sandbox(imports=["batchservices.onnxfile", "batchservices.inference"], memory=memory, noun="model") as sandbox:
        inspection = sandbox.call("batchservices.onnxfile:inspect", data, deadline=DEADLINE)
        profile = model.profile or _proposed(inspection, model.class_names)
        checked = Profile.from_dict(profile)
        tensor = inspection["activations_tensor"] or ""
        arguments = (data, model.sha256, checked.as_dict(), tensor)
        loading = sandbox.call("batchservices.inference:load", *arguments, deadline=DEADLINE)
        trial = sandbox.call("batchservices.inference:dry_run", [], deadline=DEADLINE)
    return {
        "task": checked.task,
        "class_names": list(checked.class_names),
        "profile": checked.as_dict(),
        "activations_tensor": tensor if trial["activations"] else "",
        "report": {"inspection": inspection, "loading": loading, "dry_run": trial},
    }


def _proposed(inspection: dict[str, Any], class_names: list[str]) -> dict[str, Any]:
    profile = propose_profile(inspection)
    return {**profile, "class_names": class_names or profile["class_names"]}


@transaction.atomic
def _make_ready(lease: Lease, found: dict[str, Any]) -> None:
    lease.hold(changes={**found, "finished_at": timezone.now(), "error_code": "", "error": ""})
    move_one(InferenceModel.objects.filter(pk=lease.pk), moves=MODEL_MOVES, to=ModelStatus.READY)
    lease.release()


def _another_try(lease: Lease, error: Refused) -> bool:
    """A child that died may have been killed from outside: the check is tried again, a few times."""
    attempts = InferenceModel.objects.values_list("attempts", flat=True).get(pk=lease.pk)
    if error.code != "model_crashed" or attempts >= TRIES:
        return False
    lease.release()
    ring(CHECK, lease.pk)
    return True


def _refuse(model_id: int, error: Refused) -> None:
    move(
        InferenceModel.objects.filter(pk=model_id),
        moves=MODEL_MOVES,
        to=ModelStatus.REFUSED,
        changes={
            "error_code": error.code,
            "error": error.message,
            "finished_at": timezone.now(),
            "lease_token": "",
            "lease_expires_at": None,
        },
    )
