"""Find similar data: pictures like the chosen ones, from a dataset or the inputs of a run, to add to a dataset."""

from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from batchservices import choosing
from batchservices.models import BatchRun, ItemStatus, RunItem
from batchservices.similarity import Likenesses, in_dataset, in_run
from config.refusals import Refused
from datasets import locations, transfer
from datasets.images import FORMATS, MAX_BYTES, sha256
from datasets.media import guarded
from datasets.models import Dataset, LabelingJob, Sample
from datasets.pages import actor, staff_page
from hardexamples.models import MiningItem
from hardexamples.similar import MOST_CHOSEN
from labeling.decisions import number
from labeling.views import job_or_404

SHOWN = 60
RUNS = 20
EXAMPLES = 12
SIGNATURES = {b"\xff\xd8\xff": "JPEG", b"\x89PNG": "PNG", b"RIFF": "WEBP", b"BM": "BMP"}


@dataclass(frozen=True)
class Asked:
    """What an address asks: images by their SHA-256, where to look, and the words of the address."""

    sha256s: list[str]
    dataset: Dataset | None
    run: BatchRun | None
    words: str


@require_POST
@staff_page("datasets.view_sample")
def from_selection(request: HttpRequest, job_id: int) -> HttpResponse:
    """The selection of the grid, "id:version id:version ...", as an address."""
    job = job_or_404(job_id)
    ids = [entry.partition(":")[0] for entry in request.POST.get("samples", "").split()]
    back = reverse("labeling:job", args=[job.pk])
    if not 0 < len(ids) <= MOST_CHOSEN:
        messages.error(request, f"Select 1 to {MOST_CHOSEN} images to find similar ones.")
        return HttpResponseRedirect(back)
    query = QueryDict(mutable=True)
    query["samples"] = ".".join(ids)
    return HttpResponseRedirect(f"{reverse('labeling:similar')}?{query.urlencode()}")


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@staff_page("datasets.view_sample")
def page(request: HttpRequest) -> HttpResponse:
    """The nearest first; a POST adds the chosen ones to a dataset."""
    context: dict[str, Any] = {**admin.site.each_context(request), "title": "Find similar data", "is_fullwidth": "1"}
    status = 200
    try:
        asked = _asked(request)
        context |= _shown(request, asked)
        if request.method == "POST":
            return _add(request, asked)
    except Refused as refused:
        context["mistake"] = refused.message
        status = 200 if refused.code == "not_measured" else 400  # an answer, which links lead to; not a mistake
    return TemplateResponse(request, "admin/labeling/similar.html", context, status=status)


def _asked(request: HttpRequest) -> Asked:
    """Reads the address. Raises Refused."""
    said = request.GET
    query = QueryDict(mutable=True)
    if said.get("mining"):
        if not request.user.has_perm("hardexamples.view_mining"):
            raise PermissionDenied
        query["mining"], query["position"] = said["mining"], said.get("position", "")
        items = MiningItem.objects.filter(mining=number(said["mining"]), position=number(said.get("position", "")))
        sha256s = list(items.values_list("sha256", flat=True))
    else:
        ids = [number(text) for text in said.get("samples", "").split(".") if text]
        query["samples"] = ".".join(str(pk) for pk in ids)
        if len(ids) > MOST_CHOSEN:
            raise Refused("too_many_selected", f"Select at most {MOST_CHOSEN} images at once.", field="samples")
        sha256s = list(Sample.objects.filter(pk__in=ids).order_by("pk").values_list("blob__sha256", flat=True))
    if not sha256s:
        raise Refused("nothing_selected", "Select images first.", field="samples")
    kind, _, pk = said.get("among", "").partition(":")
    dataset = get_object_or_404(Dataset, pk=number(pk)) if kind == "dataset" else None
    run = get_object_or_404(_runs(request), pk=number(pk)) if kind == "run" else None
    if dataset is None and run is None:
        home = Dataset.objects.filter(samples__blob__sha256=sha256s[0]).order_by("pk").first()
        run = _runs(request).filter(model__task=home.task).first() if home else _runs(request).first()
        dataset = None if run else home
    return Asked(sha256s, dataset, run, query.urlencode())


def _runs(request: HttpRequest) -> QuerySet[BatchRun]:
    """Runs that have predicted something, for those who may see them."""
    rows = BatchRun.objects.filter(done__gt=0).select_related("service", "model")
    return rows if request.user.has_perm("batchservices.view_batchrun") else rows.none()


def _shown(request: HttpRequest, asked: Asked) -> dict[str, Any]:
    """The context of the page. Raises Refused as `hardexamples.similar.similar`."""
    task = asked.run.model.task if asked.run else asked.dataset.task if asked.dataset else ""
    datasets = Dataset.objects.filter(task=task).order_by("name") if task else Dataset.objects.order_by("name")
    runs = _runs(request).filter(model__task=task) if task else _runs(request)
    home = datasets.filter(samples__blob__sha256=asked.sha256s[0]).first()
    told: dict[str, Any] = {
        "asked": asked,
        "examples": _pictured(asked.sha256s)[:EXAMPLES],
        "datasets": datasets,
        "runs": runs[:RUNS],
        "home": home,
        "may_add": request.user.has_perm("datasets.add_to_dataset"),
    }
    found = Likenesses((), 0)
    if asked.run is not None:
        found = in_run(to=asked.sha256s, run=asked.run, target=home, most=SHOWN)
    elif asked.dataset is not None:
        found = in_dataset(to=asked.sha256s, dataset=asked.dataset, target=home, most=SHOWN)
        told["job"] = LabelingJob.objects.filter(dataset=asked.dataset, is_default=True).first()
    known = set(_pictured([each.image.sha256 for each in found.found]))
    told["found"] = [(each, each.image.sha256 in known) for each in found.found]
    told["compared"] = found.compared
    return told


def _pictured(sha256s: list[str]) -> list[str]:
    """Those of the images that stand in some dataset, so that their small picture is kept; in their order."""
    known = set(Sample.objects.filter(blob__sha256__in=sha256s).values_list("blob__sha256", flat=True))
    return [each for each in sha256s if each in known]


def _add(request: HttpRequest, asked: Asked) -> HttpResponse:
    """Adds what was chosen. Raises Refused as the verbs, and PermissionDenied."""
    by = actor(request)
    if not by.has_perm("datasets.add_to_dataset"):
        raise PermissionDenied
    chosen = [number(text) for text in request.POST.getlist("chosen")[: choosing.MOST + 1]]
    target = Dataset.objects.filter(pk=number(request.POST.get("target", ""))).first()
    if target is None:
        raise Refused("unknown_dataset", "Choose the dataset to add to.", field="target")
    if asked.run is not None:
        task = choosing.add_inputs(run=asked.run, positions=chosen, dataset=target, by=by)
        messages.success(request, f"{len(task.positions)} images are going into {target}, unlabeled.")
    else:
        samples = Sample.objects.filter(dataset=asked.dataset, pk__in=chosen)
        result = transfer.add_to_dataset(samples=samples, target=target, by=by)
        messages.success(request, f"{result.added + result.updated} added to {target}.")
        if result.passed_over:
            messages.warning(request, f"{result.passed_over} are not Labeled yet; confirm their labels first.")
    return HttpResponseRedirect(request.get_full_path())


@require_safe
@staff_page("batchservices.view_batchrun")
def picture(request: HttpRequest, run_id: int, position: int) -> HttpResponse:
    """An input of a run as it is, where its bytes are still those that the sandbox decoded."""
    item = get_object_or_404(RunItem, run=run_id, position=position, status=ItemStatus.DONE)
    try:
        data = locations.read(locations.parse(item.location), limit=MAX_BYTES)
    except Refused as refused:
        raise Http404(refused.message) from None
    kind = next((name for start, name in SIGNATURES.items() if data.startswith(start)), None)
    if kind is None or sha256(data) != item.sha256:
        raise Http404("The file was changed since the run predicted it.")
    return guarded(HttpResponse(data, content_type=FORMATS[kind][1]), f'"{item.sha256}"')
