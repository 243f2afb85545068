"""Commands out of a process that has imported what they import: a fork each, with its own words and streams.

Most of a short command's time goes into imports. Whole processes of their own are started where that is what
is tested: signals, crashes, and that no order of a hash shows.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from volguard.cli.app import ONE_THREAD

HEAVY: Final = ("arch", "pandas", "scipy.optimize", "matplotlib.figure", "pyarrow.parquet", "rich.live")
MESSAGE_BYTES_MAX: Final = 150_000
LOOK_S: Final = 5.0  # how often the server looks whether its starter still lives
READY: Final = "ready"


class Forks:
    """Starts the server at the first call; `run` may be called from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._address: str | None = None

    def run(
        self, words: Sequence[str], *, cwd: Path, environment: Mapping[str, str], timeout_s: float
    ) -> tuple[int, str, str]:
        """(exit code, stdout, stderr) of a command. Raises subprocess.TimeoutExpired after killing it."""
        request = json.dumps(
            {"words": list(words), "cwd": str(cwd), "environment": dict(environment)}
        ).encode()
        with (
            tempfile.TemporaryFile("w+", encoding="utf-8") as out,
            tempfile.TemporaryFile("w+", encoding="utf-8") as err,
            socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as line,
        ):
            line.connect(self._server())
            socket.send_fds(line, [request], [out.fileno(), err.fileno()])
            line.settimeout(timeout_s)
            pid = int(line.recv(64))
            try:
                code = int(line.recv(64))
            except TimeoutError:
                os.kill(pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired(list(words), timeout_s) from None
            out.seek(0)
            err.seek(0)
            return code, out.read(), err.read()

    def _server(self) -> str:
        with self._lock:
            if self._address is None:
                folder = tempfile.mkdtemp(prefix="forks")
                address = f"{folder}/s"
                process = subprocess.Popen(
                    [sys.executable, "-m", "tests.cli.prefork", address],
                    cwd=Path(__file__).resolve().parents[2],
                    env={**os.environ, **dict.fromkeys(ONE_THREAD, "1")},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    text=True,
                )
                atexit.register(_end, process, folder)
                assert process.stdout is not None
                assert process.stdout.readline().strip() == READY, "the server of forks did not start"
                self._address = address
            return self._address


def _end(process: subprocess.Popen[str], folder: str) -> None:
    process.kill()
    process.communicate()
    shutil.rmtree(folder, ignore_errors=True)


# --- the server ---------------------------------------------------------------------------------------


def _import_all() -> None:
    import volguard

    for name in HEAVY:
        importlib.import_module(name)
    for module in pkgutil.walk_packages(volguard.__path__, "volguard."):
        importlib.import_module(module.name)


def _accept(address: str) -> socket.socket:
    # Returns in a fork of its own for each call.
    starter = os.getppid()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(address)
        listener.listen(16)
        listener.settimeout(LOOK_S)
        sys.stdout.write(f"{READY}\n")
        sys.stdout.flush()
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        while os.getppid() == starter:
            try:
                line, _ = listener.accept()
            except TimeoutError:
                continue
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                return line
            line.close()
    raise SystemExit


def _become(line: socket.socket) -> None:
    # Returns in the process that is to be the command; the one in between waits for it and tells its end.
    line.settimeout(None)
    message, streams, _, _ = socket.recv_fds(line, MESSAGE_BYTES_MAX, 2)
    pid = os.fork()
    if pid:
        for stream in streams:
            os.close(stream)
        line.send(str(pid).encode())
        _, status = os.waitpid(pid, 0)
        line.send(str(os.waitstatus_to_exitcode(status)).encode())
        os._exit(0)
    line.close()
    request = json.loads(message)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, stream in enumerate(streams, start=1):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["cwd"])
    from volguard.cli import app

    sys.modules["__main__"].__package__ = "volguard.cli"  # messages name the command as `-m` starts it
    sys.argv = [app.__file__, *request["words"]]


def _run() -> int:
    from volguard.cli.app import main

    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _leave(code: int) -> None:
    # As the interpreter ends, but for taking apart what was imported and never used.
    for thread in threading.enumerate():
        if thread is not threading.main_thread() and not thread.daemon:
            thread.join()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    _import_all()
    gc.collect()
    gc.freeze()  # what is shared stays shared
    _become(_accept(sys.argv[1]))
    _leave(_run())
