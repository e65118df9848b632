"""The one Django application of Lethe."""

from django.apps import AppConfig


class MemoryApp(AppConfig):
    """Lethe's nouns, verbs and doors."""

    name = "memory_app"
    label = "memory_app"
    verbose_name = "Lethe"
    default_auto_field = "django.db.models.BigAutoField"
