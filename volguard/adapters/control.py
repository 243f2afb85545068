"""The control socket beside a running session's journal: answers STATUS, and nothing else yet."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

from volguard.model.errors import VolguardError

STATUS: Final = b"STATUS\n"
TIMEOUT_S: Final = 2.0
PATH_BYTES_MAX: Final = 100  # the kernel's own limit is 108


def socket_path(journal: Path) -> Path:
    """Where the session of a journal listens."""
    return journal.with_suffix(".sock")


class ControlServer:
    """One thread that answers with the newest frame it was given; never touches the engine's state."""

    def __init__(self, journal: Path) -> None:
        self._path = socket_path(journal)
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
                if connection.recv(64) == STATUS:
                    connection.sendall(self._frame)


def ask_status(journal: Path) -> bytes | None:
    """The running session's newest frame as JSON; None when no session listens there.

    Raises VolguardError when one listens and does not answer.
    """
    path = socket_path(journal)
    if len(os.fsencode(path)) > PATH_BYTES_MAX or not path.exists():
        return None
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(TIMEOUT_S)
        try:
            client.connect(str(path))
            client.sendall(STATUS)
            parts = list(iter(lambda: client.recv(65536), b""))
        except ConnectionRefusedError:
            return None  # left behind by a crash
        except OSError as error:
            raise VolguardError(f"the session at {path} does not answer: {error}") from error
    return b"".join(parts)
