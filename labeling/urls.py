"""Addresses of the review pages, under the admin."""

from django.urls import path

from labeling import (
    auto_pages,
    group_pages,
    job_pages,
    sample_page,
    selection_page,
    similar_page,
    simulation_pages,
    views,
)
from labeling.bench import Bench

app_name = "labeling"
urlpatterns = [
    path("job/<int:job_id>/", views.grid, name="job"),
    path("job/<int:job_id>/filters/", views.filters, name="filters"),
    path("job/<int:job_id>/batch/", selection_page.decide, name="batch"),
    path("job/<int:job_id>/progress/", job_pages.progress, name="progress"),
    path("job/<int:job_id>/history/", job_pages.changes, name="history"),
    path("job/<int:job_id>/auto/", auto_pages.tasks, name="auto_tasks"),
    path("job/<int:job_id>/auto/start/", auto_pages.start, name="auto_start"),
    path("job/<int:job_id>/auto/group/", group_pages.start, name="group_start"),
    path("job/<int:job_id>/group/next/", group_pages.following, name="next_group"),
    path("job/<int:job_id>/auto/<int:task_id>/", auto_pages.task, name="auto_task"),
    path("job/<int:job_id>/auto/<int:task_id>/progress/", auto_pages.progress, name="auto_progress"),
    path("job/<int:job_id>/auto/<int:task_id>/accept/", auto_pages.accept, name="auto_accept"),
    path("job/<int:job_id>/auto/<int:task_id>/stop/", auto_pages.stop, name="auto_stop"),
    path("job/<int:job_id>/simulations/", simulation_pages.simulations, name="simulations"),
    path("job/<int:job_id>/simulations/<int:simulation_id>/", simulation_pages.simulation, name="simulation"),
    path(
        "job/<int:job_id>/simulations/<int:simulation_id>/progress/",
        simulation_pages.progress,
        name="simulation_progress",
    ),
    path("job/<int:job_id>/simulations/<int:simulation_id>/stop/", simulation_pages.stop, name="stop_simulation"),
    path("job/<int:job_id>/undo/", selection_page.undo, name="undo_batch"),
    path("job/<int:job_id>/task/<int:task_id>/", selection_page.progress, name="task_progress"),
    path("job/<int:job_id>/task/<int:task_id>/stop/", selection_page.stop, name="stop_task"),
    path("job/<int:job_id>/sample/<int:sample_id>/", sample_page.page, name="sample"),
    path("job/<int:job_id>/similar/", similar_page.from_selection, name="similar_to_selection"),
    path("similar/", similar_page.page, name="similar"),
    path("similar/run/<int:run_id>/<int:position>/", similar_page.picture, name="input_picture"),
    path("sample/<int:sample_id>/changed/<slug:operation>/", sample_page.changed, name="changed"),
    path("job/<int:job_id>/bench/", Bench.as_view({"get": "who"}), name="bench"),
    path("job/<int:job_id>/bench/undo/", Bench.as_view({"post": "undo"}), name="undo"),
    path("job/<int:job_id>/bench/redo/", Bench.as_view({"post": "redo"}), name="redo"),
    path("job/<int:job_id>/bench/next/", Bench.as_view({"post": "following"}), name="next"),
    path("job/<int:job_id>/bench/<int:sample_id>/", Bench.as_view({"get": "sample", "post": "decide"}), name="one"),
    path("job/<int:job_id>/bench/<int:sample_id>/hold/", Bench.as_view({"post": "hold"}), name="hold"),
]
