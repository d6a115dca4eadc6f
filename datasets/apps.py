"""Datasets as a Django application."""

from django.apps import AppConfig


class DatasetsConfig(AppConfig):
    """Data preparation, in ModelArts' words."""

    name = "datasets"
    verbose_name = "Data Preparation"
