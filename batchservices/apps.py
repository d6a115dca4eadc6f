"""Models, batch services and runs as a Django application."""

from django.apps import AppConfig


class BatchServicesConfig(AppConfig):
    """Service deployment, in ModelArts' words."""

    name = "batchservices"
    verbose_name = "Service Deployment"
