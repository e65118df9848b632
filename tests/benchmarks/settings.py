"""The product's settings, with the benchmark's site map."""

from config.settings import *  # noqa: F403

ROOT_URLCONF = "tests.benchmarks.urls"
