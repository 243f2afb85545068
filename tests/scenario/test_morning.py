"""A whole morning over real sockets, as the operator types it: serve, log in, fetch, validate, run, stop.

And the mornings that go wrong: the token dies while the session runs, and a new one is pushed.
"""

from __future__ import annotations

import json
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT
from typing import Any

import httpx

from tests.cli.command import PROJECT, Done, command, environment, finish, make_root, rows_of, volguard
from volguard.adapters.upstox.rehearsal import API_SECRET

PATIENCE_S = 120.0


@dataclass
class Morning:
    """A look-alike that is being served, and a root that knows its address."""

    root: Path
    url: str
    redirect: str

    def do(self, *words: str) -> Done:
        """One command against the look-alike, to its end."""
        return volguard(*words, *self.where, root=self.root)

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """One command that goes on."""
        return subprocess.Popen(
            command(*words, *self.where, root=self.root),
            cwd=PROJECT,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def where(self) -> tuple[str, ...]:
        """Options that every command takes."""
        return "--base-url", self.url, "--set", self.redirect

    def log_in(self) -> Done:
        """The ritual: the browser presses the button, the redirect comes back to the terminal."""
        process = self.begin("token")
        assert process.stderr is not None
        address = next(line.strip() for line in process.stderr if "/login/authorization/dialog?" in line)
        with httpx.Client(trust_env=False, follow_redirects=True) as browser:
            assert browser.get(address).status_code == 200  # the page with the button
            browser.post(address)
        return finish(process)

    @property
    def journal(self) -> Path | None:
        """The session's journal, once there is one."""
        return next(iter(sorted((self.root / "journal").glob("upstox-*.db"))), None)

    def seen(
        self, session: subprocess.Popen[str], is_there: Callable[[list[Any]], bool], *kinds: str
    ) -> bool:
        """Wait until the session's journal has rows of these kinds that are as wanted."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and session.poll() is None:
            if (rows := self.rows(*kinds)) is not None and is_there(rows):
                return True
            time.sleep(0.2)
        return False

    def rows(self, *kinds: str) -> list[Any] | None:
        """Bodies of the journal's rows of these kinds; None while it is being made."""
        if self.journal is None:
            return None
        try:
            return [body for _, _, body in rows_of(self.journal, *kinds)]
        except sqlite3.OperationalError:
            return None


@contextmanager
def served(root: Path, *words: str) -> Iterator[Morning]:
    """A look-alike as a process of its own, from just before the open."""
    redirect = f'upstox.redirect_uri="http://127.0.0.1:{free_port()}/callback"'
    process = subprocess.Popen(
        command("simulator", "serve", "--port", "0", "--json", "--set", redirect, *words, root=root),
        cwd=PROJECT,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with ExitStack() as opened:
        opened.callback(process.wait)
        opened.callback(process.kill)
        assert process.stdout is not None
        opened.callback(process.stdout.close)
        document = json.loads("".join(iter(process.stdout.readline, "}\n")) + "}")
        yield Morning(root=root, url=document["base_url"], redirect=redirect)


def free_port() -> int:
    """A port that nobody has now."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        return port


def stop(session: subprocess.Popen[str]) -> Done:
    """Ctrl-C."""
    session.send_signal(SIGINT)
    return finish(session)


def test_a_whole_morning_on_the_look_alike(tmp_path: Path) -> None:
    """From an empty root to decisions on live data and back out, with every command's exit code."""
    with served(make_root(tmp_path), "--start", "09:14:30", "--speed", "10") as morning:
        early = morning.do("token", "--status")
        assert early.code == 4 and "volguard token" in early.err
        unprepared = morning.do("run", "--phase", "SHADOW", "--broker", "upstox")
        assert unprepared.code == 4

        login = morning.log_in()
        assert login.code == 0, login.err
        assert "logged in as VG0001" in login.out + login.err
        (token_file,) = (morning.root / "data").glob(".token-*.json")
        assert token_file.stat().st_mode & 0o777 == 0o600

        assert morning.do("data", "instruments").code == 0
        fetched = morning.do("data", "history", "--from", "2024-09-16")
        assert fetched.code in (0, 3), fetched.err  # the made-up past has no bar for some days

        checked = morning.do("validate", "--live")
        assert "CONNECTIVITY VERIFIED" in checked.out, checked.out

        session = morning.begin("run", "--phase", "SHADOW", "--broker", "upstox", "--no-report")
        assert morning.seen(session, lambda rows: len(rows) >= 20, "DecisionMade"), finish(session).err
        running = volguard("status", "--json", root=morning.root).document
        assert running["source"].startswith("upstox look-alike")
        ended = stop(session)
        assert ended.code == 130, ended.err
        told = volguard("status", root=morning.root)
        assert told.code == 0 and "interrupted" in told.out
        journal = morning.journal
        assert journal is not None
        for proof in (("journal", "verify"), ("journal", "replay")):
            assert volguard(*proof, root=morning.root).code == 0
        kinds = {kind for _, kind, _ in rows_of(journal)}
        assert {"SessionStarted", "HistoryLoaded", "MarketSnapshot", "DecisionMade", "SessionEnded"} <= kinds
        secrets = (json.loads(token_file.read_text())["access_token"], API_SECRET)
        assert not any(secret.encode() in journal.read_bytes() for secret in secrets)

        again = morning.begin("run", "--phase", "SHADOW", "--broker", "upstox", "--no-report")
        assert morning.seen(again, lambda rows: len(rows) >= 1, "SessionResumed"), finish(again).err
        assert stop(again).code == 130
        assert len(list((morning.root / "journal").glob("upstox-*.db"))) == 1


def test_a_token_that_dies_in_mid_session_is_replaced(tmp_path: Path) -> None:
    """New risk stops, the session goes on, and a token that is pushed lets it come back."""
    with served(
        make_root(tmp_path), "--start", "10:00", "--speed", "30", "--fault", "token_death"
    ) as morning:
        assert morning.log_in().code == 0
        session = morning.begin("run", "--phase", "SHADOW", "--broker", "upstox", "--no-report")

        def has(*, is_up: bool) -> Callable[[list[Any]], bool]:
            return lambda rows: any(row["link"] == "TOKEN" and row["is_up"] is is_up for row in rows)

        assert morning.seen(session, has(is_up=False), "LinkChanged"), finish(session).err
        assert morning.seen(
            session, lambda rows: [row["trading_state"] for row in rows][-1:] == ["REDUCING"], "StateChanged"
        ), finish(session).err
        assert morning.log_in().code == 0
        pushed = morning.do("token", "--push")
        assert pushed.code == 0, pushed.err + finish(session).err
        assert morning.seen(session, has(is_up=True), "LinkChanged"), finish(session).err
        assert morning.seen(
            session, lambda rows: any("clean for" in row["reason"] for row in rows), "StateChanged"
        ), finish(session).err
        assert stop(session).code == 130
        assert volguard("journal", "replay", root=morning.root).code == 0
