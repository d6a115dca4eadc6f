"""Addresses of the REST API, below /api/v1/."""

from django.urls import path, re_path
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView
from rest_framework.routers import SimpleRouter

from batchservices import api as batchservices
from batchservices.comparison_api import ComparedInputDoor, ComparisonDoor, RunComparisonDoor
from batchservices.model_api import ModelDoor
from batchservices.recut_api import MiningRecutDoor
from batchservices.schedule_api import ServiceScheduleDoor
from batchservices.similar_api import RunInputDoor, SimilarDoor
from config.api.errors import nothing_here
from datasets import api as datasets
from datasets import history_api as history
from datasets import sample_api as samples
from hardexamples import api as hardexamples
from hardexamples.filter_api import FilterDoor
from labeling import auto_api as auto_labeling
from labeling import group_api
from labeling.simulation_api import DatasetSimulationDoor, SimulationDoor

router = SimpleRouter(use_regex_path=False)
router.register("datasets", datasets.DatasetDoor, "dataset")
router.register("datasets", samples.DatasetReviewDoor, "dataset-review")
router.register("datasets/<int:dataset_id>/labels", datasets.LabelDoor, "label")
router.register("datasets/<int:dataset_id>/imports", datasets.DatasetImportDoor, "dataset-import")
router.register("datasets/<int:dataset_id>/versions", datasets.DatasetVersionDoor, "dataset-version")
router.register("datasets/<int:dataset_id>/samples", samples.DatasetSampleDoor, "dataset-sample")
router.register("datasets", history.DatasetUndoDoor, "dataset-undo")
router.register("datasets/<int:dataset_id>/events", history.DatasetEventDoor, "dataset-event")
router.register("events", history.EventDoor, "event")
router.register("imports", datasets.ImportDoor, "import")
router.register("versions", datasets.VersionDoor, "version")
router.register("samples", samples.SampleDoor, "sample")
router.register("models", ModelDoor, "model")
router.register("services", batchservices.ServiceDoor, "service")
router.register("services", ServiceScheduleDoor, "service-schedule")
router.register("services/<int:service_id>/runs", batchservices.ServiceRunDoor, "service-run")
router.register("services/<int:service_id>/collection_tasks", batchservices.ServiceCollectionDoor, "service-collection")
router.register("runs", batchservices.RunDoor, "run")
router.register("runs/<int:run_id>/predictions", batchservices.PredictionDoor, "run-prediction")
router.register("collection_tasks", batchservices.CollectionDoor, "collection-task")
router.register(
    "datasets/<int:dataset_id>/auto_labeling_tasks", auto_labeling.DatasetAutoLabelingDoor, "dataset-auto-labeling"
)
router.register(
    "datasets/<int:dataset_id>/auto_grouping_tasks", group_api.DatasetAutoGroupingDoor, "dataset-auto-grouping"
)
router.register("auto_labeling_tasks", auto_labeling.AutoLabelingDoor, "auto-labeling")
router.register("datasets/<int:dataset_id>/labeling_simulations", DatasetSimulationDoor, "dataset-labeling-simulation")
router.register("labeling_simulations", SimulationDoor, "labeling-simulation")
router.register("filters", FilterDoor, "filter")
router.register("minings", hardexamples.MiningDoor, "mining")
router.register("runs", RunInputDoor, "run-input")
router.register("runs", RunComparisonDoor, "run-comparison")
router.register("comparisons", ComparisonDoor, "comparison")
router.register("comparisons/<int:comparison_id>/inputs", ComparedInputDoor, "compared-input")
router.register("similar", SimilarDoor, "similar")
router.register("minings", MiningRecutDoor, "mining-recut")
router.register("minings/<int:mining_id>/items", hardexamples.MiningItemDoor, "mining-item")

urlpatterns = [
    *router.urls,
    path("schema/", SpectacularJSONAPIView.as_view(), name="schema"),
    path("docs/", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
    re_path("", nothing_here),
]
