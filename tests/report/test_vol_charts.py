"""Charts of volatility: figures of the document and its past, the same bytes twice, reasons where empty."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tests.chains import MONTHLY, NOW, WEEKLY, flat_vol_snapshot, make_listing, view_of
from tests.fakes import shipped
from tests.volatility.real_data import DATA, real_file
from volguard.model.market import DailyBar
from volguard.operations.vol_replay import replay_document
from volguard.operations.vol_series import SPREAD_SESSIONS, vol_past
from volguard.operations.vol_view import DailyHistory, history_before, vol_document
from volguard.report.chart_axes import LABEL_GAP
from volguard.report.drawing import light
from volguard.report.vol_charts import VolPast, vol_html, vol_panels, vol_png

PNG_HEAD = b"\x89PNG\r\n\x1a\n"
DAY_KEYS = ["regimes", "lanes", "cone", "forecasts", "spread", "rank"]
NEXT_MONTHLY = date(2025, 10, 28)


@lru_cache(maxsize=1)
def real() -> tuple[dict[str, Any], VolPast]:
    real_file("nifty_daily.csv.gz")
    history = history_before(DATA, shipped(), NOW.date())
    listing = make_listing(
        {
            WEEKLY: range(24_000, 25_601, 50),
            MONTHLY: range(22_000, 28_001, 50),
            NEXT_MONTHLY: range(20_000, 31_001, 100),
        }
    )
    view = view_of(flat_vol_snapshot(listing=listing))
    return replay_document(view, history, shipped()), vol_past(history, shipped())


@lru_cache(maxsize=1)
def bare() -> tuple[dict[str, Any], VolPast]:
    first = date(2025, 1, 1).toordinal()
    bars = tuple(
        DailyBar(day=date.fromordinal(first + i), open=None, high=None, low=None, close=100.0 + i % 2)
        for i in range(80)
    )
    history = DailyHistory(origin="test", name="NIFTY", index=bars, vix=())
    return vol_document(history, shipped()), vol_past(history, shipped())


def drawn(key: str, document: dict[str, Any], past: VolPast) -> Axes:
    axes = Figure(figsize=(7.0, 3.5)).subplots()
    (panel,) = [panel for panel in vol_panels(document, past) if panel.key == key]
    panel.draw(axes, light)
    return axes


def line(axes: Axes, label: str) -> Any:
    (found,) = [one for one in axes.lines if one.get_label() == label]
    return found


def test_the_same_document_gives_the_same_bytes() -> None:
    for draw in (vol_png, vol_html):
        assert draw(*real()) == draw(*real())
    assert vol_png(*real()).startswith(PNG_HEAD)


def test_a_chain_adds_its_charts_and_only_a_chain() -> None:
    document, past = real()
    assert [panel.key for panel in vol_panels(document, past)] == [*DAY_KEYS, "term", "premium"]
    assert [panel.key for panel in vol_panels(document | {"chain": None}, past)] == DAY_KEYS


def test_the_regime_bands_cover_every_session_of_all_years() -> None:
    document, past = real()
    assert (past.regimes[0].day.year, past.regimes[-1].day.year) == (2012, 2025)
    axes = drawn("regimes", document, past)
    vix = axes.lines[0]
    assert vix.get_ydata() == pytest.approx([bar.close for bar in past.vix])
    legend = axes.get_legend()
    assert legend is not None
    named = {text.get_text() for text in legend.get_texts()}
    assert named == {day.regime.value for day in past.regimes if day.regime is not None}
    # Bands do not overlap: together they are as long as the sessions that have a regime.
    with_regime = [i for i, day in enumerate(past.regimes) if day.regime is not None]
    days = [day.day.toordinal() for day in past.regimes]
    days.append(days[-1] + 1)
    assert sum(patch.get_width() for patch in axes.patches) == sum(days[i + 1] - days[i] for i in with_regime)


def test_the_shares_of_the_regimes_add_up() -> None:
    axes = drawn("lanes", *real())
    shares = [float(text.get_text().removesuffix(" %")) for text in axes.texts]
    assert len(shares) == len(axes.get_yticklabels()) and sum(shares) == pytest.approx(100.0, abs=4.0)


def test_the_odds_of_each_regime_add_up_in_the_page() -> None:
    page = vol_html(*real())
    table = page[page.index("Regime one session later") :]
    rows = re.findall(r"<tr>(<td.*?)</tr>", table[: table.index("</table>")])
    told = [re.findall(r">([0-9.]+) %<", row) for row in rows]
    assert len(rows) >= 5 and all(sum(map(float, odds)) == pytest.approx(100.0, abs=0.5) for odds in told)


def test_the_cone_shows_todays_figure_among_its_quantiles() -> None:
    document, past = real()
    axes = drawn("cone", document, past)
    now = line(axes, "now, with its percentile").get_ydata()
    assert now == pytest.approx([100.0 * row["latest"] for row in document["cone"]])
    assert [text.get_text() for text in axes.texts] == [
        *("lowest", "10 %", "25 %", "median", "75 %", "90 %", "highest")
    ]


def test_forecasts_stand_beside_what_is_implied_at_the_same_sessions() -> None:
    document, past = real()
    axes = drawn("forecasts", document, past)
    rows = document["chain"]["expiries"]
    implied = line(axes, "implied: listed expiries")
    assert implied.get_xdata() == pytest.approx([row["sessions"] for row in rows])
    assert implied.get_ydata() == pytest.approx([100.0 * row["implied"] for row in rows])
    median = line(axes, "median: the forecast").get_ydata()
    assert median == pytest.approx([100.0 * row["median"] for row in document["forecasts"]])
    vix = line(axes, "implied: India VIX").get_ydata()
    assert vix == pytest.approx([100.0 * document["premium"]["implied"]])


def test_the_spread_is_drawn_with_the_thresholds_of_the_settings() -> None:
    document, past = real()
    assert len(past.spreads) == SPREAD_SESSIONS
    limits = replace(past.thresholds, full_spread_min=0.031)
    axes = drawn("spread", document, replace(past, thresholds=limits))
    levels = [one.get_ydata()[0] for one in axes.lines if len(one.get_xdata()) == 2]
    assert levels == pytest.approx([3.1, 0.5, -0.5])
    assert [text.get_text() for text in axes.texts] == [
        *("AVOID below −0.5", "SELL_REDUCED from 0.5", "SELL_FULL from 3.1")
    ]
    places = [text.get_position()[1] for text in axes.texts]
    assert np.all(np.diff(places) >= LABEL_GAP - 1e-9)


def test_the_premium_names_the_spread_of_each_expiry() -> None:
    document, past = real()
    axes = drawn("premium", document, past)
    rows = document["chain"]["expiries"]
    assert line(axes, "implied").get_ydata() == pytest.approx([100.0 * row["implied"] for row in rows])
    said = [float(text.get_text().replace("−", "-")) for text in axes.texts]
    assert said == pytest.approx([100.0 * row["spread"] for row in rows], abs=0.051)


def test_without_india_vix_and_fits_the_charts_say_why_they_are_empty() -> None:
    document, past = bare()
    assert (past.vix, past.regimes, past.spreads) == ((), (), ())
    assert vol_png(document, past).startswith(PNG_HEAD)
    page = vol_html(document, past)
    for said in (
        "no session has both an index and an India VIX bar",
        "no model gave a forecast: 79 sessions, needs 400",
        "no session has both an India VIX and a forecast",
        "India VIX is not there, NIFTY ends on 2025-03-21",
        "No session has a regime",
    ):
        assert said in page


def test_a_chain_without_a_premium_says_why() -> None:
    document, past = real()
    dead = [
        row | {"atm_iv": None, "implied": None, "spread": None, "missing": "no forward: quotes do not pin it"}
        for row in document["chain"]["expiries"]
    ]
    document = document | {"chain": document["chain"] | {"expiries": dead}}
    page = vol_html(document, past)
    assert "no forward: quotes do not pin it" in page
    assert "no expiry has an at-the-money volatility" in page
