"""A page never keeps a session waiting: the command runs beside it, and its failure is told, once."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from volguard.adapters.alerts import AlertSettings
from volguard.adapters.background_pager import BackgroundPager

PATIENCE_S = 10.0


@pytest.fixture
def made() -> Iterator[list[BackgroundPager]]:
    """Pagers that are closed after the test."""
    pagers: list[BackgroundPager] = []
    yield pagers
    for each in pagers:
        each.close()


def pager(made: list[BackgroundPager], *command: str, timeout_s: float = 10.0) -> BackgroundPager:
    made.append(BackgroundPager(AlertSettings(command=command, timeout_s=timeout_s)))
    return made[-1]


def appending(path: Path, *, wait_s: float = 0.0) -> tuple[str, ...]:
    code = f"import sys, time; time.sleep({wait_s}); open({str(path)!r}, 'a').write(sys.stdin.read())"
    return (sys.executable, "-c", code)


def until_told(page: BackgroundPager) -> str:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if told := page.failures():
            return told[0]
        time.sleep(0.01)
    raise AssertionError("no failure was told")


def until_written(path: Path, lines: int) -> list[str]:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if path.exists() and len(found := path.read_text().splitlines()) >= lines:
            return found
        time.sleep(0.01)
    raise AssertionError(f"{path} never had {lines} lines")


def test_a_page_returns_at_once_and_the_command_gets_every_text_in_order(
    made: list[BackgroundPager], tmp_path: Path
) -> None:
    """Two that come together run one after the other."""
    page = pager(made, *appending(tmp_path / "told", wait_s=0.3))
    began = time.monotonic()
    page.page("P001 waits")
    page.page("P002 waits")
    assert time.monotonic() - began < 0.2
    assert until_written(tmp_path / "told", 2) == ["P001 waits", "P002 waits"]
    page.page("P003 waits")
    assert until_written(tmp_path / "told", 3)[-1] == "P003 waits"
    assert page.failures() == ()


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (("/no/such/program",), "/no/such/program could not be run"),
        ((sys.executable, "-c", "raise SystemExit(3)"), "ended with 3"),
        ((sys.executable, "-c", "import time; time.sleep(30)"), "took longer than 0.5 s"),
    ],
)
def test_a_command_that_fails_is_told_once(
    made: list[BackgroundPager], command: tuple[str, ...], why: str
) -> None:
    page = pager(made, *command, timeout_s=0.5)
    page.page("P001 waits")
    told = until_told(page)
    assert told.startswith("the alert command failed: ") and why in told
    assert page.failures() == ()


def test_without_a_command_nothing_is_run(made: list[BackgroundPager]) -> None:
    page = pager(made)
    page.page("P001 waits")
    assert page.failures() == ()


def test_a_session_that_ends_does_not_wait_for_a_page(made: list[BackgroundPager], tmp_path: Path) -> None:
    """What runs is ended, what waits is dropped."""
    started = tmp_path / "started"
    code = f"import os, time; open({str(started)!r}, 'w').write(f'{{os.getpid()}}\\n'); time.sleep(30)"
    page = pager(made, sys.executable, "-c", code, timeout_s=60.0)
    page.page("P001 waits")
    page.page("P002 waits")
    child = int(until_written(started, 1)[0])
    began = time.monotonic()
    page.close()
    assert time.monotonic() - began < 3.0
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
    time.sleep(0.2)
    assert until_written(started, 1) == [str(child)]
