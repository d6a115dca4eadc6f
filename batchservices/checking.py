"""A worker looks into a model and tries it: inspected, loaded, shown images, all in a sandbox of its own."""

import logging
from collections.abc import Iterator
from statistics import median
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from batchservices import modelfiles, samples
from batchservices.models import MODEL_MOVES, InferenceModel, ModelSample, ModelStatus
from batchservices.profile import Profile
from batchservices.proposal import propose, with_names
from batchservices.samples import UNSEEN
from config.doorbell import ring
from config.leases import AWAY, Lease, LeaseLost, claim
from config.lifecycle import move, move_one
from config.refusals import Refused
from config.sandbox import Sandbox
from config.steps import step
from datasets import locations

CHECK = "batchservices.execute_check"
DEADLINE = 120.0
TRIES = 3
CRASHED = "model_crashed"
"""The child died, which may have had nothing to do with the model."""

log = logging.getLogger("hardmine.models")


def execute_check(model_id: int) -> None:
    """Fetches, inspects and tries a model, in a sandbox of its own; harmless however often it is called."""
    try:
        lease = claim(InferenceModel, model_id)
    except Refused as error:
        _refuse(model_id, error)
        return
    if lease is None:
        return
    try:
        with lease.giving_back(), lease.waiting(), lease.renewing():
            model = InferenceModel.objects.filter(pk=model_id).first()
            if model is None:
                raise LeaseLost
            if not model.sha256:
                _fetch(lease, model)
            found = _tried(lease, model)
        step("model.check.tried")
        _pass(lease, found, ready=model.at_once)
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


def _fetch(lease: Lease, model: InferenceModel) -> None:
    """Stores the file of a model that lies at a location, and names it in the model's row."""
    place = locations.parse(model.source)
    model.sha256, model.size = modelfiles.fetch(place)
    with modelfiles.alone():
        if not modelfiles.there(model.sha256):
            modelfiles.fetch(place)
        lease.hold(changes={"sha256": model.sha256, "size": model.size})


def _tried(lease: Lease, model: InferenceModel) -> dict[str, Any]:
    """The columns of a model that passed. What was found on the way is kept, also where it did not. Raises Refused."""
    data = modelfiles.read(model.sha256)
    memory = settings.SANDBOX_MEMORY_MIB * 2**20
    with Sandbox(imports=["batchservices.onnxfile", "batchservices.dry_run"], memory=memory, noun="model") as sandbox:
        report: dict[str, Any] = {"inspection": sandbox.call("batchservices.onnxfile:inspect", data, deadline=DEADLINE)}
        _keep(lease, {"report": report})
        report["proposal"] = _proposed(report["inspection"], given=bool(model.profile))
        profile = model.profile or report["proposal"]["profile"]
        if model.class_names and not model.profile:
            profile = with_names(profile, model.class_names)
        found = {"task": profile["task"], "class_names": profile["class_names"], "profile": profile}
        _keep(lease, {"report": report, **found})
        checked = Profile.from_dict(profile)
        tensor = report["inspection"]["activations_tensor"] or ""
        arguments = (data, model.sha256, checked.as_dict(), tensor)
        report["loading"] = sandbox.prepare("batchservices.inference:load", *arguments, deadline=DEADLINE)
        report["dry_run"] = sandbox.call("batchservices.inference:dry_run", [], deadline=DEADLINE)
        for answer in _shown(sandbox, lease, model):
            report["dry_run"]["images"] += 1
            report["dry_run"]["deterministic"] &= answer["deterministic"]
    seconds = model.samples.exclude(seconds=None).values_list("seconds", flat=True)
    report["dry_run"]["seconds"] = median([*seconds] or [report["dry_run"]["seconds"]])
    return {
        "task": checked.task,
        "class_names": list(checked.class_names),
        "profile": checked.as_dict(),
        "activations_tensor": tensor if report["dry_run"]["activations"] else "",
        "report": report,
    }


def _proposed(inspection: dict[str, Any], *, given: bool) -> dict[str, Any] | None:
    """What the graph suggests; None where it suggests nothing and a profile was given. Raises Refused as `propose`."""
    try:
        return propose(inspection)
    except Refused:
        if given:
            return None
        raise


def _shown(sandbox: Sandbox, lease: Lease, model: InferenceModel) -> Iterator[dict[str, Any]]:
    """What the model says about each of its sample images, which is kept as soon as it is said.

    An image that cannot be read says nothing about the model and is passed over, with its error kept.

    Raises:
        Refused: the first answer that cannot be believed, with the name of its image; all images are tried before.
    """
    first: Refused | None = None
    for sample in model.samples.defer("picture"):
        try:
            data = samples.read(sample)
        except Refused as refused:
            if refused.status == AWAY:
                raise
            _keep_sample(lease, sample, UNSEEN, (refused.code, refused.message))
            continue
        try:
            said = sandbox.call("batchservices.dry_run:try_image", data, deadline=settings.IMAGE_DEADLINE_SECONDS)
        except Refused as refused:
            if refused.status == AWAY:
                raise
            _keep_sample(lease, sample, UNSEEN, (refused.code, refused.message))
            if refused.code in (CRASHED, "model_timeout"):
                raise
            first = first or Refused(refused.code, f"On {sample.name}: {refused.message}")
            continue
        if (fault := said["unreadable"]) is not None:
            _keep_sample(lease, sample, UNSEEN, (fault["code"], fault["message"]))
            continue
        _keep_sample(lease, sample, {name: said[name] for name in UNSEEN} | {"picture": bytes(said["picture"])})
        yield said
    if first is not None:
        raise first


@transaction.atomic
def _keep(lease: Lease, found: dict[str, Any]) -> None:
    lease.hold(progress=False, changes=found)


@transaction.atomic
def _keep_sample(lease: Lease, sample: ModelSample, said: dict[str, Any], error: tuple[str, str] = ("", "")) -> None:
    lease.hold(progress=False)
    code, words = error
    ModelSample.objects.filter(pk=sample.pk).update(**said, error_code=code, error=words)


@transaction.atomic
def _pass(lease: Lease, found: dict[str, Any], *, ready: bool) -> None:
    now = timezone.now()
    lease.hold(changes={**found, "finished_at": now, "error_code": "", "error": ""})
    model = InferenceModel.objects.filter(pk=lease.pk)
    if ready:
        move_one(model, moves=MODEL_MOVES, to=ModelStatus.READY)
    else:
        move_one(model, moves=MODEL_MOVES, to=ModelStatus.TRIED)
    lease.release()


def _another_try(lease: Lease, error: Refused) -> bool:
    """A child that died may have been killed from outside: the check is tried again, a few times."""
    attempts = InferenceModel.objects.filter(pk=lease.pk).values_list("attempts", flat=True).first()
    if error.code != CRASHED or attempts is None or attempts >= TRIES:
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
