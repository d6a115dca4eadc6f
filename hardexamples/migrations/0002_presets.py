"""The two filters that everybody starts with."""

from django.db import migrations
from django.db.migrations.state import StateApps
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

WEIGHTS = (
    "clustering_mining:0.2020+aug_consistent_mining:0.4265+feature_distribution_mining:0.0451+sequential_mining:0.4250"
    "+image_similarity_mining:0.0949+predict_score_mining:0.3900+anomaly_detection_mining:0.2020"
)


def add_presets(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    """Adds "Hardmine default", which learns, and "ModelArts", whose weights stand."""
    filters = apps.get_model("hardexamples", "HardExampleFilter").objects
    for name, fusion in (("Hardmine default", "fitted"), ("ModelArts", "weights")):
        filters.get_or_create(
            name=name,
            defaults={
                "kind": "preset",
                "fusion": fusion,
                "comprehensive_algo_config": WEIGHTS,
                "algo_hard_threshold": 0.1,
                "aug_op_config": "crop:0.1+fliplr:0.1+gaussianblur:0.1",
            },
        )


class Migration(migrations.Migration):
    dependencies = [("hardexamples", "0001_initial")]
    operations = [migrations.RunPython(add_presets, migrations.RunPython.noop)]
