"""`volguard data` against the look-alike over real sockets: fetch, show, record, be killed, go on, replay."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

from tests.cli.command import Done, command, environment, finish, make_root, start, volguard
from volguard.adapters.upstox.rehearsal import API_KEY

WAIT_S = 90.0
REDIRECT = "http://127.0.0.1:5055/callback"
RECORDING = Path("data", "rehearsal", "recordings", "NIFTY-2026-09-16.parquet")


@dataclass(frozen=True, kw_only=True)
class Broker:
    """A look-alike that is being served, and the root folder of its client."""

    url: str
    root: Path

    def run(self, *words: str, stdin: str | None = None) -> Done:
        """Run a command against it to its end."""
        if stdin is None:
            return volguard(*words, "--base-url", self.url, root=self.root)
        done = subprocess.run(
            command(*words, "--base-url", self.url, root=self.root),
            input=stdin,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=WAIT_S,
        )
        return Done(code=done.returncode, out=done.stdout, err=done.stderr)

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a command against it."""
        return start(*words, "--base-url", self.url, root=self.root)

    def log_in(self) -> None:
        """As the operator does in the browser, then with the code of the redirect."""
        query = {"response_type": "code", "client_id": API_KEY, "redirect_uri": REDIRECT, "approve": "auto"}
        answer = httpx.get(f"{self.url}/v2/login/authorization/dialog", params=query, trust_env=False)
        done = self.run("token", "--code", "-", stdin=answer.headers["location"])
        assert done.code == 0, done.err


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """A market of thirty seconds a second, a minute before its open."""
    root = make_root(tmp_path)
    serving = start("simulator", "serve", "--port", "0", "--speed", "30", "--json", root=root)
    try:
        assert serving.stdout is not None
        lines: list[str] = []
        while (line := serving.stdout.readline()) and line != "}\n":
            lines.append(line)
        yield Broker(url=json.loads("".join([*lines, "}"]))["base_url"], root=root)
    finally:
        serving.send_signal(signal.SIGTERM)
        finish(serving)


def waited_for(is_so: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + WAIT_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def parts(root: Path) -> int:
    """Parts of the recording that are finished."""
    return len(list((root / RECORDING).with_suffix("").glob("part-*.parquet")))


def test_a_morning_of_data_over_sockets(broker: Broker) -> None:
    """Instruments agree, history comes in whole, the chain needs a login; all of it lies apart."""
    instruments = broker.run("data", "instruments", "--json")
    assert (instruments.code, instruments.document["agrees"]) == (0, True), instruments.err
    assert instruments.document["absent"] == ["BANKNIFTY"]
    history = broker.run("data", "history", "--from", "2025-01-01", "--json")
    assert history.code == 0, history.err
    series = {one["instrument"]: one for one in history.document["series"]}
    assert series["NIFTY"]["bars"] == series["INDIA_VIX"]["bars"] > 400
    assert series["NIFTY"]["gaps"] == []
    again = broker.run("data", "history", "--from", "2025-01-01")
    assert (again.code, "NIFTY day" in again.out) == (0, True)
    refused = broker.run("data", "chain", "--json")
    assert (refused.code, refused.error["exit_code"]) == (4, 4)
    broker.log_in()
    chain = broker.run("data", "chain", "--json")
    assert chain.code == 0, chain.err
    assert chain.document["schema"] == "volguard.data_chain/1"
    assert len(chain.document["strikes"]) > 50
    listed = volguard("data", "list", "--rehearsal", "--verify", "--json", root=broker.root)
    assert {file["path"]: file["state"] for file in listed.document["files"]} == {
        "history/india_vix_daily.csv": "same",
        "history/nifty_daily.csv": "same",
        "instruments/NSE-2026-09-16.json.gz": "same",
    }
    assert not (broker.root / "data" / "history").exists()


def test_a_recording_is_killed_and_gone_on_with(broker: Broker) -> None:
    """Killed outright, gone on with, ended by Ctrl-C: one file, no moment twice, fit for a replay."""
    broker.log_in()
    record = ("data", "chain", "--record", "--json")
    killed = broker.start(*record)
    waited_for(lambda: parts(broker.root) >= 2)
    killed.kill()
    finish(killed)
    kept = parts(broker.root)
    assert kept >= 2 and not (broker.root / RECORDING).exists()
    interrupted = broker.start(*record)
    waited_for(lambda: parts(broker.root) > kept)
    interrupted.send_signal(signal.SIGINT)
    done = finish(interrupted)
    assert done.code == 130, done.err
    assert done.document["interrupted"] is True
    assert done.document["continued_after"] is not None
    file = done.document["file"]
    assert file["path"] == str(broker.root / RECORDING) and file["damaged_parts"] == []
    assert file["snapshots"] > done.document["snapshots_taken"]
    assert parts(broker.root) == 0
    _check_recording(broker.root / RECORDING, file)
    late = broker.run(*record, "--until", "09:16")
    assert (late.code, late.out) == (2, "")
    assert "--until was 09:16, it is" in late.error["error"]


def _check_recording(path: Path, file: dict[str, Any]) -> None:
    frame = pd.read_parquet(path)
    key = ["ts", "expiry", "strike", "option_type"]
    assert not frame.duplicated(key).any()
    assert frame["ts"].is_monotonic_increasing
    assert (frame["ts"].nunique(), len(frame)) == (file["snapshots"], file["rows"])
    # A level that is too old is not given: on a slow machine that may be now and then.
    assert (frame[["vix", "underlying_ltp"]].notna().mean() > 0.5).all()
    inspected = volguard("data", "inspect", str(path), "--json")
    assert (inspected.document["problems"], inspected.document["quantity_unit"]) == ([], "units")
    shown = volguard("chain", "show", "--replay", str(path), "--json")
    assert shown.code == 0, shown.err
    assert shown.document["underlying"] == "NIFTY"
