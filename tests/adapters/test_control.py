"""The control socket: the newest frame to who asks, a token from who has one, no harm from anybody else."""

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
from volguard.adapters.control import (
    TOKEN_BYTES_MAX,
    ControlServer,
    Words,
    ask_status,
    listening,
    send_token,
    send_word,
    socket_path,
)
from volguard.model.errors import UsageError, VolguardError
from volguard.model.event import OperatorCommand


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


def test_an_unknown_word_is_refused_and_harms_nothing(journal: Path, server: ControlServer) -> None:
    """What no session knows, or this one does not take, is refused; the next question is answered."""
    server.publish(b"{}")
    for word in (b"FLATTEN\n", b"STATUS", b"\x00" * 64):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.connect(str(socket_path(journal)))
            client.sendall(word)
            client.shutdown(socket.SHUT_WR)
            assert client.recv(100).startswith(b"refused")
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


def test_a_path_longer_than_a_socket_may_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The session listens there all the same; on a system without /proc it says that it does not."""
    journal = tmp_path / ("d" * 100) / "replay-1.db"
    journal.parent.mkdir()
    assert ask_status(journal) is None and len(os.fsencode(journal)) > 100
    server = ControlServer(journal)
    assert server.start()
    assert stat.S_IMODE(socket_path(journal).stat().st_mode) == 0o600
    assert ask_status(journal) == b"{}"
    monkeypatch.setattr(control, "FOLDERS_BY_NUMBER", tmp_path / "none")
    assert ask_status(journal) is None and not ControlServer(journal).start()
    server.close()


def test_one_that_listens_and_does_not_answer(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hung session is told apart from none."""
    monkeypatch.setattr(control, "TIMEOUT_S", 0.05)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as hung:
        hung.bind(str(socket_path(journal)))
        hung.listen(1)
        with pytest.raises(VolguardError, match=r"the session at .*replay-1\.sock does not answer"):
            ask_status(journal)


def say(journal: Path, message: bytes) -> bytes:
    """What the session answers to these bytes and nothing more."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(5.0)
        client.connect(str(socket_path(journal)))
        client.sendall(message)
        client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(65536), b""))


def test_a_token_reaches_the_session_whole(journal: Path) -> None:
    """Of any length within the limit; the session's own words come back, STATUS is still answered."""
    taken: list[bytes] = []

    def take(body: bytes) -> str:
        taken.append(body)
        return f"ok: {len(body)} bytes"

    server = ControlServer(journal, take)
    assert server.start()
    bodies = [b"", b"x", b"t" * 58, b"t" * 59, b"STATUS\n", b"t" * TOKEN_BYTES_MAX]
    assert [send_token(journal, body) for body in bodies] == [f"ok: {len(body)} bytes" for body in bodies]
    assert taken == bodies
    assert ask_status(journal) == b"{}"
    server.close()


def test_a_session_that_needs_no_token_says_so(journal: Path, server: ControlServer) -> None:
    """A replay is not given one by mistake."""
    del server
    assert send_token(journal, b"{}") == "refused: this session needs no token"


def test_a_token_beyond_the_limit_is_refused(journal: Path) -> None:
    """Neither side holds more than the limit: it is not sent, and one that is sent anyway is not read on."""
    server = ControlServer(journal, lambda _body: "ok")
    assert server.start()
    with pytest.raises(UsageError, match=f"at most {TOKEN_BYTES_MAX} can be handed over"):
        send_token(journal, b"t" * (TOKEN_BYTES_MAX + 1))
    assert say(journal, b"TOKEN\n" + b"t" * (TOKEN_BYTES_MAX + 1)).startswith(b"refused: longer than")
    assert send_token(journal, b"t") == "ok"
    server.close()


def test_no_session_takes_no_token(journal: Path) -> None:
    """None where nobody listens; a hung session is told apart, without the token in what is said."""
    assert send_token(journal, b"{}") is None
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as crashed:
        crashed.bind(str(socket_path(journal)))
    assert send_token(journal, b"{}") is None


def test_a_hung_session_is_said_without_the_token(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the socket; the token is not in it."""
    monkeypatch.setattr(control, "TIMEOUT_S", 0.05)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as hung:
        hung.bind(str(socket_path(journal)))
        hung.listen(1)
        with pytest.raises(VolguardError, match="does not answer") as caught:
            send_token(journal, b"m4rk3r")
    assert "m4rk3r" not in f"{caught.value!r} {caught.value.__cause__!r}"


def test_a_half_sent_token_holds_the_session_up_for_a_moment_only(
    journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sender that stops in the middle is dropped; nothing of its token is taken."""
    monkeypatch.setattr(control, "TIMEOUT_S", 0.05)
    taken: list[bytes] = []
    server = ControlServer(journal, lambda body: f"ok {taken.append(body)}")
    assert server.start()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(5.0)
        client.connect(str(socket_path(journal)))
        client.sendall(b"TOKEN\nhalf")
        assert client.recv(10) == b""
    monkeypatch.setattr(control, "TIMEOUT_S", 2.0)
    assert ask_status(journal) == b"{}"
    assert taken == []
    server.close()


def test_sessions_of_a_folder_are_found_by_their_sockets(journal: Path, server: ControlServer) -> None:
    """Journals without a socket, and files that only look like one, are not among them."""
    del server
    (journal.parent / "other.db").touch()
    (journal.parent / "file.sock").touch()
    assert listening(journal.parent) == (journal,)
    assert listening(journal.parent / "none") == ()


def test_the_operators_words_reach_the_loop_once(journal: Path) -> None:
    """Each word with its text, in order; a paper session has nothing to adopt; without a session: None."""
    words = Words(is_paper=True)
    server = ControlServer(journal, on_word=words.take)
    server.start()
    try:
        answer = send_word(journal, OperatorCommand.FLATTEN, "enough")
        assert answer is not None and answer.startswith("ok")
        refused = send_word(journal, OperatorCommand.ADOPT)
        assert refused is not None and refused.startswith("refused")
        assert words.drain() == ((OperatorCommand.FLATTEN, "enough"),) and words.drain() == ()
    finally:
        server.close()
    assert send_word(journal, OperatorCommand.YIELD) is None
