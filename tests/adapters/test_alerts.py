"""Paging the operator: said on the terminal, and handed to a command of their own that may fail."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from volguard.adapters.alerts import AlertSettings, Pager


def pager(*command: str, timeout_s: float = 10.0) -> tuple[Pager, list[str]]:
    said: list[str] = []
    return Pager(AlertSettings(command=command, timeout_s=timeout_s), said.append), said


def test_without_a_command_it_rings_and_says() -> None:
    """The bell is part of the line."""
    made, said = pager()
    assert made.page("not flat") == ""
    assert said == ["\aALERT: not flat"]


def test_a_command_gets_the_text_on_its_stdin(tmp_path: Path) -> None:
    """Never as an argument, which every user of the machine could see."""
    told = tmp_path / "told"
    code = f"import sys, pathlib; pathlib.Path({str(told)!r}).write_text(sys.stdin.read())"
    made, _ = pager(sys.executable, "-c", code)
    assert made.page("not flat") == ""
    assert told.read_text() == "not flat\n"


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (("/no/such/program",), "could not be run"),
        ((sys.executable, "-c", "raise SystemExit(3)"), "ended with 3"),
        ((sys.executable, "-c", "import time; time.sleep(30)"), "took longer"),
    ],
)
def test_a_command_that_fails_is_said_and_stops_nothing(command: tuple[str, ...], why: str) -> None:
    """Within its bounded time."""
    made, said = pager(*command, timeout_s=1.0)
    assert why in made.page("not flat")
    assert why in said[-1]


@pytest.mark.parametrize(("command", "timeout_s"), [((), 0.0), (("",), 1.0)])
def test_settings_out_of_range_are_refused(command: tuple[str, ...], timeout_s: float) -> None:
    """No time, or a command without a program."""
    with pytest.raises(ValueError):
        AlertSettings(command=command, timeout_s=timeout_s)
