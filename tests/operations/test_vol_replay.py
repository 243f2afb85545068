"""Volatility at a moment of a recorded day: each expiry against the forecast over the sessions left to it."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import date, datetime
from functools import lru_cache
from typing import Any

import numpy as np
import pytest

from tests.chains import (
    CAPABILITIES,
    MONTHLY,
    NOW,
    SIGMA,
    WEEKLY,
    flat_vol_snapshot,
    make_listing,
    shipped_rules,
    view_of,
    with_column,
)
from tests.fakes import shipped
from tests.volatility.real_data import DATA, real_file
from volguard.measure.market_view import MarketView
from volguard.model.errors import DataError, UsageError
from volguard.model.units import IST
from volguard.operations.vol_replay import replay_document
from volguard.operations.vol_series import spread_history
from volguard.operations.vol_view import DailyHistory, history_before
from volguard.volatility.iv_rv import iv_rv_signal
from volguard.volatility.models import fit_models, forecast_over
from volguard.volatility.premium import sessions_of_variance
from volguard.volatility.realized import ohlc_of

NEXT_MONTHLY = date(2025, 10, 28)
FAR = date(2026, 3, 30)
WIDE = make_listing(
    {
        WEEKLY: range(24_000, 25_601, 50),
        MONTHLY: range(22_000, 28_001, 50),
        NEXT_MONTHLY: range(20_000, 31_001, 100),
        FAR: range(20_000, 31_001, 100),
    }
)


@lru_cache(maxsize=1)
def real() -> DailyHistory:
    real_file("nifty_daily.csv.gz")
    return history_before(DATA, shipped(), NOW.date())


def flat_view(sigma: float = SIGMA, ts: datetime = NOW) -> MarketView:
    return view_of(flat_vol_snapshot(ts, sigma=sigma, listing=WIDE))


@lru_cache(maxsize=1)
def flat() -> dict[str, Any]:
    return replay_document(flat_view(), real(), shipped())


def rows(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["expiry"]: row for row in document["chain"]["expiries"]}


def test_only_sessions_before_the_recorded_day_are_seen() -> None:
    assert real().index[-1].day == real().vix[-1].day == date(2025, 9, 2)
    assert flat()["as_of"] == "2025-09-02" and flat()["chain"]["ts"].startswith("2025-09-03T11:00")


def test_implied_and_forecast_variance_are_quoted_over_the_same_sessions() -> None:
    view, fitted = flat_view(), fit_models(ohlc_of(real().index), shipped().models, sessions_max=22.0)
    assert [row["cycle"] for row in rows(flat()).values()] == ["weekly", "monthly", "monthly", "monthly"]
    for number, (expiry, row) in enumerate(rows(flat()).items()):
        sessions = sessions_of_variance(shipped_rules().calendar, NOW, view.frame.closes[number])
        assert row["sessions"] == pytest.approx(sessions)
        level = SIGMA * math.sqrt(float(view.years[number]) * 252.0 / sessions)
        assert row["implied"] == pytest.approx(level, rel=2e-3)
        assert row["spread"] == pytest.approx(row["implied"] - row["forecast"], abs=1e-8)
        assert row["ratio"] == pytest.approx(row["implied"] / row["forecast"], rel=1e-7)
        for name in ("implied", "forecast"):
            assert row[f"{name}_variance"] == pytest.approx(row[name] ** 2 * sessions / 252.0, rel=1e-7)
        if expiry == WEEKLY.isoformat():
            expected = forecast_over(fitted, sessions, math.ceil(sessions) - sessions)
            assert expected is not None
            assert row["forecast"] == pytest.approx(expected.volatility, rel=1e-8)


def test_the_signal_of_an_expiry_takes_z_and_fall_of_the_30_day_spread() -> None:
    month = flat()["chain"]["month"]
    assert month["implied"] == pytest.approx(SIGMA, abs=2e-3)
    assert month["implied_by"] == "model-free vix of the chain: the source has none"
    assert month["past_by"] == "vix_proxy"
    past = np.array([day.spread for day in spread_history(real(), shipped(), 252)])
    z = (month["spread"] - past.mean()) / past.std(ddof=1)
    assert month["z"] == pytest.approx(z, rel=1e-6)
    assert month["fall"] == pytest.approx(past[-3] - month["spread"], abs=1e-8)
    for row in rows(flat()).values():
        expected = iv_rv_signal(row["spread"], month["z"], month["fall"], shipped().iv_rv)
        assert row["signal"] == expected.value and row["z"] is None
    assert flat()["chain"]["z_missing"]


def test_a_dear_chain_is_sold_and_a_cheap_one_is_not() -> None:
    cheap = replay_document(flat_view(0.08), real(), shipped())
    assert {row["signal"] for row in rows(cheap).values()} == {"AVOID"}
    dear = replay_document(flat_view(0.30), real(), shipped())
    assert {row["signal"] for row in rows(dear).values()} == {"SELL_FULL"}
    assert dear["chain"]["month"]["percentile"] == 100.0


def test_term_structure_skew_and_vix_are_those_of_the_chain() -> None:
    chain = flat()["chain"]
    assert chain["term"]["shape"] == "FLAT"
    assert [point["iv"] for point in chain["term"]["points"]] == pytest.approx([SIGMA] * 4, abs=1e-3)
    assert [step["iv"] for step in chain["term"]["forwards"]] == pytest.approx([SIGMA] * 3, abs=2e-3)
    assert chain["skew"]["weekly"]["expiry"] == WEEKLY.isoformat()
    assert chain["skew"]["monthly"]["expiry"] == MONTHLY.isoformat()
    for one in chain["skew"].values():
        assert one["risk_reversal"] == pytest.approx(0.0, abs=2e-3) and one["missing"] == []
    assert chain["vix"]["value"] == pytest.approx(100.0 * SIGMA, abs=0.2)


def test_a_history_that_misses_the_session_before_forecasts_nothing() -> None:
    index = tuple(bar for bar in real().index if bar.day < date(2025, 9, 1))
    document = replay_document(flat_view(), replace(real(), index=index), shipped())
    said = "the history of NIFTY ends on 2025-08-29, the session before was 2025-09-02"
    for row in rows(document).values():
        assert (row["forecast"], row["spread"], row["signal"]) == (None, None, "ABSTAIN")
        assert row["missing"] == said and row["implied"] is not None
    assert document["chain"]["month"]["missing"] == said


def test_without_india_vix_there_is_a_spread_but_no_z_and_no_signal() -> None:
    document = replay_document(flat_view(), replace(real(), vix=()), shipped())
    month = document["chain"]["month"]
    assert (month["z"], month["fall"], month["percentile"]) == (None, None, None)
    assert month["spread"] is not None and "no India VIX" in month["missing"]
    for row in rows(document).values():
        assert row["spread"] is not None and row["signal"] == "ABSTAIN"


def test_an_india_vix_that_ends_early_is_no_past_of_todays_spread() -> None:
    document = replay_document(flat_view(), replace(real(), vix=real().vix[:-1]), shipped())
    assert document["chain"]["month"]["z"] is None
    assert "no India VIX up to the session before" in document["chain"]["month"]["missing"]


def test_an_expiry_beyond_the_reach_of_the_forecasts_says_how_far_they_go() -> None:
    document = replay_document(flat_view(), real(), shipped("models.fit_sessions=400"))
    far = rows(document)[FAR.isoformat()]
    assert far["implied"] is not None and far["forecast"] is None
    assert far["missing"] == f"{far['sessions']:.0f} sessions ahead, forecasts reach 100"
    assert rows(document)[MONTHLY.isoformat()]["missing"] is None


def test_at_the_close_of_its_day_an_expiry_has_no_session_left() -> None:
    after = datetime(2025, 9, 9, 15, 30, tzinfo=IST)
    history = history_before(DATA, shipped(), after.date())
    row = rows(replay_document(flat_view(ts=after), history, shipped()))[WEEKLY.isoformat()]
    assert row["sessions"] == 0.0 and row["spread"] is None and row["signal"] == "ABSTAIN"
    assert row["missing"]


def test_a_vix_that_the_source_should_give_is_not_replaced_by_the_chains() -> None:
    with_vix = replace(CAPABILITIES, vix=True)
    silent = view_of(flat_vol_snapshot(listing=WIDE), capabilities=with_vix)
    document = replay_document(silent, real(), shipped())
    month = document["chain"]["month"]
    assert (month["implied"], month["spread"], month["z"]) == (None, None, None)
    assert month["missing"] == "the source has a VIX, this snapshot has none"
    assert {row["signal"] for row in rows(document).values()} == {"ABSTAIN"}
    told = view_of(flat_vol_snapshot(listing=WIDE, vix=0.12), capabilities=with_vix)
    month = replay_document(told, real(), shipped())["chain"]["month"]
    assert (month["implied"], month["implied_by"]) == (0.12, "vix of the source")


def test_events_are_those_that_a_trade_on_the_day_of_the_chain_faces() -> None:
    early = replace(real(), index=real().index[:-15], vix=real().vix[:-15])
    document = replay_document(flat_view(), early, shipped())
    assert document["as_of"] < "2025-08-20"
    assert document["events"]["first"] == "2025-09-03"
    assert document["events"] == flat()["events"]


def test_an_expiry_without_a_forecast_says_what_kept_the_models_out_and_alike_ones_say_the_same() -> None:
    short = replace(real(), index=real().index[-100:], vix=real().vix[-100:])
    document = replay_document(flat_view(), short, shipped())
    (reason,) = {row["missing"] for row in rows(document).values()}
    assert reason.startswith("no model gave a forecast: ") and "99 sessions" in reason
    assert document["chain"]["month"]["missing"] == reason


def test_a_chain_without_quotes_gives_reasons_instead_of_figures() -> None:
    snapshot = flat_vol_snapshot(listing=WIDE)
    dead = view_of(with_column(snapshot, bid=np.full(len(snapshot.bid), math.nan)))
    document = replay_document(dead, real(), shipped())
    assert {row["missing"] for row in rows(document).values()} == {"no forward: quotes do not pin it"}
    assert document["chain"]["month"]["missing"] == "the chain gives no 30-day volatility"
    assert all(one["missing"] for one in document["chain"]["skew"].values())
    assert document["chain"]["term"]["shape"] == "UNKNOWN"
    json.dumps(document, allow_nan=False)


def test_the_history_of_another_index_is_refused() -> None:
    with pytest.raises(DataError, match="the chain holds NIFTY, the history is that of BANKNIFTY"):
        replay_document(flat_view(), replace(real(), name="BANKNIFTY"), shipped())


def test_a_recorded_day_before_the_history_is_refused() -> None:
    real_file("nifty_daily.csv.gz")
    said = "the recorded day was 2010-01-04, the history of NIFTY begins on 2010-01-04"
    with pytest.raises(UsageError, match=said):
        history_before(DATA, shipped(), date(2010, 1, 4))
