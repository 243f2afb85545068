"""A proposal calls the operator: bell, his own command, and how fast it reached the screen."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.command import make_root
from tests.scenario.approval_desk import Operator

CTRL_C = "\x03"
Sit = Callable[..., Operator]


@pytest.fixture
def sit(tmp_path: Path) -> Iterator[Sit]:
    """Sit down before a session of one's own."""
    at: list[Operator] = []

    def start(*words: str) -> Operator:
        at.append(Operator(make_root(tmp_path), *words))
        return at[-1]

    yield start
    for operator in at:
        operator.leave()


def test_the_operators_command_is_told_of_each_proposal_and_the_report_how_fast_it_was(
    sit: Sit, tmp_path: Path
) -> None:
    """Its text names the proposal; the session goes on beside it, however long it takes."""
    told = tmp_path / "told"
    operator = sit("--set", f'alerts.command=["/bin/sh", "-c", "cat >> {told}; sleep 20"]')
    shown = operator.read_card("P001")
    assert "broker's own not asked (paper)" in shown
    assert "advisor not available (no advisor is configured)" in shown
    operator.wait(lambda: told.exists() and "\n" in told.read_text(), "the page")
    page = told.read_text().splitlines()[0]
    assert re.fullmatch(r"volguard \d\d:\d\d:\d\d P001 \w+ \w+: approve, fewer lots, reject\?", page)
    looks = len(operator.rows("MarketSeen"))
    operator.wait(lambda: len(operator.rows("MarketSeen")) > looks, "another look while the page runs")
    operator.press("d")
    operator.until("detail, page 1")
    operator.until("regime:")
    operator.press(CTRL_C)
    assert operator.ended() == 130
    summary = operator.seen.decode(errors="replace")
    found = re.search(r"look to card: median ([\d.]+) ms, worst ([\d.]+) ms, (\d+) proposals", summary)
    assert found is not None
    median, worst, count = (float(each) for each in found.groups())
    assert 0.0 < median <= worst < 3000.0 and count == 1


def test_a_command_that_fails_is_told_on_the_screen(sit: Sit) -> None:
    """The proposal waits all the same."""
    operator = sit("--set", 'alerts.command=["/bin/false"]')
    operator.read_card("P001")
    operator.until("the alert command failed: /bin/false ended with 1")
    operator.until("> a approve")
    operator.press(CTRL_C)
    assert operator.ended() == 130
