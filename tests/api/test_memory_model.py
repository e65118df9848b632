"""Any sequence of memory calls leaves what a plain model of a session says."""

import itertools
import json
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tests.conftest import Api

IDS = st.sampled_from(["a", "b", "c", "d"])
CONTENTS = st.sampled_from(["Hi", "Ho", "", None, [{"type": "text", "text": "Hi"}], 1.5])
STATES = st.sampled_from([None, None, {}, {"step": 1}, {"user_id": "ann"}, {"userId": 7}])
USERS = st.sampled_from([None, None, None, "ann", "bob"])
_numbers = itertools.count()


@dataclass
class Event:
    """One message as the model keeps it."""

    seq: int
    message: dict[str, Any]
    state: Any
    updated: bool = False


@dataclass
class Session:
    """What a session is, in as few words as possible."""

    events: list[Event] = field(default_factory=list)
    last_seq: int = 0
    revision: int = 0
    user_id: str | None = None

    def find(self, message_id: str) -> Event | None:
        return next((event for event in self.events if event.message["id"] == message_id), None)

    def change(self) -> None:
        self.revision += 1


Sent = tuple[dict[str, Any], Any]


def is_right(message: dict[str, Any]) -> bool:
    return not isinstance(message.get("content"), float)


class Memory(RuleBasedStateMachine):
    """Calls the API and the model alike, and compares answers and what is left."""

    api: Api

    def __init__(self) -> None:
        super().__init__()
        self.names = [f"model-{next(_numbers)}", f"model-{next(_numbers)}"]
        self.sessions: dict[str, Session] = {}

    def call(self, operation: str, name: int, **fields: Any) -> tuple[int, dict[str, Any]]:
        response = self.api.post(f"memory/{operation}", session_id=self.names[name], **fields)
        assert response.status_code < 500
        return response.status_code, json.loads(response.content)

    def session(self, name: int) -> Session | None:
        return self.sessions.get(self.names[name])

    # Each event may be named or not; an unnamed one is never a duplicate.
    events = st.lists(
        st.tuples(
            st.fixed_dictionaries(
                {"role": st.sampled_from(["user", "tool"]), "content": CONTENTS},
                optional={"id": IDS},
            ),
            STATES,
        ),
        max_size=4,
    )

    @rule(
        name=st.integers(0, 1), sent=events, user_id=USERS, revision=st.none() | st.integers(0, 6)
    )
    def add_list(self, name: int, sent: list[Sent], user_id: Any, revision: Any) -> None:
        body = [{"message": message, "state": state} for message, state in sent]
        status, answer = self.call(
            "add_list", name, events=body, user_id=user_id, expected_revision=revision
        )
        self.expect_added(name, sent, user_id, revision, status, answer)

    @rule(
        name=st.integers(0, 1),
        sent=events.filter(bool),
        user_id=USERS,
        revision=st.none() | st.integers(0, 6),
    )
    def add(self, name: int, sent: list[Sent], user_id: Any, revision: Any) -> None:
        message, state = sent[0]
        status, answer = self.call(
            "add", name, message=message, state=state, user_id=user_id, expected_revision=revision
        )
        if status < 300:
            item = {key: answer.pop(key) for key in ("id", "seq", "duplicate")}
            answer["items"] = [item]
        else:
            answer["index"] = (
                answer.get("index", 0) if answer["code"] == "message_conflict" else None
            )
        self.expect_added(name, sent[:1], user_id, revision, status, answer)

    def expect_added(
        self, name: int, sent: list[Sent], user_id: Any, revision: Any, status: int, answer: Any
    ) -> None:
        """Work out what an append must answer, and apply it to the model."""
        if not all(is_right(message) for message, _ in sent):
            assert (status, answer["code"]) == (422, "invalid")
            return
        before = self.session(name) or Session()
        known = {event.message["id"]: event for event in before.events}
        places: list[tuple[int, bool]] = []
        fresh: list[Event] = []
        for index, (message, state) in enumerate(sent):
            there = known.get(message.get("id"))
            if there is None:
                event = Event(before.last_seq + len(fresh) + 1, message, state)
                fresh.append(event)
                if "id" in message:
                    known[message["id"]] = event
                places.append((event.seq, False))
            elif (there.message, there.state) == (message, state):
                places.append((there.seq, True))
            else:
                assert (status, answer["code"]) == (409, "message_conflict")
                assert answer["index"] == index
                return
        if fresh and revision is not None and revision != before.revision:
            assert (status, answer["code"]) == (409, "revision_conflict")
            assert answer["revision"] == before.revision
            return
        if fresh and user_id is not None and before.user_id not in (None, user_id):
            assert (status, answer["code"]) == (409, "user_conflict")
            return
        assert status == (201 if fresh else 200)
        assert [(item["seq"], item["duplicate"]) for item in answer["items"]] == places
        if fresh:
            self.store(name, before, fresh, user_id)
            for item, (message, _) in zip(answer["items"], sent, strict=True):
                message.setdefault("id", item["id"])

    def store(self, name: int, session: Session, fresh: list[Event], user_id: Any) -> None:
        self.sessions[self.names[name]] = session
        session.events += fresh
        session.last_seq += len(fresh)
        session.change()
        named = [
            str(event.state.get("user_id", event.state.get("userId")))
            for event in fresh
            if event.state and "step" not in event.state
        ]
        session.user_id = session.user_id or user_id or next(iter(named), None)

    @rule(name=st.integers(0, 1), message_id=IDS, content=CONTENTS)
    def update_content(self, name: int, message_id: str, content: Any) -> None:
        status, answer = self.call("update", name, id=message_id, content=content)
        session = self.session(name)
        event = session.find(message_id) if session else None
        if isinstance(content, float):
            assert (status, answer["code"]) == (422, "invalid")
        elif session is None or event is None:
            assert (status, answer["code"]) == (404, "not_found")
        else:
            self.replace(session, event, event.message | {"content": content}, event.state)
            assert answer["item"]["message"] == event.message

    @rule(name=st.integers(0, 1), message_id=IDS, content=CONTENTS, state=STATES)
    def update_message(self, name: int, message_id: str, content: Any, state: Any) -> None:
        message = {"role": "system", "content": content}
        status, answer = self.call("update", name, id=message_id, message=message, state=state)
        session = self.session(name)
        event = session.find(message_id) if session else None
        if isinstance(content, float):
            assert (status, answer["code"]) == (422, "invalid")
        elif session is None or event is None:
            assert (status, answer["code"]) == (404, "not_found")
        else:
            self.replace(session, event, message | {"id": message_id}, state)
            assert answer["item"]["state"] == state

    @staticmethod
    def replace(session: Session, event: Event, message: dict[str, Any], state: Any) -> None:
        if (event.message, event.state) != (message, state):
            event.message, event.state, event.updated = message, state, True
            session.change()

    @rule(name=st.integers(0, 1), message_id=IDS)
    def delete_by_id(self, name: int, message_id: str) -> None:
        status, answer = self.call("delete", name, id=message_id)
        session = self.session(name)
        event = session.find(message_id) if session else None
        assert (status, answer["deleted"]) == (200, int(event is not None))
        if session and event:
            session.events.remove(event)
            session.change()

    @rule(name=st.integers(0, 1), index=st.integers(-2, 5))
    def delete_by_index(self, name: int, index: int) -> None:
        status, answer = self.call("delete", name, index=index)
        session = self.session(name)
        hit = session is not None and 0 <= index < len(session.events)
        assert (status, answer["deleted"]) == (200, int(hit))
        if session and hit:
            del session.events[index]
            session.change()

    @rule(name=st.integers(0, 1), revision=st.none() | st.integers(0, 6))
    def pop(self, name: int, revision: Any) -> None:
        status, answer = self.call("pop", name, expected_revision=revision)
        session = self.session(name)
        at = session.revision if session else 0
        if revision is not None and revision != at:
            assert (status, answer["code"], answer["revision"]) == (409, "revision_conflict", at)
        elif session is None or not session.events:
            assert (status, answer["item"]) == (200, None)
        else:
            event = session.events.pop()
            session.change()
            assert answer["item"]["seq"] == event.seq
            assert answer["item"]["message"] == event.message

    @rule(name=st.integers(0, 1))
    def clear(self, name: int) -> None:
        status, answer = self.call("clear", name)
        session = self.session(name)
        assert (status, answer["deleted"]) == (200, len(session.events) if session else 0)
        if session and session.events:
            session.events.clear()
            session.change()

    @rule(name=st.integers(0, 1), first=st.integers(0, 4), count=st.integers(0, 4))
    def list_some(self, name: int, first: int, count: int) -> None:
        session = self.session(name) or Session()
        seqs = [event.seq for event in session.events]
        for query, expected in (
            ({"offset": first, "limit": count}, seqs[first : first + count]),
            ({"order": "desc", "offset": first, "limit": count}, seqs[::-1][first : first + count]),
            ({"last": count}, seqs[max(len(seqs) - count, 0) :]),
            ({"after_seq": first}, [seq for seq in seqs if seq > first]),
        ):
            answer = self.api.get("memory/list", session_id=self.names[name], **query).json()
            assert [item["seq"] for item in answer["items"]] == expected

    @invariant()
    def everything_is_as_the_model_says(self) -> None:
        for name in self.names:
            session = self.sessions.get(name)
            answer = self.api.get("memory/list", session_id=name).json()
            if session is None:
                assert answer["session"] is None
                continue
            assert [
                (item["seq"], item["id"], item["message"], item["state"], "updated_at" in item)
                for item in answer["items"]
            ] == [
                (event.seq, event.message["id"], event.message, event.state, event.updated)
                for event in session.events
            ]
            shown = answer["session"]
            assert shown["revision"] == session.revision
            assert shown["user_id"] == session.user_id
            assert shown["message_count"] == answer["total"] == len(session.events)
            assert shown["token_count"] == sum(item["tokens"] for item in answer["items"])
            count = self.api.get("memory/count", session_id=name).json()
            assert count == {"count": len(session.events)}


def test_memory_does_what_its_model_does(api: Api) -> None:
    Memory.api = api
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Memory,
        settings=settings(
            max_examples=12,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
