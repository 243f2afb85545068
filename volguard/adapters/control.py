"""The control socket beside a running session's journal: STATUS, TOKEN, and the operator's words."""

from __future__ import annotations

import os
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from volguard.model.errors import UsageError, VolguardError
from volguard.model.event import OperatorCommand

STATUS: Final = b"STATUS\n"
TOKEN: Final = b"TOKEN\n"
TIMEOUT_S: Final = 2.0
PATH_BYTES_MAX: Final = 100  # the kernel's own limit is 108
FOLDERS_BY_NUMBER: Final = Path("/proc/self/fd")
WORD_BYTES_MAX: Final = 64
TOKEN_BYTES_MAX: Final = 16_384
TEXT_BYTES_MAX: Final = 1_024  # of an operator's word with its text
REFUSED: Final = "refused"
SUFFIX: Final = ".sock"


def socket_path(journal: Path) -> Path:
    """Where the session of a journal listens."""
    return journal.with_suffix(SUFFIX)


@contextmanager
def _address(path: Path) -> Iterator[str | None]:
    # A path that is longer than the kernel takes is reached by way of its open folder, where there is /proc.
    if len(os.fsencode(path)) <= PATH_BYTES_MAX:
        yield str(path)
        return
    if not FOLDERS_BY_NUMBER.is_dir() or not path.parent.is_dir():
        yield None
        return
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        short = f"{FOLDERS_BY_NUMBER}/{folder}/{path.name}"
        yield short if len(os.fsencode(short)) <= PATH_BYTES_MAX else None
    finally:
        os.close(folder)


def listening(folder: Path) -> tuple[Path, ...]:
    """Journals of a folder beside which a socket lies; a crashed session's is among them."""
    found = sorted(folder.glob(f"*{SUFFIX}")) if folder.is_dir() else []
    return tuple(path.with_suffix(".db") for path in found if path.is_socket())


class Words:
    """The operator's words on their way from the socket's thread to the loop, each taken once."""

    def __init__(self, *, is_paper: bool, is_answered: bool = False) -> None:
        self._is_paper, self._is_answered = is_paper, is_answered  # somebody answers its proposals
        self._heard: deque[tuple[OperatorCommand, str]] = deque()

    def take(self, command: OperatorCommand, text: str) -> str:
        """Note a word; the answer for who said it: `ok...` or `refused: ...`."""
        if command is OperatorCommand.ADOPT and self._is_paper:
            return f"{REFUSED}: this session fills on paper, there is nothing to adopt"
        if command is OperatorCommand.TRADE and not self._is_answered:
            return f"{REFUSED}: nobody answers a proposal in this session, only SEMI_AUTO in a terminal asks"
        self._heard.append((command, text))
        return f"ok: {command.value} is taken at the next event"

    def drain(self) -> tuple[tuple[OperatorCommand, str], ...]:
        """All words not taken yet, oldest first."""
        return tuple(self._heard.popleft() for _ in range(len(self._heard)))


class ControlServer:
    """One thread that answers with the newest frame it was given; never touches the engine's state.

    `on_token` is given a token's JSON on that thread, and its text is the answer: it must be quick and must
    not let the token out. None: the session needs no token. `on_word` hears the operator.
    """

    def __init__(
        self,
        journal: Path,
        on_token: Callable[[bytes], str] | None = None,
        on_word: Callable[[OperatorCommand, str], str] | None = None,
    ) -> None:
        self._on_word = on_word
        self._path = socket_path(journal)
        self._on_token = on_token
        self._frame = b"{}"
        self._server: socket.socket | None = None

    def start(self) -> bool:
        """Listen (0600); False when no socket can have such a path and status must read the journal."""
        with suppress(FileNotFoundError):
            self._path.unlink()  # a crashed session's; the journal's lock says that none runs
        with _address(self._path) as address:
            if address is None:
                return False
            server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            server.bind(address)
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
        else:
            connection.sendall(self._take_word(connection, said).encode())

    def _take_word(self, connection: socket.socket, said: bytes) -> str:
        while len(said) <= TEXT_BYTES_MAX and (part := connection.recv(TEXT_BYTES_MAX)):
            said += part
        heard = _word_of(said[:TEXT_BYTES_MAX])
        if heard is None or self._on_word is None:
            return f"{REFUSED}: this session knows no such word"
        return self._on_word(*heard)

    def _take_token(self, connection: socket.socket, body: bytes) -> str:
        while part := connection.recv(TOKEN_BYTES_MAX):
            body += part
            if len(body) > TOKEN_BYTES_MAX:
                return f"{REFUSED}: longer than {TOKEN_BYTES_MAX} bytes"
        if self._on_token is None:
            return f"{REFUSED}: this session needs no token"
        return self._on_token(body)


def _word_of(said: bytes) -> tuple[OperatorCommand, str] | None:
    word, _, text = said.decode(errors="replace").partition("\n")
    if word not in list(OperatorCommand):
        return None
    return OperatorCommand(word), text.strip()


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


def send_word(journal: Path, word: OperatorCommand, text: str = "") -> str | None:
    """The running session's answer to a word, `ok...` or `refused: ...`; None: nobody listens.

    Raises VolguardError when one listens and does not answer.
    """
    answer = _ask(socket_path(journal), f"{word.value}\n{text}".encode())
    return None if answer is None else answer.decode(errors="replace")


def _ask(path: Path, message: bytes) -> bytes | None:
    with _address(path) as address, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        if address is None or not path.exists():
            return None
        client.settimeout(TIMEOUT_S)
        try:
            client.connect(address)
            client.sendall(message)
            client.shutdown(socket.SHUT_WR)
            parts = list(iter(lambda: client.recv(65536), b""))
        except ConnectionRefusedError:
            return None  # left behind by a crash
        except OSError as error:
            raise VolguardError(f"the session at {path} does not answer: {error}") from error
    return b"".join(parts)
