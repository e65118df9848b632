from django.apps import AppConfig


class MemoryApp(AppConfig):
    name = "memory_app"
    label = "memory_app"
    verbose_name = "Lethe"
    default_auto_field = "django.db.models.BigAutoField"
