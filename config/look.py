"""The admin's look and its side bar, in ModelArts' words."""

from django.urls import reverse_lazy

UNFOLD = {
    "SITE_TITLE": "Hardmine",
    "SITE_HEADER": "Hardmine",
    "SITE_SUBHEADER": "the hard-example loop",
    "SITE_SYMBOL": "diamond",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": [
            {"items": [{"title": "Today", "icon": "today", "link": reverse_lazy("admin:index")}]},
        ],
    },
}
