"""memory/add keeps what it is sent, once."""

import json

from tests.conftest import Api


def test_a_message_is_kept_as_it_was_received(api: Api) -> None:
    text = '{"role":"assistant", "content": null, "price": 1.10, "z": 1, "a": [1e5, -0.0]}'
    response = api.post("memory/add", f'{{"session_id": "a//b", "message": {text}}}')
    assert response.status_code == 201, response.content
    listed = api.get("memory/list", session_id="a//b")
    body = listed.content.decode()
    assert text[1:] in body
    message = json.loads(body)["items"][0]["message"]
    assert message["id"] == json.loads(response.content)["id"]


def test_a_repeated_message_is_stored_once(api: Api) -> None:
    first = api.add("chat", "Hi", id="m-1")
    again = api.add("chat", "Hi", id="m-1")
    assert (first["seq"], first["duplicate"]) == (1, False)
    assert (again["seq"], again["duplicate"]) == (1, True)
    assert json.loads(api.get("memory/count", session_id="chat").content) == {"count": 1}
    assert again["session"]["revision"] == 1
