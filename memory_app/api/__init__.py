"""Door one: JSON for agents, one URL per operation; a session id is data, never part of a path."""

from ninja import Swagger

from memory_app.api import memory, problems, purges, receipts, sessions, subjects
from memory_app.api.auth import ApiKeyAuth
from memory_app.api.bodies import StrictParser, refuse_unknown_parameters
from memory_app.api.documentation import DocumentedAPI
from memory_app.version import VERSION

_DESCRIPTION = """
Lethe keeps the conversation memory of agents, and knows how to forget it.

**Start**: `POST memory/add` appends a message to the session you name and begins the session on
first use; `GET memory/list?session_id=…&last=20` reads the newest messages back, exactly as they
were sent. Put an `id` into each message, and every add can be retried safely.

**Authorise** with `Authorization: Bearer lethe_…` (`manage.py create_key NAMESPACE`). A key
belongs to one namespace; sessions of others answer like sessions that do not exist.

**Refusals** are `application/problem+json` (RFC 9457) with a stable `code`; each operation below
names its own. `rate_limited` (429, for a key with a limit of calls a minute), `unavailable` (503)
and `storage_full` (507) carry `Retry-After`: nothing was half-done, and the call can be repeated.

**Limits**: body 16 MB, message 4 MB, 1,000 events a call, depth 64, integers of 64 bits. Refused
everywhere: unknown fields and query parameters, duplicate keys, invalid UTF-8, NUL, lone
surrogates, NaN and infinities. Times are RFC 3339 in UTC with microseconds.
"""

api = DocumentedAPI(
    title="Lethe",
    version=VERSION,
    description=_DESCRIPTION,
    urls_namespace="api",
    auth=ApiKeyAuth(),
    parser=StrictParser(),
    docs=Swagger(settings={"persistAuthorization": False, "validatorUrl": None}),
)
problems.register(api)
api.add_router("/memory", memory.router)
api.add_router("/sessions", sessions.router)
api.add_router("/subjects", subjects.router)
api.add_router("/purges", purges.router)
api.add_router("/receipts", receipts.router)
api.add_decorator(refuse_unknown_parameters, mode="operation")
