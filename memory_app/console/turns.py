"""What a transcript shows of each message: its texts, its tool calls with results, its state."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from memory_app.console import times
from memory_app.models.snapshot import Event
from memory_app.operations.revealing import Transcript
from memory_app.operations.unfolding import (
    Number,
    call_arguments,
    call_name,
    open_json,
    open_message,
    open_value,
    other_fields,
    texts_in,
    values_in,
)

# A text is folded from here on, and beyond the second number it is fetched when asked for.
FOLDED_AT: Final = 2_000
SHOWN_AT_MOST: Final = 20_000
# A result that is no longer than this is seen without opening it.
_BRIEF: Final = 300


@dataclass(frozen=True, slots=True)
class Text:
    """A text: what is seen at once, what is folded away, and what is left out.

    `part` says where the session has it.
    """

    whole: str
    beginning: str
    folded: str
    part: str

    @property
    def rest(self) -> str:
        """Return what is left out."""
        return self.whole[len(self.beginning) + len(self.folded) :]


@dataclass(frozen=True, slots=True)
class Tree:
    """A JSON value with a word for it, and where the session has it."""

    label: str
    value: Any
    part: str


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a tool, and its results where they follow on this page."""

    id: str
    name: str
    arguments: Tree
    results: Sequence["Turn"] = ()


@dataclass(frozen=True, slots=True)
class Turn:
    """One message as it is shown; `answers` is the call that it is the result of, when known."""

    event: Event
    role: str
    name: str
    texts: Sequence[Text]
    trees: Sequence[Tree]
    calls: Sequence[Call]
    answers: tuple[int, str] | None
    state: Tree | None
    day: str = ""

    @property
    def is_error(self) -> bool:
        """Tell whether a tool answered with an error, by the two customs there are."""
        if self.role != "tool":
            return False
        if any(text.beginning.startswith(("Error", "error:")) for text in self.texts):
            return True
        return any(
            isinstance(one.value, dict) and bool(one.value.get("error")) for one in self.trees
        )

    @property
    def is_empty(self) -> bool:
        """Tell whether there is nothing to show: content null, absent or an empty text."""
        return not (self.texts or self.trees or self.calls)

    @property
    def is_brief(self) -> bool:
        """Tell whether all there is to show is a short text."""
        return not self.trees and sum(len(text.whole) for text in self.texts) <= _BRIEF

    def parts(self) -> dict[str, Any]:
        """Return each value that is shown by where the session has it, to fetch more of it."""
        found: dict[str, Any] = {text.part: text.whole for text in self.texts}
        found |= {tree.part: tree.value for tree in self.trees}
        found |= {call.arguments.part: call.arguments.value for call in self.calls}
        return found | ({self.state.part: self.state.value} if self.state else {})


def turns(transcript: Transcript) -> list[Turn]:
    """Return the messages of a page as they are shown; the first of each day names it.

    Results of tools stand in the message that called, where that is before them on the page.
    """
    all_of_them = [turn(event, transcript.calls) for event in transcript.events]
    results: dict[str, list[Turn]] = {}
    called: set[str] = set()
    shown: list[Turn] = []
    for one in all_of_them:
        called |= {call.id for call in one.calls if call.id}
        answered = one.event.message().get("tool_call_id") if one.role == "tool" else None
        if isinstance(answered, str) and answered in called:
            results.setdefault(answered, []).append(one)
        else:
            shown.append(one)
    return list(_by_day(_with_results(one, results) for one in shown))


def _with_results(one: Turn, results: dict[str, list[Turn]]) -> Turn:
    # Taken out: of two calls with one id, the first has the results.
    calls = [replace(call, results=results.pop(call.id, ())) for call in one.calls]
    return replace(one, calls=calls) if calls else one


def _by_day(shown: Iterator[Turn]) -> Iterator[Turn]:
    last = ""
    for one in shown:
        day = f"{times.local(one.event.created_at):%A, %-d %B %Y}"
        yield replace(one, day=day) if day != last else one
        last = day


def turn(
    event: Event, calls: Mapping[str, tuple[int, str]] | None = None, *, whole: bool = False
) -> Turn:
    """Return one message as it is shown; `whole` folds and leaves out nothing."""
    message = open_message(event.payload)
    content = open_json(message.get("content"))
    name = message.get("name")
    extras = other_fields(message)
    trees = [*values_in(content), *([("other fields", extras)] if extras else [])]
    return Turn(
        event=event,
        role=event.role,
        name=name if isinstance(name, str) else "",
        texts=[
            _fold(text, f"{event.seq}.w{place}", whole)
            for place, text in enumerate(texts_in(content))
            if text
        ],
        trees=[
            Tree(label, value, f"{event.seq}.t{place}")
            for place, (label, value) in enumerate(trees)
        ],
        calls=[
            _call(call, f"{event.seq}.c{place}")
            for place, call in enumerate(message.get("tool_calls") or ())
        ],
        answers=(calls or {}).get(str(message.get("tool_call_id"))),
        state=Tree("state", open_value(event.state), f"{event.seq}.s") if event.state else None,
    )


def _fold(text: str, part: str, whole: bool) -> Text:
    if whole or len(text) <= FOLDED_AT:
        return Text(text, text, "", part)
    # Between two lines, else between two words, so that what is unfolded reads on.
    end = text.rfind("\n", FOLDED_AT - 400, FOLDED_AT) + 1
    end = end or text.rfind(" ", FOLDED_AT - 100, FOLDED_AT) + 1 or FOLDED_AT
    return Text(text, text[:end], text[end : end + SHOWN_AT_MOST - FOLDED_AT], part)


def _call(call: Mapping[str, Any], part: str) -> Call:
    called, name = call.get("id"), call_name(call)
    arguments = Tree(f"Arguments of {name}", open_json(call_arguments(call)), part)
    return Call(called if isinstance(called, str) else "", name, arguments)


def as_markdown(event: Event) -> str:
    """Write one message as Markdown; its text is quoted as it is."""
    shown = turn(event, whole=True)
    parts = [f"## {event.seq}. {shown.role}{f' ({shown.name})' if shown.name else ''}"]
    parts += [text.whole for text in shown.texts]
    for tree in shown.trees:
        parts.append(f"{tree.label}:\n\n{_fenced(tree.value)}")
    for call in shown.calls:
        parts.append(f"calls `{call.name}`:\n\n{_fenced(call.arguments.value)}")
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
    if not isinstance(value, Number):
        return value
    try:
        return json.loads(value)
    except ValueError:
        # Python reads no number of more than 4,300 digits.
        return str(value)


def _longest_run(text: str, character: str) -> int:
    longest = run = 0
    for one in text:
        run = run + 1 if one == character else 0
        longest = max(longest, run)
    return longest
