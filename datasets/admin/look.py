"""How the change lists of datasets say things: a state as a word with a dot, a number as a link, progress as a bar."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import TabularInline

from config.selection import RowsAdmin
from datasets.models import DatasetVersion, ImportTask

TONES = {
    "unlabeled": "quiet",
    "to_be_confirmed": "next",
    "labeled": "good",
    "waiting": "quiet",
    "running": "next",
    "publishing": "next",
    "completed": "good",
    "published": "good",
    "failed": "bad",
    "stopped": "quiet",
}


class ReadOnlyAdmin(RowsAdmin):
    """Rows that verbs write: to be looked at, not edited."""

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Sequence[Any]:
        """Without a place for an error where there is none."""
        fields = super().get_fields(request, obj)
        if getattr(obj, "error", ""):
            return fields
        return [tuple(name for name in row if name != "error") if isinstance(row, tuple) else row for row in fields]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Verbs alone make them."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: object | None = None) -> bool:
        """Verbs alone change them."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object | None = None) -> bool:
        """They stay."""
        return False


class ReadOnlyInline(TabularInline):
    """Rows that verbs write, under their owner."""

    extra = 0
    max_num = 0
    can_delete = False
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: object | None = None) -> bool:
        """Verbs alone make them."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: object | None = None) -> bool:
        """Verbs alone change them."""
        return False


def state(value: str, words: str) -> SafeString:
    """A state as a word with a dot."""
    return format_html('<span class="hm-nowrap"><i class="hm-dot hm-{}"></i>{}</span>', TONES[value], words)


def link(address: str, words: object) -> SafeString:
    """Words, or a number, that lead to the things they name."""
    return format_html('<a class="hm-link" href="{}">{}</a>', address, words)


def followed(done: int, total: int | None, address: str) -> SafeString:
    """Progress of work that goes on, kept fresh by progress.js from `address`."""
    share = format_html(' value="{}"', f"{min(done / total, 1):.4f}") if total else ""
    return format_html(
        '<div class="progress" data-progress="{}"><progress max="1"{} aria-label="Progress"></progress>'
        "<span data-words>{}</span></div>",
        address,
        share,
        far(done, total),
    )


def far(done: int, total: int | None) -> str:
    """How far a work is, in words."""
    return f"{done:,} of {total:,}" if total else f"{done:,}"


def source(task: ImportTask) -> str:
    """Where an import takes from."""
    return "Upload" if task.uploaded else task.location


def manifest(version: DatasetVersion) -> SafeString | str:
    """The manifest of a version to download, once it is there."""
    if not version.manifest:
        return "-"
    return link(reverse("admin:datasets_datasetversion_manifest", args=[version.pk]), "Download the manifest")


def progress(done: int, total: int | None) -> SafeString:
    """Done of total, with a bar once the total is known."""
    if not total:
        return format_html('<span class="hm-num">{}</span>', far(done, total))
    return format_html(
        '<span class="hm-num">{}</span> <span class="hm-bar hm-inline"><i style="width:{}%"></i></span>',
        far(done, total),
        100 * min(done, total) // total,
    )
