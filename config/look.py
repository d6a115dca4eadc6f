"""The admin's look and its side bar, in ModelArts' words."""

from collections.abc import Callable

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy


def _allowed(permission: str) -> Callable[[HttpRequest], bool]:
    return lambda request: request.user.has_perm(permission)


def _file(path: str) -> Callable[[HttpRequest], str]:
    return lambda request: static(path)


def _place(title: str, icon: str, model: str) -> dict:
    """An entry of the side bar: a model's change list, for those who may see it."""
    app, name = model.split(".")
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{app}_{name}_changelist"),
        "permission": _allowed(f"{app}.view_{name}"),
    }


def _jobs(title: str, whose: str = "") -> dict:
    """A tab above the list of labeling jobs."""
    jobs = reverse_lazy("admin:datasets_labelingjob_changelist")
    return {
        "title": title,
        "link": lambda request: f"{jobs}?creations={whose}" if whose else jobs,
        "active": lambda request: request.GET.get("creations", "") == whose,
    }


UNFOLD = {
    "SITE_TITLE": "Hardmine",
    "SITE_HEADER": "Hardmine",
    "SITE_SUBHEADER": "the hard-example loop",
    "SITE_SYMBOL": "diamond",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": _file("hardmine/icon.svg")}],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "STYLES": [_file("hardmine/hardmine.css"), _file("hardmine/services.css")],
    # one accent, a calm blue: images carry the color, the page does not
    "COLORS": {
        "primary": {
            "50": "oklch(97% .014 240)",
            "100": "oklch(93.2% .032 240)",
            "200": "oklch(88% .055 240)",
            "300": "oklch(80% .095 241)",
            "400": "oklch(70% .13 243)",
            "500": "oklch(61% .145 246)",
            "600": "oklch(52% .14 249)",
            "700": "oklch(46% .125 250)",
            "800": "oklch(40% .1 251)",
            "900": "oklch(35% .08 252)",
            "950": "oklch(26% .06 253)",
        },
    },
    "TABS": [{"models": ["datasets.labelingjob"], "items": [_jobs("All"), _jobs("My Creations", "my")]}],
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": [
            {"items": [{"title": "Today", "icon": "today", "link": reverse_lazy("admin:index")}]},
            {
                "title": "Data Preparation",
                "items": [
                    _place("Datasets", "photo_library", "datasets.dataset"),
                    _place("Label Data", "sell", "datasets.labelingjob"),
                    _place("Samples", "grid_view", "datasets.sample"),
                    _place("Versions", "inventory_2", "datasets.datasetversion"),
                    _place("Imports and exports", "swap_vert", "datasets.importtask"),
                ],
            },
            {
                "title": "Service Deployment",
                "items": [
                    _place("Models", "deployed_code", "batchservices.inferencemodel"),
                    _place("Batch Services", "dynamic_feed", "batchservices.batchservice"),
                    _place("Runs", "play_circle", "batchservices.batchrun"),
                ],
            },
            {
                "title": "Hard Examples",
                "items": [
                    _place("Filters", "filter_alt", "hardexamples.hardexamplefilter"),
                    _place("Minings", "troubleshoot", "hardexamples.mining"),
                ],
            },
            {
                "title": "Administration",
                "items": [
                    _place("Users", "person", "auth.user"),
                    _place("Roles", "group", "auth.group"),
                    _place("Tokens", "key", "knox.authtoken"),
                    _place("Audit", "history", "datasets.reviewevent"),
                ],
            },
        ],
    },
}
