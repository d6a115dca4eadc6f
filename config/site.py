"""Our admin site."""

from unfold.sites import UnfoldAdminSite


class Site(UnfoldAdminSite):
    """The admin, in Hardmine's clothes."""
