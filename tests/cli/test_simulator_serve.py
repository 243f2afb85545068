"""`volguard simulator serve`: what it says, how it is stopped, and what it refuses."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.cli.command import CHAIN, Done, finish, make_root, needs_real_day, start, volguard
from tests.simulator.upstox_server.serving import PATIENCE_S, serving_process
from volguard.adapters.upstox.rehearsal import API_KEY, API_SECRET


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root folder with the shipped configuration."""
    return make_root(tmp_path_factory.mktemp("serve"))


def wait_for(found: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_it_says_where_it_is_and_what_to_type_next(root: Path) -> None:
    """One JSON document: addresses, the market, a key that opens nothing, the commands of a morning."""
    with serving_process("--speed", "10", "--fault", "late_fill", root=root) as served:
        document = served.document
        assert document["schema"] == "volguard.simulator_serve/1"
        assert (document["api_key"], document["api_secret"]) == (API_KEY, API_SECRET)
        assert (document["trading_date"], document["underlying"]) == ("2026-09-16", "NIFTY")
        assert document["starts_at"] == "2026-09-16T09:14:00+05:30"
        assert (document["speed"], document["faults"]) == (10.0, ["late_fill"])
        names = [command.split()[1] for command in document["commands"]]
        assert names == ["token", "data", "data", "validate", "run"]
        assert all(f"--base-url {served.base_url}" in command for command in document["commands"])
        clock = httpx.get(f"{served.base_url}/lookalike/clock", trust_env=False).json()
        assert clock["now"] > "2026-09-16T09:14:0" and clock["speed"] == 10.0
        assert served.stop() == 0
        assert "Nifty 50" in served.said and served.said.endswith("stopped\n")


def test_sigterm_stops_it_as_cleanly(root: Path) -> None:
    """A service manager's stop ends it with 0 and without a traceback."""
    with serving_process(root=root) as served:
        assert served.stop(signal.SIGTERM) == 0
        assert "Traceback" not in served.said


def test_until_close_ends_with_the_session(root: Path) -> None:
    """Started shortly before the close it stops by itself, having told that the market closed."""
    words = ("--start", "15:39:30", "--cadence", "60", "--speed", "10", "--until-close")
    with serving_process(*words, root=root) as served:
        assert served.process.wait(PATIENCE_S) == 0
        assert served.said.endswith("stopped\n")


def test_after_the_close_it_goes_on(root: Path) -> None:
    """Without that option a closed market is served on: books and positions can still be read."""
    with serving_process("--start", "15:39:50", "--cadence", "60", "--speed", "20", root=root) as served:
        wait_for(lambda: "closing start" in served.said)
        assert served.process.poll() is None
        assert served.stop() == 0


def test_in_words_it_shows_commands_to_copy(root: Path) -> None:
    """Without --json the same is said in words on stdout, the running account on stderr."""
    process = start("simulator", "serve", "--port", "0", "--until-close", "--start", "15:40", root=root)
    done = finish(process)
    assert done.code == 0, done.err
    assert "look-alike of the broker at http://127.0.0.1:" in done.out
    assert "  volguard token --open --base-url http://127.0.0.1:" in done.out
    assert f"VOLGUARD_UPSTOX_API_SECRET={API_SECRET}" in done.out
    assert "they open nothing elsewhere" in done.out
    assert "stopped" in done.err


@needs_real_day
def test_a_recorded_day_is_served(root: Path) -> None:
    """A replayed file gives date and market; its index key is quoted over HTTP."""
    with serving_process("--replay", str(CHAIN), "--start", "09:20", root=root) as served:
        assert served.document["trading_date"] == "2025-08-29"
        status = httpx.get(f"{served.base_url}/v2/market/timings/2025-08-29", trust_env=False)
        assert status.json()["data"]
        assert served.stop() == 0


def refused(root: Path, *words: str) -> Done:
    done = volguard("simulator", "serve", *words, root=root)
    assert done.code == 2, done.err
    assert done.out == ""
    return done


def test_a_taken_port_is_refused(root: Path) -> None:
    """A port that something else listens on ends with 2 and says which option helps."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = refused(root, "--port", str(port))
    assert f"port {port} of 127.0.0.1 cannot be listened on" in done.err
    assert "--port" in done.err.partition("hint")[2]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--fault", "earthquake"), "no such fault"),
        (("--start", "noon"), "--start was noon"),
        (("--start", "9"), "--start was 9"),
        (("--speed", "0"), "--speed was 0"),
        (("--speed", "nan"), "--speed was nan"),
        (("--capital", "much"), "--capital was much"),
        (("--capital", "-5"), "--capital was -5"),
        (("--replay", "day.parquet", "--seed", "3"), "belong to the simulator"),
        (("--date", "2026-10-02"), "holiday"),
        (("--cadence", "0"), "cadence_s was 0"),
    ],
)
def test_what_makes_no_look_alike_is_refused(root: Path, words: tuple[str, ...], said: str) -> None:
    """Exit 2 with a message that names the option and the value seen."""
    assert said in refused(root, "--port", "0", *words).err
