"""A look-alike for tests: made, served by a thread of this process, or run as a process of its own."""

from __future__ import annotations

import json
import queue
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import Any, TypeVar

import httpx

from tests.cli.command import command, environment
from tests.fakes import ROOT, shipped, shipped_rules
from volguard.adapters.clock import SystemClock
from volguard.config import Root
from volguard.model.units import IST
from volguard.ports import MarketData
from volguard.simulator.upstox_server.clock import RunningClock, VirtualClock
from volguard.simulator.upstox_server.faults import FaultRule, Faults
from volguard.simulator.upstox_server.options import LookAlikeOptions
from volguard.simulator.upstox_server.serve import Address, Listeners, LookAlikeServer
from volguard.simulator.upstox_server.server import LookAlike
from volguard.wiring import SourceRequest, open_source

T = TypeVar("T")
KEY, SECRET = "key-of-a-test", "secret-of-a-test"
REDIRECT = "http://127.0.0.1:5055/callback"
PATIENCE_S = 60.0


def at(clock_time: str) -> datetime:
    """A time of the simulator's day."""
    return datetime.fromisoformat(f"2026-09-16T{clock_time}").replace(tzinfo=IST)


def running(clock_time: str, speed: float = 1.0) -> RunningClock:
    """A clock that is at a time of the day now, and goes on."""
    return RunningClock(at(clock_time), speed=speed, ticker=SystemClock(Event()))


def make_core(
    clock: VirtualClock | RunningClock,
    *rules: FaultRule,
    cadence_s: float = 3.0,
    market: MarketData | None = None,
    seed: int = 1,
    **options: Any,
) -> LookAlike:
    """A look-alike on a clock, of the simulator's day or another market, with an app and an account."""
    root = Root(path=ROOT, is_packaged=False, config_dir=ROOT / "config")
    asked = SourceRequest(seed=seed, cadence_s=cadence_s)
    source = open_source(asked, shipped(), root, shipped_rules())
    given = {"api_key": KEY, "api_secret": SECRET, "redirect_uris": (REDIRECT,), **options}
    return LookAlike(
        market=source.market if market is None else market,
        history=source.history,
        rules=shipped_rules(),
        clock=clock,
        options=LookAlikeOptions(**given),
        faults=Faults(rules, seed=1),
    )


@dataclass
class Served:
    """A look-alike that is being served; its core belongs to the server's thread, so `ask` it there."""

    address: Address
    core: LookAlike
    notes: list[str] = field(default_factory=list)
    stopping: Event = field(default_factory=Event)
    _questions: queue.SimpleQueue[Callable[[], None]] = field(default_factory=queue.SimpleQueue)

    def ask(self, question: Callable[[LookAlike], T]) -> T:
        """Do something with the core between two turns of its loop."""
        answer: Future[T] = Future()
        self._questions.put(lambda: answer.set_result(question(self.core)))
        return answer.result(PATIENCE_S)

    def answer(self) -> None:
        """What was asked since; in the server's thread."""
        while not self._questions.empty():
            self._questions.get()()

    def stop(self) -> None:
        """Ask the server to stop; the block's end waits for it."""
        self.stopping.set()

    def token(self) -> str:
        """A live token."""
        return self.ask(LookAlike.issue_token)

    def client(self) -> httpx.Client:
        """A client of its HTTP that bears a live token."""
        return httpx.Client(
            base_url=self.address.http, headers={"authorization": f"Bearer {self.token()}"}, trust_env=False
        )


@contextmanager
def serving(core: LookAlike) -> Iterator[Served]:
    """Serve a core in a thread, on free ports, and stop cleanly; an error of the server is raised here."""
    listeners = Listeners(0)
    served = Served(address=listeners.address, core=core)
    server = LookAlikeServer(core, listeners, served.notes.append)

    def should_stop() -> bool:
        served.answer()
        return served.stopping.is_set()

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="look-alike") as pool:
        running_server = pool.submit(server.run, should_stop)
        try:
            yield served
        finally:
            served.stop()
            try:
                running_server.result(PATIENCE_S)
            finally:
                listeners.close()


@dataclass
class ServedProcess:
    """`volguard simulator serve` as the operator runs it."""

    process: subprocess.Popen[str]
    document: Any
    stderr: Path

    @property
    def base_url(self) -> str:
        """What `--base-url` takes."""
        return str(self.document["base_url"])

    @property
    def said(self) -> str:
        """Its stderr so far."""
        return self.stderr.read_text()

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Ask it to stop; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)


@contextmanager
def serving_process(*words: str, root: Path) -> Iterator[ServedProcess]:
    """Run `volguard simulator serve --port 0 --json` until the block ends; it answers before the block."""
    with tempfile.TemporaryDirectory() as folder:
        stderr = Path(folder) / "stderr"
        with stderr.open("w") as sink:
            process = subprocess.Popen(
                command("simulator", "serve", "--port", "0", "--json", *words, root=root),
                cwd=ROOT,
                env=environment(),
                stdout=subprocess.PIPE,
                stderr=sink,
                text=True,
            )
        try:
            assert process.stdout is not None
            served = ServedProcess(process=process, document=_first_document(process, stderr), stderr=stderr)
            _wait_for_answer(served)
            yield served
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
            process.stdout.close()


def _first_document(process: subprocess.Popen[str], stderr: Path) -> Any:
    lines = []
    for line in process.stdout or ():
        lines.append(line)
        if line == "}\n":
            return json.loads("".join(lines))
    raise RuntimeError(f"no look-alike came up: {stderr.read_text()}")


def _wait_for_answer(served: ServedProcess) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            httpx.get(f"{served.base_url}/lookalike/clock", trust_env=False).raise_for_status()
            return
        except httpx.TransportError:
            time.sleep(0.05)
    raise TimeoutError(f"no look-alike answers at {served.base_url}")
