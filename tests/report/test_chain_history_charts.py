"""Charts and words of a chain's history: days side by side, holes as breaks, bands only where known."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from volguard.report.chain_history_charts import history_page, history_png
from volguard.report.chain_history_tables import history_lines, history_table

PNG_HEAD = b"\x89PNG\r\n\x1a\n"
OPEN = datetime.fromisoformat("2025-08-29T09:30:00+05:30")
KNOWN = {
    "value": 0.0042,
    "observations": 25,
    "percentile": 28.0,
    "missing": None,
    "band": {"p10": 0.001, "p50": 0.002, "p90": 0.003},
}
FEW = {
    "value": 0.0042,
    "observations": 3,
    "percentile": None,
    "missing": "3 observations, needs 20",
    "band": None,
}


def row(ts: datetime, step: int, expiry: str = "2025-09-02", **changes: Any) -> dict[str, Any]:
    return {
        "ts": ts.isoformat(),
        "expiry": expiry,
        "days": 4.0,
        "forward": 24_500.0 + step,
        "atm_iv": 0.09 + 0.001 * step,
        "risk_reversal": 0.005,
        "butterfly": 0.002,
        "straddle": 200.0 - step,
        "expected_move": 0.008,
        "term_shape": "CONTANGO",
        "term_slope_per_30_days": 0.01,
        "vix": 12.0,
        "missing": [],
    } | changes


def document(rows: list[dict[str, Any]], standing: dict[str, Any] = KNOWN) -> dict[str, Any]:
    days = sorted({one["ts"][:10] for one in rows})
    return {
        "schema": "volguard.chain-history/1",
        "underlying": "NIFTY",
        "every_min": 15,
        "days": [{"date": day, "file": f"{day}.parquet"} for day in days],
        "expiries": sorted({one["expiry"] for one in rows}),
        "percentile_of": "share of the earlier values shown here that lie below the last one",
        "last": dict.fromkeys(("atm_iv", "risk_reversal", "butterfly"), standing),
        "rows": rows,
    }


def quarter_hours(*steps: int, day: int = 0, **changes: Any) -> list[dict[str, Any]]:
    return [row(OPEN + timedelta(days=day, minutes=15 * step), step, **changes) for step in steps]


def svgs(html: str) -> list[str]:
    return re.findall(r'<svg class="chart".*?</svg>', html, flags=re.DOTALL)


def strokes(svg: str, colour: str) -> list[int]:
    """How many strokes each line of that colour is drawn with; the legend's key has one."""
    found = re.findall(
        rf'd="(M[^"]*)"[^>]*style="fill: none; stroke: var\(--{colour}\); stroke-width: 1.5', svg
    )
    return sorted(path.count("M") for path in found)


def test_the_same_document_gives_the_same_bytes() -> None:
    doc = document(quarter_hours(*range(6)))
    picture = history_png(doc)
    assert picture.startswith(PNG_HEAD) and picture == history_png(doc)
    assert history_page(doc) == history_page(doc)


def test_a_page_holds_volatility_both_skews_and_the_straddle() -> None:
    level, reversal, butterfly, straddle = svgs(history_page(document(quarter_hours(*range(6)))))
    assert "ATM IV" in level and "VIX, model-free, 30 days" in level
    assert "25-delta risk reversal" in reversal and "25-delta butterfly" in butterfly
    assert "straddle at the forward" in straddle
    assert ">10:00<" in level and ">10:30<" in level  # a day alone has a clock


def test_the_band_is_drawn_where_it_is_known_and_else_its_absence_is_said() -> None:
    _, known, *_ = svgs(history_page(document(quarter_hours(*range(6)))))
    _, few, *_ = svgs(history_page(document(quarter_hours(*range(6)), FEW)))
    assert "10 to 90 % of the 25 earlier values" in known and "their median" in known
    assert "no percentile band: 3 earlier values" in few and "their median" not in few


@pytest.mark.parametrize(("steps", "pieces"), [((0, 1, 2, 3), 1), ((0, 1, 3, 4), 1), ((0, 1, 4, 5), 2)])
def test_a_line_breaks_where_nothing_was_recorded(steps: tuple[int, ...], pieces: int) -> None:
    """One missing row is bridged, a longer hole is not."""
    *_, straddle = svgs(history_page(document(quarter_hours(*steps))))
    assert strokes(straddle, "ink") == sorted([1, pieces])


def test_days_stand_side_by_side_apart_from_one_another() -> None:
    rows = quarter_hours(0, 1, 2) + quarter_hours(0, 1, 2, day=3)
    html = history_page(document(rows))
    *_, straddle = svgs(html)
    assert strokes(straddle, "ink") == [1, 2]
    assert ">29 Aug 2025<" in straddle and ">01 Sep 2025<" in straddle and ">10:00<" not in straddle
    assert "2025-08-29 to 2025-09-01, 2 days" in html


def test_many_days_do_not_crowd_their_names() -> None:
    rows = [one for day in range(30) for one in quarter_hours(0, 1, day=day)]
    *_, straddle = svgs(history_page(document(rows)))
    assert 8 <= len(re.findall(r">\d\d \w{3} 2025<", straddle)) <= 12


def test_what_is_never_known_is_said_and_one_row_still_draws() -> None:
    absent = dict.fromkeys(("risk_reversal", "butterfly"))
    html = history_page(document(quarter_hours(0, 1, 2, **absent)))
    assert html.count("not known at any time") == 2
    assert history_png(document(quarter_hours(0))).startswith(PNG_HEAD)


def test_words_tell_where_the_last_values_stand_and_of_what() -> None:
    lines = history_lines(document(quarter_hours(*range(6))))
    assert lines[0] == "ATM IV, last 0.42 %: percentile 28 of 25 earlier values"
    assert lines[-1] == "percentile: share of the earlier values shown here that lie below the last one"
    few = history_lines(document(quarter_hours(*range(6)), FEW))
    assert few[1] == (
        "25-delta risk reversal, last 0.42 %: percentile not available: 3 observations, needs 20"
    )


def test_a_change_of_expiry_is_said() -> None:
    rows = quarter_hours(0, 1) + quarter_hours(0, 1, day=5, expiry="2025-09-09")
    assert history_lines(document(rows))[-1] == (
        "expiries 2025-09-02, 2025-09-09 stand in one series: their days to expiry differ"
    )
    assert "the nearest of 2 expiries" in history_page(document(rows))


def test_the_table_has_a_row_per_time_and_a_dash_for_what_is_absent() -> None:
    rows = [*quarter_hours(0), *quarter_hours(1, vix=None, straddle=None, expected_move=None)]
    console = Console(width=120)
    with console.capture() as shown:
        console.print(history_table(document(rows)))
    lines = [line.rstrip() for line in shown.get().splitlines()]
    first, second = (next(line for line in lines if clock in line) for clock in (" 09:30 ", " 09:45 "))
    assert " ".join(first.split()) == (
        "2025-08-29 09:30 2025-09-02 24,500.0 9.00 % 0.50 % 0.20 % 200.0 0.80 % 1.00 % 12.00"
    )
    assert second.split()[-1] == "-" and max(map(len, lines)) <= 120
