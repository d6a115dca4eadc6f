"""Requests that may come again because their answer was lost on the way: with a key, they do their work once.

As clients know it from payments: the header `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header). The key,
what the verb makes, and the answer are one transaction: whatever is killed in between, either all of it is there and
the next request gets the same answer, or nothing of it and the next request does the work. Who sends the same key while
the first request is at work waits for it. What was refused has made nothing, and its key is free.
"""

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from config.models import KeptAnswer
from config.refusals import Refused

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
KEPT = timedelta(hours=24)
LONGEST = 255
LARGEST = 300 * 2**20
"""Bytes of files: on SQLite nobody else writes while a verb with a key is at work."""


def once(request: Request, verb: Callable[[], Response], *, by: User) -> Response:
    """The verb's answer, or the one that it gave before under the same key.

    Args:
        request: with the key in its header, its body not read yet.
        verb: makes something, and answers.
        by: who asks; the keys of others are others.

    Raises:
        Refused: bad_key; key_with_files (413); key_reused (422): the key came with another request before; and what
            the verb refuses.
    """
    key = request.headers[HEADER]
    if not 1 <= len(key) <= LONGEST or not (key.isascii() and key.isprintable()):
        raise Refused("bad_key", f"{HEADER} has 1 to {LONGEST} printable ASCII characters.", field=HEADER)
    if sum(file.size or 0 for file in request.FILES.values()) > LARGEST:
        words = f"With a key, files have at most {LARGEST:,} bytes in all. Images that are there are not added again."
        raise Refused("key_with_files", words, status=413, field=HEADER)
    said = _hash(request)
    now = timezone.now()
    KeptAnswer.objects.filter(user=by, key=key, expires_at__lt=now).delete()
    with transaction.atomic():
        values = {"said": said, "expires_at": now + KEPT}
        kept, new = KeptAnswer.objects.get_or_create(user=by, key=key, defaults=values)
        if new:
            answer = verb()
            told = json.loads(json.dumps(answer.data, cls=JSONEncoder))
            KeptAnswer.objects.filter(pk=kept.pk).update(status=answer.status_code, answer=told)
            return answer
    if kept.said != said:
        words = "This key came with another request before. Make a new key for a new request."
        raise Refused("key_reused", words, status=422, field=HEADER)
    return Response(kept.answer, status=kept.status, headers={REPLAYED: "true"})


def forget_expired() -> None:
    """Deletes the answers that nobody waits for any more."""
    KeptAnswer.objects.filter(expires_at__lt=timezone.now()).delete()


def _hash(request: Request) -> str:
    """Of method, address and body; a file counts by its bytes."""
    found = hashlib.sha256(f"{request.method} {request.get_full_path()}\n".encode())
    data = request.data
    fields = sorted(data.lists()) if hasattr(data, "lists") else data
    found.update(json.dumps(fields, sort_keys=True, default=_hash_of_file).encode())
    return found.hexdigest()


def _hash_of_file(file: UploadedFile) -> dict[str, Any]:
    found = hashlib.sha256()
    for chunk in file.chunks():
        found.update(chunk)
    file.seek(0)
    return {"name": file.name, "sha256": found.hexdigest()}
