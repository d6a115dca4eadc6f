"""Where each address leads."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/media/", include("datasets.urls")),
    path("admin/labeling/", include("labeling.urls")),
    path("admin/", admin.site.urls),
    path("api/v1/", include("config.api_urls")),
]
