"""Count the calls of keys that have a limit: a bucket of calls for each, in this process alone.

Each process counts by itself: a count that all shared would cost every call a write.
"""

import math
import threading

from memory_app.errors import RateLimited
from memory_app.moments import MINUTE, SECOND

# By the number of a key: how many calls it has left, and as of when. Only keys with a limit come
# here, so that these are few.
_buckets: dict[int, tuple[float, int]] = {}
_lock = threading.Lock()


def count_call(*, api_key_id: int, limit: int, now: int) -> None:
    """Take one of the calls that a key has; `limit` come back in a minute, one after the other.

    All of a minute may come at once. Raises RateLimited.
    """
    with _lock:
        left, at = _buckets.get(api_key_id, (float(limit), now))
        left = min(limit, left + max(0, now - at) * limit / MINUTE)
        _buckets[api_key_id] = max(left - 1, 0) if left >= 1 else left, now
    if left < 1:
        seconds = math.ceil((1 - left) * MINUTE / limit / SECOND)
        raise RateLimited(
            f"this API key may make {limit} calls a minute; wait for what Retry-After says",
            max(seconds, 1),
        )


def forget_counted_calls() -> None:
    """Let every key begin with all its calls, as a process that starts does."""
    with _lock:
        _buckets.clear()
