"""The notifier: one notice for our app, from whoever posts it; everything else is turned away."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager

import httpx
import pytest

from tests.adapters.upstox.test_redirect import free_port
from volguard.adapters.upstox.credentials import Secret
from volguard.adapters.upstox.notifier import NotifierListener, read_notice
from volguard.model.errors import UsageError

NOTICE = {
    "client_id": "our-key",
    "user_id": "VG0001",
    "access_token": "m4rk3r",
    "token_type": "Bearer",
    "expires_at": "1789250400000",
    "issued_at": "1789200000000",
    "message_type": "access_token",
}


@contextmanager
def waiting() -> Iterator[tuple[NotifierListener, str]]:
    url = f"http://127.0.0.1:{free_port()}/notify"
    with closing(NotifierListener(url, Secret("our-key"))) as listener:
        yield listener, url


def post(url: str, body: object) -> httpx.Response:
    return httpx.post(url, content=body if isinstance(body, bytes) else json.dumps(body), trust_env=False)


def test_a_notice_is_taken() -> None:
    """Answered with success, so that it is not sent again; the answer shows nothing of it."""
    with waiting() as (listener, url):
        answer = post(url, NOTICE)
        assert answer.status_code == 200 and "m4rk3r" not in answer.text
        taken = listener.arrival.value
        assert taken is not None and taken.access_token == "m4rk3r"
        assert "m4rk3r" not in repr(taken)
        assert str(listener.port) in url


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        NOTICE | {"client_id": "other-key"},
        NOTICE | {"message_type": "order"},
        NOTICE | {"access_token": ""},
        NOTICE | {"access_token": "two words"},
        {name: value for name, value in NOTICE.items() if name != "user_id"},
    ],
)
def test_anything_else_is_turned_away(body: object) -> None:
    """Another app's notice, another message or a token that cannot be sent: the wait goes on."""
    with waiting() as (listener, url):
        answer = post(url, body)
        assert answer.status_code == 400 and "m4rk3r" not in answer.text
        assert listener.arrival.value is None


def test_only_a_post_to_its_path_counts() -> None:
    """A look at the address, or a post beside it, is nothing."""
    with waiting() as (listener, url):
        assert httpx.get(url, trust_env=False).status_code == 404
        assert post(f"{url}/x", NOTICE).status_code == 404
        assert listener.arrival.value is None


def test_a_notifier_elsewhere_is_not_listened_on() -> None:
    """Its address may hold a secret of the operator's server, and is not shown."""
    with pytest.raises(UsageError, match="cannot be listened on here") as caught:
        NotifierListener("https://example.org/m4rk3r", Secret("our-key"))
    assert "m4rk3r" not in repr(caught.value)
    with waiting() as (_, url), pytest.raises(UsageError, match="nothing can listen"):
        NotifierListener(url, Secret("our-key"))


def test_a_notice_may_carry_more_or_other_forms() -> None:
    """Fields that are not known are ignored; times may be numbers."""
    notice = read_notice(json.dumps(NOTICE | {"expires_at": 1789250400000, "new": [1]}).encode())
    assert notice is not None and notice.user_id == "VG0001"
