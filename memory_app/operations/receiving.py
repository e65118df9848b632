"""Check what a caller sends, before anything is opened or locked: ids, messages, patches."""

import json
import re
import secrets
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, TypedDict

from memory_app import conf, moments
from memory_app.errors import Fault, Invalid, InvalidPrefix, Location, TooLarge
from memory_app.strict_json import Verbatim, check_text, members

ROLES: Final = ("user", "assistant", "system", "tool", "developer")
# Named in the answers of list: one token for each four bytes of the stored JSON, rounded up. It
# needs no model's vocabulary and errs on the safe side for scripts of several bytes a character.
ESTIMATOR: Final = "json-bytes/4"

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class IncomingMessage(NamedTuple):
    """A message that may be stored, and what is derived from it once."""

    message_id: str
    named: bool  # by the caller: only then is the call safe to retry
    role: str
    payload: str
    state: str | None
    tokens: int
    size_bytes: int
    occurred_at: int | None
    user_id: str | None


def check_session_id(
    value: str | None, loc: Location = ("body", "session_id"), *, shares_default: bool = True
) -> str:
    """Return the session id, `default` when none was given and the namespace shares that one."""
    if value is not None:
        return check_id(value, loc, "a session id")
    if not shares_default:
        raise Invalid.at(loc, "this namespace has no shared default session; name one")
    return conf.DEFAULT_SESSION_ID


def check_id(value: str, loc: Location, what: str) -> str:
    """Refuse an id that is empty, too long or holds control characters."""
    check_length(value, loc, what)
    if _CONTROL.search(value):
        raise Invalid.at(loc, f"{what} holds no control characters")
    return value


def check_prefix(prefix: str, loc: Location) -> str:
    """Refuse a prefix that a policy, hold or purge may not have: it ends where a level ends."""
    check_id(prefix, loc, "a prefix")
    if prefix[-1] not in conf.PREFIX_ENDS:
        suggestion = f"{prefix}/"
        raise InvalidPrefix(
            f"a prefix ends in one of {' '.join(conf.PREFIX_ENDS)}, or it would cover others that"
            f" begin alike; perhaps {suggestion}",
            suggestion,
            loc,
        )
    return prefix


def check_length(value: str, loc: Location, what: str, most: int = conf.MAX_ID) -> str:
    """Refuse a text that is empty, too long or cannot be stored."""
    if not 1 <= len(value) <= most:
        raise Invalid.at(loc, f"{what} has 1 to {most} characters; this has {len(value)}")
    try:
        check_text(value)
    except ValueError as problem:
        raise Invalid.at(loc, str(problem)) from None
    return value


def receive_message(
    message: Any, state: Any, loc: Location, state_loc: Location | None = None
) -> IncomingMessage:
    """Check one event: `message` and `state` as Verbatim, or anything else to be refused.

    Raises Invalid with every fault of the message, and TooLarge.
    """
    if not isinstance(message, Verbatim) or not isinstance(message.value, dict):
        raise Invalid.at(loc, "a message is an object with a role")
    state_text = _receive_state(state, state_loc or (*loc[:-1], "state"))
    faults = list(_message_faults(message.value, loc))
    if faults:
        raise Invalid(faults[0].detail, faults)
    return _derive(message, state, state_text, loc)


def _derive(
    message: Verbatim, state: Any, state_text: str | None, loc: Location
) -> IncomingMessage:
    value, payload = message
    check_message_size(payload)
    message_id = value.get("id")
    named = message_id is not None
    if not named:
        message_id = f"msg_{secrets.token_hex(12)}"
        payload = with_id(message, message_id)
    payload_bytes = len(payload.encode())
    timestamp = value.get("timestamp")
    return IncomingMessage(
        message_id=message_id,
        named=named,
        role=value["role"],
        payload=payload,
        state=state_text,
        tokens=count_tokens(payload_bytes),
        size_bytes=payload_bytes + (len(state_text.encode()) if state_text else 0),
        occurred_at=None if timestamp is None else moments.from_rfc3339(timestamp),
        user_id=_user_in(state.value) if state_text is not None else None,
    )


def check_message_size(text: str) -> None:
    """Refuse a message's JSON text that is too large. Raises TooLarge."""
    # A character has at most four bytes: short texts need not be encoded to know.
    if len(text) * 4 > conf.MAX_MESSAGE_BYTES and len(text.encode()) > conf.MAX_MESSAGE_BYTES:
        raise TooLarge(f"a message has at most {conf.MAX_MESSAGE_BYTES // conf.MB} MB")


def is_content(value: Any) -> bool:
    """Tell whether a value may be a message's content."""
    return isinstance(value, str | list | dict | None)


CONTENT_RULE: Final = "a content is a text, a list, an object or null"


def count_tokens(payload_bytes: int) -> int:
    """Estimate the tokens of a message from the bytes of its JSON text."""
    return (payload_bytes + 3) // 4


def with_id(message: Verbatim, message_id: str) -> str:
    """Return the message's text with an id it did not have, everything else as received."""
    value, text = message
    member = f'"id":{json.dumps(message_id, ensure_ascii=False)}'
    if "id" in value:
        # `"id": null` cannot be told from other text by looking, so this rare message is rewritten
        # member by member; the values keep their text.
        return _replace_id(text, member)
    inside = text[1:].lstrip()
    return "{" + member + (inside if inside.startswith("}") else "," + inside)


def _replace_id(text: str, member: str) -> str:
    parts = [
        member if key == "id" else f"{json.dumps(key, ensure_ascii=False)}:{value.text}"
        for key, value in members(text)
    ]
    return "{" + ",".join(parts) + "}"


def _receive_state(state: Any, loc: Location) -> str | None:
    if state is None or (isinstance(state, Verbatim) and state.value is None):
        return None
    if not isinstance(state, Verbatim) or not isinstance(state.value, dict):
        raise Invalid.at(loc, "a state is an object or null")
    if len(state.text.encode()) > conf.MAX_MESSAGE_BYTES:
        raise TooLarge(f"a state has at most {conf.MAX_MESSAGE_BYTES // conf.MB} MB")
    return state.text


def _message_faults(message: dict[str, Any], loc: Location) -> list[Fault]:
    faults = []
    role = message.get("role")
    if not isinstance(role, str) or role not in ROLES:
        faults.append(Fault((*loc, "role"), f"a role is one of {', '.join(ROLES)}"))
    if not is_content(message.get("content")):
        faults.append(Fault((*loc, "content"), CONTENT_RULE))
    faults += [
        Fault((*loc, name), f"{name} is a text")
        for name in ("name", "tool_call_id")
        if not isinstance(message.get(name), str | None)
    ]
    calls = message.get("tool_calls")
    if calls is not None and not (
        isinstance(calls, list) and all(isinstance(call, dict) for call in calls)
    ):
        faults.append(Fault((*loc, "tool_calls"), "tool_calls is a list of objects"))
    message_id = message.get("id")
    if message_id is not None and not (
        isinstance(message_id, str) and 1 <= len(message_id) <= conf.MAX_ID
    ):
        faults.append(Fault((*loc, "id"), f"an id is a text of 1 to {conf.MAX_ID} characters"))
    if not _is_moment(message.get("timestamp")):
        faults.append(
            Fault((*loc, "timestamp"), "a timestamp is an RFC 3339 time with a zone, as a text")
        )
    return faults


def _is_moment(timestamp: Any) -> bool:
    if timestamp is None:
        return True
    try:
        moments.from_rfc3339(timestamp)
    except (ValueError, TypeError):
        return False
    return True


def _user_in(state: dict[str, Any]) -> str | None:
    """Return the user that a state names, when it is one that could be stored."""
    for name in ("user_id", "userId"):
        found = state.get(name)
        if isinstance(found, int) and not isinstance(found, bool):
            found = str(found)
        if isinstance(found, str) and 1 <= len(found) <= conf.MAX_ID:
            return found
    return None


class SessionChange(TypedDict, total=False):
    """What a call changes in a session: an absent key changes nothing, null clears."""

    user_id: str | None
    title: str | None
    tags: list[str] | None
    metadata: Verbatim | None
    state: Verbatim | None


def receive_change(value: Mapping[str, Any], loc: Location) -> SessionChange:
    """Check the fields of a session that a caller sends. Raises Invalid and TooLarge."""
    change = SessionChange()
    if "user_id" in value:
        change["user_id"] = check_user_id(value["user_id"], (*loc, "user_id"))
    if "title" in value:
        change["title"] = _receive_title(value["title"], (*loc, "title"))
    if "tags" in value:
        change["tags"] = _receive_tags(value["tags"], (*loc, "tags"))
    if "metadata" in value:
        change["metadata"] = _receive_document(value["metadata"], (*loc, "metadata"))
    if "state" in value:
        change["state"] = _receive_document(value["state"], (*loc, "state"))
    return change


def check_user_id(value: Any, loc: Location = ("body", "user_id")) -> str | None:
    """Return the user id, or None when none was given."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise Invalid.at(loc, "a user id is a text")
    return check_length(value, loc, "a user id")


def _receive_title(title: Any, loc: Location) -> str | None:
    if title is None:
        return None
    if not isinstance(title, str) or len(title) > conf.MAX_TITLE:
        raise Invalid.at(loc, f"a title is a text of at most {conf.MAX_TITLE} characters")
    return title


def _receive_tags(tags: Any, loc: Location) -> list[str] | None:
    if tags is None:
        return None
    if not isinstance(tags, list) or len(tags) > conf.MAX_TAGS:
        raise Invalid.at(loc, f"tags are a list of at most {conf.MAX_TAGS} texts")
    for index, tag in enumerate(tags):
        if not isinstance(tag, str):
            raise Invalid.at((*loc, index), "a tag is a text")
        check_length(tag, (*loc, index), "a tag", conf.MAX_TAG)
    return list(dict.fromkeys(tags))


def _receive_document(document: Any, loc: Location) -> Verbatim | None:
    if document is None or (isinstance(document, Verbatim) and document.value is None):
        return None
    if not isinstance(document, Verbatim) or not isinstance(document.value, dict):
        raise Invalid.at(loc, f"{loc[-1]} is an object or null")
    check_document_size(document.text, str(loc[-1]))
    return document


def check_document_size(text: str, name: str) -> None:
    """Refuse a metadata or state document that is too large."""
    if len(text.encode()) > conf.MAX_DOCUMENT_BYTES:
        most = conf.MAX_DOCUMENT_BYTES // conf.KB
        raise TooLarge(f"the {name} of a session has at most {most} KB")
