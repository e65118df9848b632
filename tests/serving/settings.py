"""The product's settings, with views that show what a request became."""

from config.settings import *  # noqa: F403

ROOT_URLCONF = "tests.serving.urls"
MIDDLEWARE: list[str] = []
