"""The control socket beside a running session's journal: answers STATUS, takes a TOKEN."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from volguard.model.errors import UsageError, VolguardError

STATUS: Final = b"STATUS\n"
TOKEN: Final = b"TOKEN\n"
TIMEOUT_S: Final = 2.0
PATH_BYTES_MAX: Final = 100  # the kernel's own limit is 108
WORD_BYTES_MAX: Final = 64
TOKEN_BYTES_MAX: Final = 16_384
REFUSED: Final = "refused"
SUFFIX: Final = ".sock"


def socket_path(journal: Path) -> Path:
    """Where the session of a journal listens."""
    return journal.with_suffix(SUFFIX)


def listening(folder: Path) -> tuple[Path, ...]:
    """Journals of a folder beside which a socket lies; a crashed session's is among them."""
    found = sorted(folder.glob(f"*{SUFFIX}")) if folder.is_dir() else []
    return tuple(path.with_suffix(".db") for path in found if path.is_socket())


class ControlServer:
    """One thread that answers with the newest frame it was given; never touches the engine's state.

    `on_token` is given a token's JSON on that thread, and its text is the answer: it must be quick and must
    not let the token out. None: the session needs no token.
    """

    def __init__(self, journal: Path, on_token: Callable[[bytes], str] | None = None) -> None:
        self._path = socket_path(journal)
        self._on_token = on_token
        self._frame = b"{}"
        self._server: socket.socket | None = None

    def start(self) -> bool:
        """Listen (0600); False when the path is too long for a socket and status must read the journal."""
        if len(os.fsencode(self._path)) > PATH_BYTES_MAX:
            return False
        with suppress(FileNotFoundError):
            self._path.unlink()  # a crashed session's; the journal's lock says that none runs
        server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        server.bind(str(self._path))
        self._path.chmod(0o600)
        server.listen(4)
        self._server = server
        threading.Thread(target=self._serve, args=(server,), daemon=True, name="control").start()
        return True

    def publish(self, frame: bytes) -> None:
        """The answer to give from now on."""
        self._frame = frame

    def close(self) -> None:
        """Stop listening and take the socket away."""
        if self._server is not None:
            with suppress(OSError):
                self._server.shutdown(socket.SHUT_RDWR)  # or the thread waits in accept for ever
            self._server.close()
            with suppress(FileNotFoundError):
                self._path.unlink()

    def _serve(self, server: socket.socket) -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return  # closed: the session is over
            with connection, suppress(OSError):
                connection.settimeout(TIMEOUT_S)
                self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        said = connection.recv(WORD_BYTES_MAX)
        if said == STATUS:
            connection.sendall(self._frame)
        elif said.startswith(TOKEN):
            connection.sendall(self._take_token(connection, said.removeprefix(TOKEN)).encode())

    def _take_token(self, connection: socket.socket, body: bytes) -> str:
        while part := connection.recv(TOKEN_BYTES_MAX):
            body += part
            if len(body) > TOKEN_BYTES_MAX:
                return f"{REFUSED}: longer than {TOKEN_BYTES_MAX} bytes"
        if self._on_token is None:
            return f"{REFUSED}: this session needs no token"
        return self._on_token(body)


def ask_status(journal: Path) -> bytes | None:
    """The running session's newest frame as JSON; None when no session listens there.

    Raises VolguardError when one listens and does not answer.
    """
    return _ask(socket_path(journal), STATUS)


def send_token(journal: Path, body: bytes) -> str | None:
    """The running session's answer to a token, `ok...` or `refused: ...`; None when no session listens.

    Raises VolguardError when one listens and does not answer, UsageError on what no session would read.
    """
    if len(body) > TOKEN_BYTES_MAX:
        raise UsageError(f"a token had {len(body)} bytes, at most {TOKEN_BYTES_MAX} can be handed over")
    answer = _ask(socket_path(journal), TOKEN + body)
    return None if answer is None else answer.decode(errors="replace")


def _ask(path: Path, message: bytes) -> bytes | None:
    if len(os.fsencode(path)) > PATH_BYTES_MAX or not path.exists():
        return None
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(TIMEOUT_S)
        try:
            client.connect(str(path))
            client.sendall(message)
            client.shutdown(socket.SHUT_WR)
            parts = list(iter(lambda: client.recv(65536), b""))
        except ConnectionRefusedError:
            return None  # left behind by a crash
        except OSError as error:
            raise VolguardError(f"the session at {path} does not answer: {error}") from error
    return b"".join(parts)
