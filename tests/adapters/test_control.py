"""The control socket: the newest frame to who asks, and no harm from who asks wrongly."""

from __future__ import annotations

import os
import socket
import stat
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from volguard.adapters import control
from volguard.adapters.control import ControlServer, ask_status, socket_path
from volguard.model.errors import VolguardError


@pytest.fixture
def journal() -> Iterator[Path]:
    """A journal's path short enough for a socket beside it."""
    with tempfile.TemporaryDirectory(prefix="vg") as folder:
        yield Path(folder) / "replay-1.db"


@pytest.fixture
def server(journal: Path) -> Iterator[ControlServer]:
    """A running server."""
    made = ControlServer(journal)
    assert made.start()
    yield made
    made.close()


def test_status_is_the_newest_frame(journal: Path, server: ControlServer) -> None:
    """Each question is answered with what was published last, however long."""
    assert ask_status(journal) == b"{}"
    server.publish(b'{"n": 1}')
    assert ask_status(journal) == b'{"n": 1}'
    long = b'"' + b"x" * 300_000 + b'"'
    server.publish(long)
    assert ask_status(journal) == long


def test_the_socket_belongs_to_its_owner_alone(journal: Path, server: ControlServer) -> None:
    """0600, beside the journal."""
    del server
    assert socket_path(journal) == journal.with_name("replay-1.sock")
    assert stat.S_IMODE(socket_path(journal).stat().st_mode) == 0o600


def test_an_unknown_word_gets_nothing_and_harms_nothing(journal: Path, server: ControlServer) -> None:
    """Not STATUS, no answer; the next question is answered."""
    server.publish(b"{}")
    for word in (b"FLATTEN\n", b"STATUS", b"\x00" * 64):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.connect(str(socket_path(journal)))
            client.sendall(word)
            client.shutdown(socket.SHUT_WR)
            assert client.recv(10) == b""
    assert ask_status(journal) == b"{}"


def test_no_session_is_none(journal: Path) -> None:
    """No socket, or one left behind by a crash: nobody runs."""
    assert ask_status(journal) is None
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as crashed:
        crashed.bind(str(socket_path(journal)))
    assert socket_path(journal).exists()
    assert ask_status(journal) is None


def test_a_socket_left_behind_is_replaced(journal: Path) -> None:
    """A crashed session's socket does not keep the next one from listening."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as crashed:
        crashed.bind(str(socket_path(journal)))
    server = ControlServer(journal)
    assert server.start()
    assert ask_status(journal) == b"{}"
    server.close()


def test_close_takes_the_socket_and_its_thread_away(journal: Path) -> None:
    """Nothing listens and nothing waits after the session."""
    before = set(threading.enumerate())
    server = ControlServer(journal)
    assert server.start()
    (thread,) = set(threading.enumerate()) - before
    server.close()
    thread.join(timeout=5.0)
    assert not thread.is_alive() and not socket_path(journal).exists()
    assert ask_status(journal) is None


def test_a_path_too_long_for_a_socket(tmp_path: Path) -> None:
    """Status is then read from the journal: no server, no error."""
    journal = tmp_path / ("d" * 100) / "replay-1.db"
    server = ControlServer(journal)
    assert not server.start()
    server.close()
    assert ask_status(journal) is None and len(os.fsencode(journal)) > 100


def test_one_that_listens_and_does_not_answer(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hung session is told apart from none."""
    monkeypatch.setattr(control, "TIMEOUT_S", 0.05)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as hung:
        hung.bind(str(socket_path(journal)))
        hung.listen(1)
        with pytest.raises(VolguardError, match=r"the session at .*replay-1\.sock does not answer"):
            ask_status(journal)
