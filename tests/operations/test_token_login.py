"""The morning ritual: by browser, by paste, by phone, by a token made elsewhere."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.adapters.upstox.login_parts import CODE, CREDENTIALS, LoginBroker, desk_of, query_of
from tests.adapters.upstox.test_redirect import free_port
from volguard.adapters.clock import SystemClock
from volguard.adapters.upstox.credentials import ApiCredentials, Secret
from volguard.adapters.upstox.login_wait import Operator, Patience
from volguard.adapters.upstox.rehearsal import API_KEY
from volguard.model.errors import TokenError, UsageError
from volguard.operations.token import LoggedIn
from volguard.operations.token_login import (
    Requested,
    log_in_by_browser,
    log_in_by_given_token,
    log_in_by_phone,
    log_in_by_text,
)

PATIENCE = Patience(timeout_s=5.0, monotonic_s=SystemClock(threading.Event()).monotonic_s)
ELSEWHERE = "https://example.org/callback"


@dataclass
class Person:
    """Somebody at a browser, perhaps with a terminal: what was said to them, what they opened."""

    said: list[str] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)
    terminal: int | None = None

    @property
    def operator(self) -> Operator:
        return Operator(say=self.said.append, terminal=self.terminal)

    @property
    def words(self) -> str:
        return "\n".join(self.said)

    def log_in(self, url: str) -> bool:
        """The browser is sent on to the redirect address, as the login page would."""
        self.opened.append(url)
        asked = query_of(url)
        back = f"{asked['redirect_uri']}?code={CODE}&state={asked['state']}"

        def follow() -> None:
            with suppress(httpx.HTTPError):  # the command may have left before the page is there
                httpx.get(back, trust_env=False)

        threading.Thread(target=follow).start()
        return True


@contextmanager
def typing(*lines: str) -> Iterator[int]:
    """A terminal into which these lines were typed."""
    read, write = os.pipe()
    os.write(write, "".join(f"{line}\n" for line in lines).encode())
    yield read
    os.close(read)
    os.close(write)


def callback() -> str:
    return f"http://127.0.0.1:{free_port()}/callback"


def test_the_browser_brings_the_code(tmp_path: Path) -> None:
    """The address is said and opened; the redirect is caught, the token stored."""
    desk, person = desk_of(LoginBroker(), tmp_path, redirect_uri=callback()), Person()
    done = log_in_by_browser(desk, CREDENTIALS, person.operator, PATIENCE, browse=person.log_in)
    assert desk.file.read() == done.stored
    (url,) = person.opened
    assert url in person.words and desk.settings.redirect_uri in person.words
    assert query_of(url)["client_id"] == API_KEY
    assert "paste" not in person.words  # there is no terminal
    with pytest.raises(httpx.ConnectError):
        httpx.get(desk.settings.redirect_uri, trust_env=False)  # nothing listens any more


def test_without_a_browser_the_address_is_for_the_operator(tmp_path: Path) -> None:
    """Only printed by default; where none can be opened that is said, and the wait goes on."""
    desk, person = desk_of(LoginBroker(), tmp_path, redirect_uri=callback()), Person()

    def cannot(url: str) -> bool:
        person.log_in(url)
        return False

    log_in_by_browser(desk, CREDENTIALS, person.operator, PATIENCE, browse=cannot)
    assert "no browser could be opened here" in person.words


def test_a_redirect_elsewhere_is_pasted(tmp_path: Path) -> None:
    """The address the browser ended on goes into the terminal; nothing listens for it."""
    desk = desk_of(LoginBroker(), tmp_path, redirect_uri=ELSEWHERE)
    with typing(CODE) as terminal:
        person = Person(terminal=terminal)
        done = log_in_by_browser(desk, CREDENTIALS, person.operator, PATIENCE, browse=None)
    assert done.stored == desk.file.read()
    assert "then paste here the address" in person.words and "waiting for" not in person.words


def test_a_redirect_elsewhere_needs_a_terminal(tmp_path: Path) -> None:
    """Without one the address is printed all the same, and the other way is named."""
    desk, person = desk_of(LoginBroker(), tmp_path, redirect_uri=ELSEWHERE), Person()
    with pytest.raises(UsageError, match="no terminal to paste into") as caught:
        log_in_by_browser(desk, CREDENTIALS, person.operator, PATIENCE, browse=None)
    assert "volguard token --code -" in caught.value.hint and caught.value.exit_code == 2
    assert "/v2/login/authorization/dialog?" in person.words


def test_a_taken_port_leaves_the_paste(tmp_path: Path) -> None:
    """With a terminal the ritual goes on without the listener; off one it ends, and says how else."""
    uri = callback()
    desk = desk_of(LoginBroker(), tmp_path, redirect_uri=uri)
    with socket.create_server(("127.0.0.1", int(uri.split(":")[2].split("/")[0]))):
        with typing(CODE) as terminal:
            person = Person(terminal=terminal)
            log_in_by_browser(desk, CREDENTIALS, person.operator, PATIENCE, browse=None)
        assert "nothing can listen on 127.0.0.1" in person.words
        with pytest.raises(UsageError, match="nothing can listen") as caught:
            log_in_by_browser(desk, CREDENTIALS, Person().operator, PATIENCE, browse=None)
    assert "volguard token --code -" in caught.value.hint


def test_an_interrupted_wait_lets_the_port_go(tmp_path: Path) -> None:
    """Ctrl-C in the middle: nothing listens afterwards, nothing is stored."""
    desk = desk_of(LoginBroker(), tmp_path, redirect_uri=callback())

    def interrupt(_url: str) -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        log_in_by_browser(desk, CREDENTIALS, Person().operator, PATIENCE, browse=interrupt)
    with pytest.raises(httpx.ConnectError):
        httpx.get(desk.settings.redirect_uri, trust_env=False)
    assert desk.file.stamp() is None


@pytest.mark.parametrize("text", [CODE, f"{{uri}}?code={CODE}&state=of-another-call\n"])
def test_text_from_elsewhere_is_exchanged(tmp_path: Path, text: str) -> None:
    """A code, or the whole address of a login that another call opened."""
    desk = desk_of(LoginBroker(), tmp_path)
    given = text.format(uri=desk.settings.redirect_uri)
    assert log_in_by_text(desk, CREDENTIALS, given).stored == desk.file.read()


# --- a token made elsewhere ---------------------------------------------------------------------------


def never() -> ApiCredentials:
    raise AssertionError("the app's secret is not needed for this")


def test_a_given_token_needs_no_secret_of_the_app(tmp_path: Path) -> None:
    """The token alone is enough; a notice is compared with the app's key."""
    desk = desk_of(LoginBroker(tokens={"made-by-hand"}), tmp_path)
    assert log_in_by_given_token(desk, never, " made-by-hand\n").stored == desk.file.read()
    posted = {"client_id": API_KEY, "user_id": "VG0001", "access_token": "made-by-hand"}
    text = json.dumps(posted | {"message_type": "access_token"})
    assert log_in_by_given_token(desk, lambda: CREDENTIALS, text).stored == desk.file.read()


@pytest.mark.parametrize("text", ["", "m4rk3r two", '{"access_token": "m4rk3r"}', "{m4rk3r"])
def test_text_that_is_no_token(tmp_path: Path, text: str) -> None:
    """Neither a token nor a notice: said without being quoted, nothing stored."""
    desk = desk_of(LoginBroker(), tmp_path)
    with pytest.raises(UsageError, match="the text given is no") as caught:
        log_in_by_given_token(desk, lambda: CREDENTIALS, text)
    assert "m4rk3r" not in repr(caught.value)
    assert desk.file.stamp() is None


# --- by phone -----------------------------------------------------------------------------------------


def approving(url: str, **changes: Any) -> None:
    """The user's yes on the phone: the broker posts to the notifier."""
    body = {"client_id": API_KEY, "user_id": "VG0001", "access_token": "approved"}
    body |= {"message_type": "access_token", **changes}

    def post() -> httpx.Response | None:
        for _ in range(500):
            with suppress(httpx.ConnectError):
                return httpx.post(url, json=body, trust_env=False)
            time.sleep(0.005)  # nobody listens yet
        return None

    threading.Thread(target=post).start()


def test_an_approval_on_the_phone_brings_the_token(tmp_path: Path) -> None:
    """Where the notifier is on this machine it is waited for; the token is confirmed before it counts."""
    notifier = f"http://127.0.0.1:{free_port()}/notify"
    desk = desk_of(LoginBroker(notifier_url=notifier, tokens={"approved"}), tmp_path)
    person = Person()
    approving(notifier)
    done = log_in_by_phone(desk, CREDENTIALS, person.operator, PATIENCE)
    assert isinstance(done, LoggedIn) and done.stored.token == Secret("approved")
    assert "approve the request by 13:36 IST in the Upstox app" in person.words


def test_a_forged_approval_is_not_taken(tmp_path: Path) -> None:
    """Anyone on this machine can post: a token that the broker does not know is refused."""
    notifier = f"http://127.0.0.1:{free_port()}/notify"
    desk = desk_of(LoginBroker(notifier_url=notifier), tmp_path)
    approving(notifier)
    with pytest.raises(TokenError, match="the broker does not take the token"):
        log_in_by_phone(desk, CREDENTIALS, Person().operator, PATIENCE)
    assert desk.file.stamp() is None


def test_a_notifier_elsewhere_is_said(tmp_path: Path) -> None:
    """How to hand the token over is said; the address may hold a secret, so only its host shows."""
    desk = desk_of(LoginBroker(notifier_url="https://hook.example.org/m4rk3r?k=m4rk3r"), tmp_path)
    person = Person()
    done = log_in_by_phone(desk, CREDENTIALS, person.operator, PATIENCE)
    assert isinstance(done, Requested) and done.notifier_host == "hook.example.org"
    assert done.until is not None
    assert "volguard token --token -" in person.words and "m4rk3r" not in f"{person.words} {done}"


def test_no_approval_ends_the_wait(tmp_path: Path) -> None:
    """A refusal on the phone is never posted: patience ends it, the port is free again."""
    notifier = f"http://127.0.0.1:{free_port()}/notify"
    desk = desk_of(LoginBroker(notifier_url=notifier), tmp_path)
    short = Patience(timeout_s=0.05, monotonic_s=PATIENCE.monotonic_s)
    with pytest.raises(TokenError, match=r"no login within 0\.05 seconds"):
        log_in_by_phone(desk, CREDENTIALS, Person().operator, short)
    with pytest.raises(httpx.ConnectError):
        httpx.post(notifier, trust_env=False)


def test_an_end_in_an_unknown_form_is_left_out(tmp_path: Path) -> None:
    """When the broker writes the request's end in a new way the login still works."""
    broker = LoginBroker()
    path = f"/v3/login/auth/token/request/{API_KEY}"
    body = {"authorization_expiry": "in a while", "notifier_url": ELSEWHERE}
    broker.answers[path] = httpx.Response(200, json={"status": "success", "data": body})
    person = Person()
    done = log_in_by_phone(desk_of(broker, tmp_path), CREDENTIALS, person.operator, PATIENCE)
    assert isinstance(done, Requested) and done.until is None
    assert "approve the request in the Upstox app" in person.words
