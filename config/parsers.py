"""JSON bodies of the API, read as strictly as any other foreign JSON."""

from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.parsers import BaseParser
from rest_framework.utils.mediatypes import _MediaType

from config.refusals import Refused
from datasets.formats.jsonlines import strict_loads


class StrictJSONParser(BaseParser):
    """UTF-8 JSON of at most DATA_UPLOAD_MAX_MEMORY_SIZE bytes, without what other readers let pass.

    Raises:
        Refused: body_too_large, and what `strict_loads` refuses.
    """

    media_type = "application/json"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        kind = _MediaType(media_type or self.media_type)
        if kind.params.get("charset", "utf-8").lower() not in {"utf-8", "utf8"}:
            raise UnsupportedMediaType(str(kind))
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise Refused("body_too_large", f"The body is larger than {limit:,} bytes.", status=413)
        return strict_loads(body)
