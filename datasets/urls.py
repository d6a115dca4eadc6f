"""Addresses of images."""

from django.urls import path, re_path

from datasets import media

app_name = "media"
urlpatterns = [
    path("sample/<int:sample_id>/image", media.image, name="image"),
    path("sample/<int:sample_id>/thumbnail", media.thumbnail, name="thumbnail"),
    re_path(r"^blob/(?P<sha256>[0-9a-f]{64})/thumbnail$", media.blob_thumbnail, name="blob_thumbnail"),
]
