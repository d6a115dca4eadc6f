"""What a reviewer decides about a selection on the grid, read from a POST: at once, or as a task with progress."""

import re
import secrets
from collections.abc import Mapping

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse, QueryDict
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from config.refusals import Refused
from datasets import undoing
from datasets.bulk_review import Changed
from datasets.models import Dataset, ReviewEvent
from datasets.pages import actor, staff_page
from labeling import queue, selections
from labeling.decisions import labels_of, number
from labeling.models import ReviewTask
from labeling.selections import AT_ONCE, Arguments, Selection, Verb
from labeling.views import job_or_404
from labeling.working import DONE, WHY_NOT, working

PERMISSIONS: Mapping[str, str] = {
    Verb.CONFIRM: "datasets.confirm_sample",
    Verb.LABEL: "datasets.confirm_sample",
    Verb.REJECT: "datasets.confirm_sample",
    Verb.MARK_HARD: "datasets.mark_hard_sample",
    Verb.UNMARK_HARD: "datasets.mark_hard_sample",
    Verb.ADD_TO_DATASET: "datasets.add_to_dataset",
    Verb.DELETE: "datasets.delete_sample",
    Verb.UNDO: "datasets.confirm_sample",
}
TOKEN = re.compile(r"[0-9a-f]{32}")
MOST_POSTED = 10_000


@require_POST
@staff_page("datasets.view_sample")
def decide(request: HttpRequest, job_id: int) -> HttpResponse:
    """What the side panel decides about a selection; back to the grid with what came of it."""
    job = job_or_404(job_id)
    try:
        _decide(request, job.dataset, actor(request))
    except Refused as refused:
        messages.error(request, refused.message)
    return _back(request, job_id)


@require_POST
@staff_page("datasets.confirm_sample")
def undo(request: HttpRequest, job_id: int) -> HttpResponse:
    """Undoes an action, or redoes one that was undone: a batch as a whole, or the one event that is named."""
    job = job_or_404(job_id)
    try:
        _undo(request, job.dataset, actor(request))
    except Refused as refused:
        messages.error(request, refused.message)
    return _back(request, job_id)


def _undo(request: HttpRequest, dataset: Dataset, by: User) -> None:
    events = ReviewEvent.objects.filter(dataset=dataset)
    if named := request.POST.get("event"):
        event = events.filter(pk=number(named)).first()
        if event is not None:
            undoing.undo(event_id=event.pk, by=by, batch=secrets.token_hex(16))
            messages.success(request, f"{event.sample_name} is as it was before.")
            return
        events = events.none()
    events = events.filter(batch=request.POST.get("batch", "")[:32]).exclude(batch="")
    if not events.exists():
        raise Refused("event_not_found", "There is no such change in the history.", status=404)
    if events.count() <= AT_ONCE:
        _tell(request, Verb.UNDO, undoing.undo_batch(batch=events[0].batch, by=by, dataset=dataset))
    else:
        selections.begin_undo(dataset=dataset, batch=events[0].batch, by=by)


@require_POST
@staff_page("datasets.confirm_sample")
def stop(request: HttpRequest, job_id: int, task_id: int) -> HttpResponse:
    """Stops a decision that a worker is at."""
    task = get_object_or_404(ReviewTask, pk=task_id, dataset=job_or_404(job_id).dataset)
    try:
        selections.stop(task=task, by=actor(request))
    except Refused as refused:
        messages.error(request, refused.message)
    else:
        messages.success(request, "Stopped. What was decided stays; Undo takes it back.")
    return _back(request, job_id)


@require_safe
@never_cache
@staff_page("datasets.view_sample")
def progress(request: HttpRequest, job_id: int, task_id: int) -> JsonResponse:
    """How far a decision is, for the script of the page."""
    found = working(get_object_or_404(ReviewTask, pk=task_id, dataset=job_or_404(job_id).dataset))
    return JsonResponse({"words": found.words, "share": found.percent / 100, "active": found.at_work})


def _decide(request: HttpRequest, dataset: Dataset, by: User) -> None:
    posted = request.POST
    verb = posted.get("verb", "")
    if verb not in PERMISSIONS or verb == Verb.UNDO:
        raise Refused("unknown_verb", "Choose what to do with the samples.", field="verb")
    if not by.has_perm(PERMISSIONS[verb]):
        raise PermissionDenied
    chosen = [label.name for label in labels_of(posted, dataset)]
    if verb == Verb.CONFIRM and chosen:
        verb = Verb.LABEL
    mode = (posted.get("mode") or "only") if verb == Verb.LABEL else ""
    arguments = Arguments(
        only=chosen if mode not in ("", "add", "remove") else (),
        add=chosen if mode == "add" else (),
        remove=chosen if mode == "remove" else (),
        target=number(posted["target"]) if verb == Verb.ADD_TO_DATASET and posted.get("target") else None,
        with_sources=verb == Verb.DELETE and posted.get("with_sources") == "yes",
    )
    selections.check(dataset=dataset, verb=verb, arguments=arguments)
    batch = posted.get("batch", "")
    if not TOKEN.fullmatch(batch):
        raise Refused("bad_value", "The page was incomplete. Reload it.", field="batch")
    if ReviewEvent.objects.filter(batch=batch, by=by).exists():
        raise Refused("done_already", "This was done already; it was sent twice.", status=409)
    selection = _selection(posted, dataset)
    if len(selection.versions) > AT_ONCE:
        selections.begin(dataset=dataset, verb=verb, selection=selection, arguments=arguments, by=by, batch=batch)
        return
    done = selections.decide(
        dataset=dataset, verb=verb, versions=selection.versions, arguments=arguments, by=by, batch=batch
    )
    _tell(request, verb, done)


def _selection(posted: QueryDict, dataset: Dataset) -> Selection:
    """The samples on the page as they were seen; whole stacks, and all that match, as they are now."""
    wanted, _ = queue.read(QueryDict(posted.get("back", "")[:4000]))
    if posted.get("all") == "yes":
        found = Selection.of(wanted.samples(dataset))
    else:
        pairs = [entry.partition(":") for entry in posted.get("samples", "").split()]
        if len(pairs) > MOST_POSTED:
            raise Refused("too_many_selected", f"Select at most {MOST_POSTED:,} images of a page.", field="samples")
        versions = {number(identity): number(version) for identity, _, version in pairs}
        stacks = posted.get("stacks", "").split()[:MOST_POSTED]
        copies = Selection.of(wanted.samples(dataset).filter(stack__in=stacks)) if stacks else Selection()
        found = Selection({**copies.versions, **versions})
    if not found.versions:
        raise Refused("nothing_selected", "Select images first.", field="samples")
    return found


def _tell(request: HttpRequest, verb: str, done: Changed) -> None:
    messages.success(request, f"{done.changed:,} {DONE[verb]}.")
    if done.overtaken:
        words = f"{done.overtaken:,} passed over: somebody else had changed them since this page was made."
        messages.warning(request, words)
    if done.passed_over:
        messages.warning(request, f"{done.passed_over:,} passed over: they {WHY_NOT[verb]}.")


def _back(request: HttpRequest, job_id: int) -> HttpResponse:
    if request.POST.get("to") == "history":
        return HttpResponseRedirect(reverse("labeling:history", args=[job_id]))
    back = QueryDict(request.POST.get("back", "")[:4000])
    return HttpResponseRedirect(f"{reverse('labeling:job', args=[job_id])}?{back.urlencode()}")
