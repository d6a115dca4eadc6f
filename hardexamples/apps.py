"""Filters and minings as a Django application."""

from django.apps import AppConfig


class HardExamplesConfig(AppConfig):
    """How hard examples are found."""

    name = "hardexamples"
    verbose_name = "Hard Examples"
