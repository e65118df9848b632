"""The OpenAPI document: what Ninja knows from the code, and what callers also want to know."""

from datetime import UTC, date, datetime
from typing import Any, Final

from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema

from memory_app.api.problems import CONTENT_TYPE, STATUS
from memory_app.api.reference import OPERATIONS, example_of
from memory_app.api.schemas import ProblemOut

Json = dict[str, Any]

# Refusals that any operation may answer, and those of any with a body.
_ANY: Final = ("invalid", "unauthenticated", "forbidden", "rate_limited", "unavailable")
_WITH_BODY: Final = ("too_large", "unsupported_media_type")

_TAGS: Final = {
    "memory": "The messages of a session, kept exactly as they were received.",
    "sessions": "What a conversation is besides its messages, and how long it lives.",
    "subjects": "The person that sessions are about: what there is, take it out, erase it.",
    "purges": "Remove many sessions: see what it would be, then do that and nothing else.",
    "receipts": "What was removed, by whom, when and why; never what it said.",
}
_MEMBERS: Final[dict[str, Json]] = {
    "revision_conflict": {"revision": 7},
    "message_conflict": {"index": 0},
    "invalid": {"errors": [{"loc": ["body", "session_id"], "detail": "what is wrong there"}]},
}


class DocumentedAPI(NinjaAPI):
    """Ninja's API, with refusals, scopes and working examples in its document."""

    _built: tuple[date, str, OpenAPISchema] | None = None

    def get_openapi_schema(
        self, *, path_prefix: str | None = None, path_params: Json | None = None
    ) -> OpenAPISchema:
        """Return the document, built once a day: an example in it names a time to come."""
        prefix = self.get_root_path(path_params or {}) if path_prefix is None else path_prefix
        today = datetime.now(UTC).date()
        if self._built is None or self._built[:2] != (today, prefix):
            schema = super().get_openapi_schema(path_prefix=prefix)
            _complete(schema, prefix)
            self._built = (today, prefix, schema)
        return self._built[2]


def _complete(schema: Json, prefix: str) -> None:
    components = schema["components"]
    problem = ProblemOut.model_json_schema(ref_template="#/components/schemas/{model}")
    for scheme in components["securitySchemes"].values():
        scheme["description"] = "An API key: `manage.py create_key NAMESPACE`."
    used = set()
    for path, methods in schema["paths"].items():
        name = path.removeprefix(f"/{prefix.strip('/')}/")
        used.add(name.partition("/")[0])
        for method, operation in methods.items():
            second = "_post" if method == "post" and len(methods) > 1 else ""
            operation["operationId"] = name.replace("/", "_") + second
            _describe(operation, name)
    schema["tags"] = [
        {"name": name, "description": text} for name, text in _TAGS.items() if name in used
    ]
    schemas = components["schemas"] | {"Problem": problem}
    _drop_examples(schemas)
    components["schemas"] = {name: schemas[name] for name in sorted(_named(schema, schemas))}


def _named(part: Any, schemas: Json) -> set[str]:
    """Return the schemas that a part of the document leads to."""
    if isinstance(part, list):
        return set().union(*(_named(one, schemas) for one in part))
    if not isinstance(part, dict):
        return set()
    names: set[str] = set()
    for key, value in part.items():
        if key == "$ref":
            name = value.rpartition("/")[2]
            names |= {name} | _named(schemas[name], schemas)
        elif key != "components":
            names |= _named(value, schemas)
    return names


def _describe(operation: Json, name: str) -> None:
    """Say of one operation what its docstring leaves out."""
    reference = OPERATIONS[name]
    text = operation["description"]
    operation["summary"] = " ".join(text.split()).partition(". ")[0].rstrip(".")
    operation["description"] = f"{text}\n\nTakes the scope `{reference.scope}`."
    example = example_of(name)
    for parameter in operation["parameters"]:
        _drop_examples(parameter)
        _drop_null(parameter["schema"])
        _spell_bounds(parameter["schema"])
        if parameter["name"] in example:
            parameter["example"] = example[parameter["name"]]
    codes = _ANY + reference.codes
    if "requestBody" in operation:
        codes += _WITH_BODY
        operation["requestBody"]["content"]["application/json"]["example"] = example
    operation["responses"].update(_refusals(codes))


def _refusals(codes: tuple[str, ...]) -> Json:
    """Return the responses of these codes, those of one status together."""
    responses: Json = {}
    for code in codes:
        status, title = STATUS[code]
        response = responses.setdefault(
            str(status),
            {
                "description": "",
                "content": {
                    CONTENT_TYPE: {
                        "schema": {"$ref": "#/components/schemas/Problem"},
                        "examples": {},
                    }
                },
            },
        )
        response["description"] += f"{'; ' * bool(response['description'])}`{code}`: {title}"
        response["content"][CONTENT_TYPE]["examples"][code] = {"value": _problem(code)}
    return dict(sorted(responses.items()))


def _problem(code: str) -> Json:
    status, title = STATUS[code]
    return {
        "type": f"urn:lethe:problem:{code}",
        "title": title,
        "status": status,
        "code": code,
        "detail": "a sentence for people",
        **_MEMBERS.get(code, {}),
        "request_id": "0123456789abcdef",
    }


def _drop_examples(schema: Any) -> None:
    """Leave out the examples of single fields: each call has one that is whole, and works."""
    if isinstance(schema, dict):
        for name in ("example", "examples"):
            if not isinstance(schema.get(name), dict):
                schema.pop(name, None)
        for part in schema.values():
            _drop_examples(part)
    elif isinstance(schema, list):
        for part in schema:
            _drop_examples(part)


def _drop_null(schema: Json) -> None:
    """Leave out null, which a query string cannot hold: an optional parameter is left out."""
    kinds = [kind for kind in schema.pop("anyOf", []) if kind != {"type": "null"}]
    if len(kinds) == 1:
        schema.update(kinds[0] | schema)
    elif kinds:
        schema["anyOf"] = kinds


def _spell_bounds(schema: Json) -> None:
    """Spell the bounds of an optional number as JSON Schema does; Pydantic leaves its own names."""
    for name, keyword, narrower in (("ge", "minimum", max), ("le", "maximum", min)):
        bounds = [schema[key] for key in (keyword, name) if key in schema]
        schema.pop(name, None)
        if bounds:
            schema[keyword] = narrower(bounds)
