"""The wiring as a Django application: commands, templates and the Celery app of every process."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig

from config.celery import app as celery_app


class WiringConfig(AppConfig):
    """Makes `config` an application. Importing it imports the Celery app, so that every process sends to our broker."""

    name = "config"
    verbose_name = "Hardmine"
    celery_app = celery_app


class SiteConfig(AdminConfig):
    """Django's admin with our own site as the default one."""

    default_site = "config.site.Site"
