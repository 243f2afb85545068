"""Waiting for the operator: whichever brings the code first, a mended paste, and an end to all patience."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field

import httpx
import pytest

from tests.adapters.upstox.test_redirect import free_port
from volguard.adapters.loopback import Arrival
from volguard.adapters.upstox.credentials import Secret
from volguard.adapters.upstox.login_wait import Operator, Patience, await_arrival, await_code
from volguard.adapters.upstox.redirect import RedirectListener
from volguard.model.errors import TokenError, UsageError

STATE = "state-of-this-login"
REDIRECT = "http://127.0.0.1:5055/callback"


@dataclass
class Terminal:
    """A terminal as its two ends: what is typed, and what is said."""

    read: int
    write: int
    said: list[str] = field(default_factory=list)

    def type(self, text: str) -> None:
        os.write(self.write, text.encode())

    @property
    def operator(self) -> Operator:
        return Operator(say=self.said.append, terminal=self.read)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    """A terminal that is open."""
    read, write = os.pipe()
    yield Terminal(read, write)
    os.close(read)
    os.close(write)


@pytest.fixture
def listener() -> Iterator[RedirectListener]:
    """A listener that waits for the redirect."""
    with closing(RedirectListener(f"http://127.0.0.1:{free_port()}/callback", STATE)) as made:
        yield made


def patience(timeout_s: float = 5.0) -> Patience:
    """Real patience, counted by the machine's own clock."""
    ticks = iter(range(1000))
    return Patience(timeout_s=timeout_s, monotonic_s=lambda: next(ticks) * 1e-6)


def code_of(listener: RedirectListener | None, operator: Operator, timeout_s: float = 5.0) -> Secret:
    return await_code(listener, operator, patience(timeout_s), redirect_uri=REDIRECT, state=STATE)


def visit(listener: RedirectListener, query: str) -> None:
    url = f"http://127.0.0.1:{listener.port}/callback?{query}"

    def browse() -> None:
        with suppress(httpx.HTTPError):  # the wait may be over before the page is there
            httpx.get(url, trust_env=False)

    threading.Thread(target=browse).start()


def test_the_redirect_brings_the_code(listener: RedirectListener) -> None:
    """Without a terminal the listener alone is waited for."""
    visit(listener, f"code=mk404x&state={STATE}")
    assert code_of(listener, Operator(say=[].append, terminal=None)) == Secret("mk404x")


def test_the_terminal_brings_the_code(terminal: Terminal) -> None:
    """Without a listener what is pasted is the way."""
    terminal.type(f"{REDIRECT}?code=mk404x&state={STATE}\n")
    assert code_of(None, terminal.operator) == Secret("mk404x")
    assert terminal.said == []


def test_whichever_is_first_counts(listener: RedirectListener, terminal: Terminal) -> None:
    """With both open a paste ends the wait without the redirect, and the other way round."""
    terminal.type("typed\n")
    assert code_of(listener, terminal.operator) == Secret("typed")
    visit(listener, f"code=caught&state={STATE}")
    assert code_of(listener, terminal.operator) == Secret("caught")


def test_a_bad_paste_is_said_and_may_be_mended(terminal: Terminal) -> None:
    """An empty line is nothing; a wrong one gets its reason, without being quoted; the next one counts."""

    def type_all() -> None:
        for text in ("\n", "m4rk3r wrong\n", f"{REDIRECT}?code=m4rk3r&state=old\n", "mk404x\n"):
            terminal.type(text)
            while select.select([terminal.read], [], [], 0.0)[0]:
                time.sleep(0.001)  # one line at a time, as a person types

    typist = threading.Thread(target=type_all)
    typist.start()
    assert code_of(None, terminal.operator) == Secret("mk404x")
    typist.join()
    assert len(terminal.said) == 2
    assert "neither a code nor an address" in terminal.said[0]
    assert "another login" in terminal.said[1]
    assert "m4rk3r" not in " ".join(terminal.said)


def test_a_refused_login_ends_the_wait(listener: RedirectListener, terminal: Terminal) -> None:
    """What the page said is raised, and nothing more is waited for."""
    visit(listener, f"error=access_denied&state={STATE}")
    with pytest.raises(TokenError, match="login refused: access_denied"):
        code_of(listener, terminal.operator)


def test_patience_ends(listener: RedirectListener, terminal: Terminal) -> None:
    """After the time that was given the wait is over, and says how to have more."""
    with pytest.raises(TokenError, match=r"no login within 0\.05 seconds") as caught:
        code_of(listener, terminal.operator, timeout_s=0.05)
    assert "--timeout" in caught.value.hint and caught.value.exit_code == 4


def test_a_closed_terminal_leaves_the_listener(listener: RedirectListener) -> None:
    """End of input is no code; the redirect may still bring one."""
    read, write = os.pipe()
    os.close(write)
    visit(listener, f"code=mk404x&state={STATE}")
    assert code_of(listener, Operator(say=[].append, terminal=read)) == Secret("mk404x")
    os.close(read)


def test_a_closed_terminal_and_nothing_else() -> None:
    """No way is left for a code to come by."""
    read, write = os.pipe()
    os.close(write)
    with pytest.raises(UsageError, match="the terminal was closed before a code was given"):
        code_of(None, Operator(say=[].append, terminal=read))
    os.close(read)


def test_what_arrives_is_given() -> None:
    """The approval on the phone ends its wait; without one patience does."""
    with closing(Arrival[str]()) as arrival:
        with pytest.raises(TokenError, match="no login within"):
            await_arrival(arrival, patience(0.02))
        arrival.put("notice")
        assert await_arrival(arrival, patience()) == "notice"
