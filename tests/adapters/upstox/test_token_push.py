"""Handing a token to a running session: taken at once, refused with a reason, told without the token."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.adapters.upstox.client_parts import MovingClock, upstox_settings
from tests.adapters.upstox.login_parts import stored_token
from volguard.adapters.control import ControlServer, send_token
from volguard.adapters.upstox.token_holder import TokenHolder
from volguard.adapters.upstox.token_push import is_taken, push_token, token_taker
from volguard.adapters.upstox.token_store import StoredToken, TokenFile

MARKER = "m4rk3r-of-the-token"


@pytest.fixture
def journal() -> Iterator[Path]:
    """A journal's path short enough for a socket beside it."""
    with tempfile.TemporaryDirectory(prefix="vg") as folder:
        yield Path(folder) / "paper.db"


class Session:
    """A running session: its holder, what it was told of, its socket."""

    def __init__(self, journal: Path) -> None:
        file = TokenFile(journal.parent, "paper", upstox_settings())
        file.save(stored_token("first"))
        self.clock = MovingClock()
        self.holder = TokenHolder(file, self.clock.now)
        self.heard: list[StoredToken] = []
        taker = token_taker(
            self.holder, account="paper", settings=upstox_settings(), on_taken=self.heard.append
        )
        self.server = ControlServer(journal, taker)
        assert self.server.start()

    def close(self) -> None:
        self.server.close()


def test_a_pushed_token_counts_from_then_on(journal: Path) -> None:
    """The session answers whose it is and until when, never the token, and hears of it once."""
    with closing(Session(journal)) as session:
        answer = push_token(journal, stored_token(MARKER))
        assert answer == "ok: VG0001 until 03:30 IST on 17 Sep 2026"
        assert is_taken(answer)
        assert session.holder.current() == MARKER
        assert session.holder.generation == 2
        assert session.heard == [stored_token(MARKER)]


@pytest.mark.parametrize(
    ("pushed", "said"),
    [
        (stored_token(MARKER, user_id="XY99"), "the token is of XY99, the session is of VG0001"),
        (stored_token(MARKER, account="other"), "account of the token handed over was 'other'"),
        (stored_token(MARKER, base_url="http://127.0.0.1:1"), "base_url of the token handed over was"),
    ],
)
def test_a_token_that_is_not_the_sessions_is_refused(journal: Path, pushed: StoredToken, said: str) -> None:
    """Another person, account or address: the reason comes back, nothing changes."""
    with closing(Session(journal)) as session:
        answer = push_token(journal, pushed)
        assert answer is not None and answer.startswith("refused: ") and said in answer
        assert not is_taken(answer) and MARKER not in answer
        assert (session.holder.current(), session.heard) == ("first", [])


def test_a_dead_token_is_refused(journal: Path) -> None:
    """One that expired before it came is not held."""
    with closing(Session(journal)) as session:
        session.clock.sleep(24 * 3600)
        assert push_token(journal, stored_token(MARKER)) == "refused: the token has expired"


@pytest.mark.parametrize("body", [b"", b"{", MARKER.encode(), b"\xff\x00", b"[]"])
def test_what_is_no_token_is_refused_without_being_quoted(journal: Path, body: bytes) -> None:
    """Whatever else comes over the socket does no harm."""
    with closing(Session(journal)) as session:
        answer = send_token(journal, body)
        assert answer == "refused: the token handed over is torn or is no token"
        assert session.holder.current() == "first"


def test_nobody_listens(journal: Path) -> None:
    """Without a session there is no answer."""
    assert push_token(journal, stored_token(MARKER)) is None
