"""Serve with other limits than the product's: the argument is JSON for `serve`."""

import json
import sys

import django

django.setup()

from memory_app.serving import Limits, serve  # noqa: E402

arguments = json.loads(sys.argv[1])
limits = Limits(**arguments.pop("limits", {}))
serve(**arguments, limits=limits)
