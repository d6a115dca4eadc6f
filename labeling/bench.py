"""The doors of the review bench: what the script of the sample page asks for and sends, as JSON.

Each press of a key carries a token, the batch of its review event: sent twice (a double click, an answer that was lost
on the way) it has one effect, and both answers are the same. A decision carries the version that its reviewer saw.
"""

from typing import Any, ClassVar

from django.middleware.csrf import get_token
from rest_framework import serializers
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import PermissionDenied
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from config.api.doors import Door
from config.api.entry import VerbPermission
from config.api.strict import Strict
from config.refusals import Refused
from datasets import undoing
from datasets.models import LabelingJob, ReviewEvent, Sample
from labeling import chronicle, claims, decisions, leases, queue
from labeling.portrait import holder, onward, portrait

TOGETHER = 500
"""The most samples of one action that a page takes back; larger ones are undone as a task."""

HARDNESS = ("confirm_hard_example", "unmark")
DONE = {
    "confirm": "Labeled",
    "reject": "Rejected, Unlabeled again",
    "confirm_hard_example": "Confirmed as hard example",
    "unmark": "Unmarked",
}


class Token(Strict):
    """What one press is known by: 32 hexadecimal digits, new for each."""

    batch = serializers.RegexField(r"\A[0-9a-f]{32}\Z")


class Decision(Token):
    """One verb about one sample, as its reviewer saw it."""

    verb = serializers.ChoiceField(choices=list(DONE))
    version = serializers.IntegerField(min_value=1, max_value=2**31 - 1)
    claims = serializers.JSONField(default=None, allow_null=True)


class TurnBack(Token):
    """What is undone: a step of the history, or the latest decision of whoever asks."""

    event = serializers.IntegerField(min_value=1, max_value=2**63 - 1, required=False)


class Onward(Strict):
    """From which sample to the next one, or to the one before."""

    sample = serializers.IntegerField(min_value=1, max_value=2**63 - 1)
    back = serializers.BooleanField(default=False)


class Holding(Strict):
    """Whether the reviewer goes on with a sample, or has left it."""

    open = serializers.BooleanField(default=True)


class StaffPermission(VerbPermission):
    """Staff who have the permission of the door."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return bool(request.user.is_staff) and super().has_permission(request, view)


class Bench(Door):
    """One labeling job's bench: the queue in the query string, the words in the body."""

    schema = None
    authentication_classes = (SessionAuthentication,)
    permission_classes = [StaffPermission]  # noqa: RUF012  as DRF has it
    permissions: ClassVar[dict[str, str]] = dict.fromkeys(
        ("who", "sample", "decide", "undo", "redo", "following", "hold"), "datasets.view_sample"
    )

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.wanted, _ = queue.read(request.query_params)
        self.job = get_object_or_404(LabelingJob.objects.select_related("dataset"), pk=self.kwargs["job_id"])

    def who(self, request: Request, job_id: int) -> Response:
        """Who is logged in, and the token that their POSTs need: a login in another tab makes a new one."""
        return Response({"user": self.caller.get_username(), "token": get_token(request._request)})

    def sample(self, request: Request, job_id: int, sample_id: int) -> Response:
        """One sample."""
        return Response(self._shown(self._sample(sample_id)))

    def decide(self, request: Request, job_id: int, sample_id: int) -> Response:
        """Confirm, reject, mark or unmark; the answer is what to show next.

        A stale decision (412) is answered with what others did and the sample as it is now.
        """
        sample, said = self._sample(sample_id), self.said(Decision)
        verb = said["verb"]
        self._may(decisions.PERMISSIONS[verb])
        try:
            decisions.decide_one(
                sample=sample,
                verb=verb,
                version=said["version"],
                claims=claims.read(said["claims"]),
                by=self.caller,
                within=0.0,
                batch=said["batch"],
            )
        except Refused as refused:
            if refused.code != "stale":
                raise
            return Response({**refused.as_dict(), **self._theirs(sample_id, said["version"])}, status=412)
        if verb in HARDNESS:
            return self._answer(f"{sample.name}: {DONE[verb]}", self._sample(sample_id))
        return self._go(f"{sample.name}: {DONE[verb]}", sample)

    def undo(self, request: Request, job_id: int) -> Response:
        """Takes back the latest decision of whoever asks, on whichever image, or the named one."""
        return self._turn_back("Undone")

    def redo(self, request: Request, job_id: int) -> Response:
        """Does again what whoever asks has undone last."""
        return self._turn_back("Done again")

    def following(self, request: Request, job_id: int) -> Response:
        """The next sample that nobody else holds, or the one before; the one that was left is free again."""
        said = self.said(Onward)
        return self._go("", self._sample(said["sample"]), back=said["back"])

    def hold(self, request: Request, job_id: int, sample_id: int) -> Response:
        """Keeps a sample for its reviewer while there is activity; says who else has it."""
        sample = self._sample(sample_id)
        if self.said(Holding)["open"]:
            other = leases.take(sample=sample, by=self.caller)
            return Response({"holder": str(other) if other else ""})
        leases.release(sample_id=sample_id, by=self.caller)
        return Response({"holder": holder(sample, self.caller)})

    def _turn_back(self, words: str) -> Response:
        said = self.said(TurnBack)
        made = ReviewEvent.objects.filter(batch=said["batch"], by=self.caller, dataset=self.job.dataset).first()
        if made is None:
            event = self._event(said.get("event"), words)
            if event is None:
                what = "undo" if words == "Undone" else "do again"
                return Response({"said": f"You have nothing to {what} in this dataset.", "sample": None})
            self._may(chronicle.needed(event))
            made = self._undone(event, said["batch"], whole="event" not in said)
        if made.sample_id is None:
            raise Refused("sample_not_found", f"{made.sample_name} was deleted.", status=404)
        together = ReviewEvent.objects.filter(batch=said["batch"], by=self.caller).count()
        what = f"{together} samples" if together > 1 else made.sample_name
        return self._answer(f"{words}: {what}", self._sample(made.sample_id))

    def _event(self, named: int | None, words: str) -> ReviewEvent | None:
        if named is not None:
            return get_object_or_404(
                ReviewEvent.objects.select_related("undoes"), pk=named, dataset=self.job.dataset, sample__isnull=False
            )
        latest = undoing.last_done if words == "Undone" else undoing.last_undone
        return latest(dataset=self.job.dataset, by=self.caller)

    def _undone(self, event: ReviewEvent, token: str, *, whole: bool) -> ReviewEvent:
        """Undoes an event, and the others of its action with it; the first sample of the action is shown."""
        action = ReviewEvent.objects.filter(batch=event.batch, by=self.caller, dataset=self.job.dataset)
        if not whole or not event.batch or action.count() == 1:
            return undoing.undo(event_id=event.pk, by=self.caller, batch=token)
        events = list(action.order_by("-id").values_list("pk", flat=True)[: TOGETHER + 1])
        if len(events) > TOGETHER:
            words = f"Your latest action changed more than {TOGETHER} samples. Undo it on the grid."
            raise Refused("too_many_to_undo", words, status=409)
        for start in range(0, len(events), undoing.CHUNK_EVENTS):
            undoing.undo_events(events=events[start : start + undoing.CHUNK_EVENTS], by=self.caller, batch=token)
        made = ReviewEvent.objects.filter(batch=token, by=self.caller, sample__isnull=False).first()
        if made is None:
            words = "Others have changed all of these samples since. Nothing was undone."
            raise Refused("changed_since", words, status=409)
        return made

    def _theirs(self, sample_id: int, version: int) -> dict[str, Any]:
        """What others did to a sample since a version of it was seen, and the sample as it is now."""
        sample = self._sample(sample_id)
        theirs = [
            {
                "by": "You, in another window" if event.by_id == self.caller.pk else str(event.by),
                "at": event.at.isoformat(),
                "what": event.get_verb_display().lower(),
                "changes": chronicle.changes(event.before, event.after),
            }
            for event in chronicle.since(sample, version)
        ]
        return {"theirs": theirs, "sample": self._shown(sample)}

    def _go(self, said: str, sample: Sample, *, back: bool = False) -> Response:
        found = onward(sample=sample, wanted=self.wanted, dataset=self.job.dataset, by=self.caller, back=back)
        if found is None:
            left = self.wanted.samples(self.job.dataset).exclude(pk=sample.pk)
            return Response({"said": said, "sample": None, "left": queue.capped_count(left)})
        leases.release(sample_id=sample.pk, by=self.caller)
        return self._answer(said, found)

    def _answer(self, said: str, sample: Sample) -> Response:
        return Response({"said": said, "sample": self._shown(sample)})

    def _shown(self, sample: Sample) -> dict[str, Any]:
        return portrait(job=self.job, sample=sample, wanted=self.wanted, by=self.caller).as_json()

    def _sample(self, pk: int) -> Sample:
        found = self.job.dataset.samples.select_related("blob").filter(pk=pk).first()
        if found is None:
            raise Refused("sample_not_found", "There is no such sample any more.", status=404)
        return found

    def _may(self, permission: str) -> None:
        if not self.caller.has_perm(permission):
            raise PermissionDenied

    def _declared(self) -> set[str]:
        return set(queue.QueueForm.base_fields)
