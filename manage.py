#!/usr/bin/env python
"""Run Lethe's commands: `manage.py help` lists them."""

import os
import sys


def main() -> None:
    """Run the command that the arguments name."""
    if sys.version_info < (3, 11):
        sys.exit(f"Lethe needs Python 3.11 or newer; this is {sys.version.split()[0]}.")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        from django.core.exceptions import ImproperlyConfigured
        from django.core.management import execute_from_command_line
    except ImportError:
        sys.exit("Django is not installed here. `make run` prepares everything, or see the README.")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as problem:
        sys.exit(f"{problem}")


if __name__ == "__main__":
    main()
