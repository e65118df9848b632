"""Logs as JSON lines with a fixed list of fields, so that no content can slip into them."""

import json
import logging
import traceback
from datetime import UTC, datetime
from typing import Final

# What a record may carry besides its message; anything else is left out.
FIELDS: Final = (
    "request_id",
    "operation",
    "code",
    "status",
    "milliseconds",
    "run",
    "count",
    "backlog",
    "worker",
)


class JsonFormatter(logging.Formatter):
    """Write one record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line: time, level, logger, message, and the allowed fields."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update({name: vars(record)[name] for name in FIELDS if name in vars(record)})
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = describe(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False)


def describe(problem: BaseException) -> dict[str, object]:
    """Return an exception's type and places, without its text: that may quote a caller."""
    frames = traceback.extract_tb(problem.__traceback__)
    return {
        "type": type(problem).__qualname__,
        "at": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-12:]],
    }
