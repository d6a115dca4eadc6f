"""Where each address leads."""

from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView

from config.api.errors import nothing_here

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/media/", include("datasets.urls")),
    path("admin/labeling/", include("labeling.urls")),
    path("admin/", admin.site.urls),
    path("api/v1/", include("config.api_urls")),
    re_path("^api/", nothing_here),
]

handler400 = "config.refused_pages.bad_request"
handler403 = "config.refused_pages.forbidden"
handler404 = "config.refused_pages.not_found"
handler500 = "config.refused_pages.fault"
