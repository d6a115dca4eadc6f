"""Addresses of the review pages, under the admin."""

from django.urls import path

from labeling import sample_page, views

app_name = "labeling"
urlpatterns = [
    path("job/<int:job_id>/", views.grid, name="job"),
    path("job/<int:job_id>/filters/", views.filters, name="filters"),
    path("job/<int:job_id>/batch/", views.batch, name="batch"),
    path("job/<int:job_id>/sample/<int:sample_id>/", sample_page.page, name="sample"),
]
