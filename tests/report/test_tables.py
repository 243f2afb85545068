"""Tables for the command line: readable at 80 columns, nothing absent shown as a number."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from typing import Any

from rich.console import Console, RenderableType

from tests.report.conftest import at, refused, wait
from tests.report.refusals import carried
from volguard.report.day import DayInputs, build_day
from volguard.report.day_json import document
from volguard.report.refused import RefusedDay, held_together
from volguard.report.tables import chain_table, decision_lines, session_summary


def printed(what: RenderableType) -> str:
    console = Console(width=80, file=StringIO(), record=True, color_system=None)
    console.print(what)
    return console.export_text()


def option(**changes: Any) -> dict[str, Any]:
    return {"iv": 0.0912, "delta": 0.5214, "bid": 101.2, "ask": 101.9, **changes}


def test_the_ladder_has_quotes_beside_the_strike() -> None:
    """Volatility in percent, the strike nearest the forward marked, an absent figure a dash."""
    text = printed(
        chain_table(
            {
                "underlying": "NIFTY", "expiry": "2025-09-02", "forward": 24431.2, "atm_iv": 0.0931,
                "straddle": None,
                "strikes": [
                    {"strike": 24400, "call": option(), "put": option(iv=None, delta=-0.4786, bid=None)},
                    {"strike": 24500, "call": None, "put": option()},
                ],
            }
        )
    )  # fmt: skip
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert lines[0] == "NIFTY 2025-09-02 forward 24,431.20 ATM IV 9.31 % straddle n/a"
    assert lines[2] == "9.12 % +0.521 101.20 101.90 >24400< - 101.90 \u22120.479 -"
    assert lines[3] == "- - - - 24500 101.20 101.90 +0.521 9.12 %"


def test_the_ladder_without_a_forward_marks_no_strike() -> None:
    """No forward, no at-the-money strike."""
    bare = {"underlying": "NIFTY", "expiry": "2025-09-02", "forward": None, "atm_iv": None, "straddle": None}
    strikes = [{"strike": 24400, "call": option(), "put": option()}]
    assert ">" not in printed(chain_table({**bare, "strikes": strikes}))


def test_the_summary_tells_result_reasons_and_journal(make_day: Callable[..., DayInputs]) -> None:
    """One screen: net and its parts, why nothing more was traded, quality and holes, halt, journal."""
    refused_day = RefusedDay(structures=held_together((carried(),)))
    halted = "hard stop: loss was 61200, limit 60000"
    doc = document(build_day(make_day(marks={}, halted_reason=halted, refused=refused_day)))
    text = " ".join(printed(session_summary(doc)).split())
    for words in (
        "HALTED hard stop: loss was 61200", "net P&L n/a INR", "no mark NIFTY 2025-09-02 24200 PE",
        "trades 1, 1 open; 4 orders, 4 fills",
        "slippage 0.00 INR against the mids at arrival, filled in 1.5 s (median)",
        "refused refusing saved 666.81 INR: 1 of 1 structures held on paper (cost_test 1)",
        "no_forecast_edge 43, outside_entry_window 12, risk_review 4",
        "quality 0.83 (lowest 0.35), 1 without data, 19 min", "journal/replay-2025-08-29-1.db, 1234 rows",
    ):  # fmt: skip
        assert words in text


def test_decisions_are_lines_as_on_the_screen() -> None:
    """Time, action, bucket, reason, then the figures."""
    first, second = decision_lines([wait(at(10, 0)), refused(at(10, 1))])
    assert first.startswith("10:00:00 WAIT WEEKLY no_forecast_edge: weekly ATM IV 9.31 %")
    assert second.startswith("10:01:00 REFUSED MONTHLY risk_review: data quality was 0.41, limit 0.50")
