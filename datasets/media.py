"""Images and thumbnails by id, for those who may see the sample.

The bytes were decoded once, at intake; their type is what the decoder found. They are served under a policy that lets
them do nothing, and are never decoded in the web process. A sample never changes its bytes, so that a browser may keep
them for a day.
"""

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified
from django.views.decorators.http import require_safe

from config.refusals import Refused
from datasets import blobs
from datasets.models import Blob
from datasets.pages import staff_page

THUMBNAIL_TYPE = "image/jpeg"


@require_safe
@staff_page("datasets.view_sample")
def image(request: HttpRequest, sample_id: int) -> HttpResponse:
    """The whole image of a sample."""
    return answer(
        request, Blob.objects.filter(samples__pk=sample_id, samples__dataset__removed_at=None), thumbnail=False
    )


@require_safe
@staff_page("datasets.view_sample")
def thumbnail(request: HttpRequest, sample_id: int) -> HttpResponse:
    """The small image of a sample."""
    return answer(
        request, Blob.objects.filter(samples__pk=sample_id, samples__dataset__removed_at=None), thumbnail=True
    )


@require_safe
@staff_page("datasets.view_sample")
def blob_thumbnail(request: HttpRequest, sha256: str) -> HttpResponse:
    """The small image of bytes that stand in some dataset; a neighbor in the evidence names them."""
    rows = Blob.objects.filter(sha256=sha256, samples__isnull=False)
    return answer(request, rows, thumbnail=True)


def answer(request: HttpRequest, rows: QuerySet[Blob], *, thumbnail: bool) -> HttpResponse:
    """The image, or the thumbnail, of the first of these bytes; whoever calls has checked who may see them."""
    blob = rows.first()
    if blob is None:
        raise Http404("There is no such image.")
    tag = f'"{blob.sha256}{"-thumbnail" if thumbnail else ""}"'
    if tag in request.headers.get("If-None-Match", ""):
        return guarded(HttpResponseNotModified(), tag)
    try:
        data = blobs.thumbnail(blob) if thumbnail else blobs.read(blob)
    except Refused as refused:
        raise Http404(refused.message) from None
    kind = THUMBNAIL_TYPE if thumbnail else blobs.media_type(blob)
    return guarded(HttpResponse(data, content_type=kind), tag)


def guarded(response: HttpResponse, tag: str) -> HttpResponse:
    """Bytes of somebody else: a browser may keep them for a day, and they may do nothing in it."""
    response["ETag"] = tag
    response["Cache-Control"] = "private, max-age=86400, immutable"
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response["X-Content-Type-Options"] = "nosniff"
    return response
