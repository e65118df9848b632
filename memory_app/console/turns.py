"""What a transcript shows of each message: its texts, its tool calls, its state."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from memory_app.console import times
from memory_app.models.snapshot import Event
from memory_app.operations.revealing import (
    Number,
    Transcript,
    call_arguments,
    call_name,
    open_json,
    open_message,
)

# A text is folded from here on, and beyond the second number it is left to the message's own page.
FOLDED_AT: Final = 2_000
SHOWN_AT_MOST: Final = 20_000

_KNOWN: Final = frozenset(
    ["id", "role", "content", "timestamp", "name", "tool_calls", "tool_call_id"]
)


@dataclass(frozen=True, slots=True)
class Text:
    """A text: what is seen at once, what is folded away, and how much is left out."""

    beginning: str
    folded: str
    left_out: int
    length: int


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a tool, and where on this page its result is."""

    name: str
    arguments: Any
    result: int | None


@dataclass(frozen=True, slots=True)
class Turn:
    """One message as it is shown."""

    event: Event
    role: str
    name: str
    texts: Sequence[Text]
    trees: Sequence[tuple[str, Any]]
    calls: Sequence[Call]
    answers: tuple[int, str] | None
    state: Any
    copied: bool
    day: str = ""

    @property
    def is_error(self) -> bool:
        """Tell whether a tool answered with an error, by the two customs there are."""
        if self.role != "tool":
            return False
        if any(text.beginning.startswith(("Error", "error:")) for text in self.texts):
            return True
        return any(isinstance(tree, dict) and bool(tree.get("error")) for _, tree in self.trees)

    @property
    def is_empty(self) -> bool:
        """Tell whether there is nothing to show: content null, absent or an empty text."""
        return not (self.texts or self.trees or self.calls)


def turns(transcript: Transcript) -> list[Turn]:
    """Return the messages of a page as they are shown; the first of each day names it."""
    shown = [turn(event, transcript.results, transcript.calls) for event in transcript.events]
    days = [f"{times.local(one.event.created_at):%A, %-d %B %Y}" for one in shown]
    return [
        replace(one, day=day) if index == 0 or day != days[index - 1] else one
        for index, (one, day) in enumerate(zip(shown, days, strict=True))
    ]


def turn(
    event: Event,
    results: Mapping[str, int] | None = None,
    calls: Mapping[str, tuple[int, str]] | None = None,
    *,
    whole: bool = False,
) -> Turn:
    """Return one message as it is shown; `whole` folds and leaves out nothing."""
    message = open_message(event.payload)
    content = open_json(message.get("content"))
    texts = [_fold(text, whole) for text in _texts(content) if text]
    name = message.get("name")
    return Turn(
        event=event,
        role=event.role,
        name=name if isinstance(name, str) else "",
        texts=texts,
        trees=list(_trees(content)) + list(_extras(message)),
        calls=[_call(call, results or {}) for call in message.get("tool_calls") or ()],
        answers=(calls or {}).get(str(message.get("tool_call_id"))),
        state=None if event.state is None else open_message(event.state),
        copied=bool(texts),
    )


def _texts(content: Any) -> Iterator[str]:
    """Yield what of a content is text to read: itself, or its text parts."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        for part in content:
            if isinstance(part, str):
                yield part
            elif _is_text_part(part):
                yield part["text"]


def _is_text_part(part: Any) -> bool:
    return isinstance(part, dict) and isinstance(part.get("text"), str)


def _trees(content: Any) -> Iterator[tuple[str, Any]]:
    """Yield what of a content is not text, with a word for it."""
    if isinstance(content, dict):
        yield "content", content
    elif isinstance(content, list):
        others = [part for part in content if not isinstance(part, str) and not _is_text_part(part)]
        if len(others) == len(content):
            if content:
                yield "content", content
            return
        for part in others:
            kind = part.get("type") if isinstance(part, dict) else None
            yield kind if isinstance(kind, str) else "part", part


def _extras(message: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    extras = {key: value for key, value in message.items() if key not in _KNOWN}
    if extras:
        yield "other fields", extras


def _fold(text: str, whole: bool) -> Text:
    if whole or len(text) <= FOLDED_AT:
        return Text(text, "", 0, len(text))
    folded = text[FOLDED_AT:SHOWN_AT_MOST]
    return Text(text[:FOLDED_AT], folded, max(0, len(text) - SHOWN_AT_MOST), len(text))


def _call(call: Mapping[str, Any], results: Mapping[str, int]) -> Call:
    arguments = open_json(call_arguments(call))
    return Call(call_name(call), arguments, results.get(str(call.get("id"))))


def as_markdown(event: Event) -> str:
    """Write one message as Markdown; its text is quoted as it is."""
    shown = turn(event, whole=True)
    parts = [f"## {event.seq}. {shown.role}{f' ({shown.name})' if shown.name else ''}"]
    parts += [text.beginning for text in shown.texts]
    for name, tree in shown.trees:
        parts.append(f"{name}:\n\n{_fenced(tree)}")
    for call in shown.calls:
        parts.append(f"calls `{call.name}`:\n\n{_fenced(call.arguments)}")
    return "\n\n".join(parts) + "\n\n"


def _fenced(value: Any) -> str:
    is_text = isinstance(value, str) and not isinstance(value, Number)
    text = value if is_text else json.dumps(_plain(value), ensure_ascii=False, indent=2)
    fence = "`" * max(3, _longest_run(text, "`") + 1)
    return f"{fence}json\n{text}\n{fence}"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return json.loads(value) if isinstance(value, Number) else value


def _longest_run(text: str, character: str) -> int:
    longest = run = 0
    for one in text:
        run = run + 1 if one == character else 0
        longest = max(longest, run)
    return longest
