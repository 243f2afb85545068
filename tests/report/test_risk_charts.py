"""Table, chart and page of a book's risk."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

import pytest

from tests.chains import flat_vol_snapshot, put, view_of, with_cells
from tests.operations.portfolios import session, two_trades
from volguard.adapters.figure_text import amount_text, number_text
from volguard.model.decision import SafetyLevel
from volguard.operations.risk_view import risk_document
from volguard.report.risk_charts import risk_page, risk_png
from volguard.report.risk_tables import BAR_WIDTH, limit_bar, risk_table
from volguard.risk.stops import StopState
from volguard.volatility.outlook import NO_OUTLOOK

PNG_HEAD = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def held() -> dict[str, Any]:
    return risk_document(session(*two_trades()))


@pytest.fixture(scope="module")
def blind() -> dict[str, Any]:
    view = view_of(with_cells(flat_vol_snapshot(), put(24_500), ask=math.nan))
    return risk_document(session(*two_trades(), view=view, outlook=NO_OUTLOOK, pnl_net_inr=None))


def printed(found: dict[str, Any]) -> str:
    from rich.console import Console

    console = Console(width=120, highlight=False)
    with console.capture() as capture:
        console.print(risk_table(found))
    return capture.get()


@pytest.mark.parametrize(
    ("share", "filled"), [(0.0, 0), (0.5, 10), (0.99, 20), (1.0, 20), (7.0, 20)], ids=str
)
def test_a_bar_is_as_long_as_the_share_and_never_longer_than_the_limit(share: float, filled: int) -> None:
    bar = limit_bar(share)
    assert (bar.count("#"), len(bar)) == (filled, BAR_WIDTH)
    assert limit_bar(None) == ""


def test_the_table_tells_every_limit_trade_bucket_and_cell(held: dict[str, Any]) -> None:
    text = printed(held)
    for row in held["limits"]:
        line = next(line for line in text.splitlines() if line.startswith(row["name"]))
        decimals = 3 if row["unit"] == "share" else 0
        assert number_text(row["limit"], decimals) in line and number_text(row["value"], decimals) in line
        assert ("!" in line) is row["is_breached"]
    for one in (*held["stress"]["worst_cells"], *held["stress"]["scenarios"], *held["stress"]["near"]):
        assert one["name"] in text
    for row in held["buckets"]:
        assert amount_text(row["capital_used_inr"]) in text
    assert "T1 WEEKLY IRON_CONDOR 2 lots" in text and "T2 MONTHLY IRON_CONDOR 1 lot " in text
    assert held["flat_now"]["text"] in text and "without a short after" in text
    assert "order breaker CLOSED" in text and "soft stop not hit" in text
    assert "\u2026" not in text


def test_a_stop_that_was_hit_and_a_degraded_state_stand_out() -> None:
    found = risk_document(
        session(
            stops=StopState(soft=True),
            kill_switch=True,
            safety_level=SafetyLevel.DEGRADED,
            degraded_by=("feed_gap",),
        )
    )
    text = printed(found)
    assert "soft stop HIT" in text and "hard stop not hit" in text and "kill switch PRESENT" in text
    assert "DEGRADED (feed_gap)" in text
    assert "nothing is held" in text and "0 open trades" in text


def test_what_is_not_available_is_said_and_not_drawn_as_nothing(blind: dict[str, Any]) -> None:
    text, page = printed(blind), risk_page(blind)
    assert "margin: not available: there is no daily history" in text
    line = next(line for line in text.splitlines() if line.startswith("margin after 3 %"))
    assert "not available" in line and "#" not in line
    assert "flat now: infinite" in text
    assert "not available: there is no daily history" in page


def test_the_same_document_gives_the_same_picture_and_page(
    held: dict[str, Any], blind: dict[str, Any]
) -> None:
    empty = risk_document(session())
    for found in (held, blind, empty):
        picture, page = risk_png(found), risk_page(found)
        assert picture.startswith(PNG_HEAD) and picture == risk_png(found)
        assert page == risk_page(found) and page.count("<svg") == 2
        assert not re.search(r"#f000[01][0-9a-f]", page)


def test_a_limit_that_is_passed_is_marked() -> None:
    weekly, monthly = two_trades()
    found = risk_document(session(replace(weekly, reserved_inr=weekly.reserved_inr * 5), monthly))
    assert "open risk !" in printed(found)
    rows = {row["name"]: row for row in found["limits"]}
    assert rows["open risk"]["is_breached"] and rows["open risk"]["share_used"] > 1.0
    assert risk_png(found) != risk_png(risk_document(session(weekly, monthly)))
