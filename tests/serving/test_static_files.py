"""Static files have names of their content under `serve`, and plain ones elsewhere."""

import re
import urllib.request
from urllib.parse import urljoin

import pytest
from django.test import Client

from tests.served import serving

HASHED = re.compile(r"\.[0-9a-f]{12}\.\w+$")


def get(url: str) -> tuple[str, str]:
    with urllib.request.urlopen(url) as answer:
        return answer.read().decode("utf-8", "replace"), answer.headers.get("Cache-Control", "")


def test_what_a_page_names_is_kept_by_browsers_for_good(installation: dict[str, str]) -> None:
    with serving(installation) as served:
        named: set[str] = set()
        for path in ("/sign-in/", "/api/v1/docs"):
            page, _ = get(served.url + path)
            named |= set(re.findall(r'/static/[^"#]+', page))
        assert len(named) > 8
        for path in named:
            assert HASHED.search(path), path
            assert "immutable" in get(served.url + path)[1], path
        (style,) = [path for path in named if re.search(r"/console/console\.\w+\.css$", path)]
        text, _ = get(served.url + style)
        fonts = re.findall(r'url\("([^"]+\.woff2)"\)', text)
        assert len(fonts) == 2
        for font in fonts:
            assert HASHED.search(font), font
            assert "immutable" in get(urljoin(served.url + style, font))[1]


def test_the_plain_names_still_answer_and_are_asked_for_again(
    installation: dict[str, str],
) -> None:
    with serving(installation) as served:
        text, kept = get(f"{served.url}/static/console/console.css")
    assert "@layer" in text
    assert "immutable" not in kept


@pytest.mark.django_db
def test_without_serve_nothing_has_to_be_collected(client: Client) -> None:
    page = client.get("/sign-in/").text
    named = set(re.findall(r'/static/[^"#]+', page))
    assert named
    for path in named:
        assert not HASHED.search(path), path
        assert client.get(path).status_code == 200, path
