"""The figures of a record as one document that any reader of JSON can take."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

import numpy as np
import pytest

from tests.backtest.curves import closed_trade, curve, curve_making
from volguard.backtest.activity import Activity
from volguard.backtest.attribution import Attribution
from volguard.backtest.bootstrap import Resampling
from volguard.backtest.deflated_sharpe import deflated_sharpe, sharpe_record
from volguard.backtest.document import SCHEMA, Record, attribution_document, statistics_document
from volguard.backtest.path_statistics import Conventions, Statistic
from volguard.backtest.ruin import RuinSettings, ruin
from volguard.backtest.statistics import curve_statistics
from volguard.backtest.trades import TradeStatistic

YEAR: Final = Conventions()
DRAWN: Final = Resampling(seed=17, draws=60)
SESSIONS: Final = 120


@pytest.fixture(scope="module")
def record() -> Record:
    """A record with everything that can be said of one."""
    returns = np.random.default_rng(1).normal(0.001, 0.01, SESSIONS)
    made = curve_making(list(returns))
    return Record(
        curve=made,
        trades=tuple(closed_trade("100" if n % 3 else "-150", "7.50") for n in range(40)),
        activity=Activity(traded_inr=np.full(SESSIONS, 0.1), held=np.arange(SESSIONS) % 4 != 0),
        regimes=("NEUTRAL",) * 90 + ("TREND_UP",) * 30,
        attribution=Attribution(theta_inr=Decimal("10.006"), gamma_inr=Decimal("-3.004")),
        ruin=ruin(
            returns * 1e6,
            None,
            capital_inr=1e6,
            settings=RuinSettings(horizon_sessions=20),
            resampling=DRAWN,
        ),
        deflated=deflated_sharpe(sharpe_record(made, YEAR), [0.05, 0.1, None]),
    )


@pytest.fixture(scope="module")
def document(record: Record) -> dict[str, Any]:
    """Its document, after a way through JSON without nan."""
    text = json.dumps(statistics_document(record, YEAR, DRAWN), allow_nan=False)
    read: dict[str, Any] = json.loads(text)
    return read


def test_it_says_what_the_parts_say(record: Record, document: dict[str, Any]) -> None:
    """Figures are those of the parts, to nine digits; a reason stands where there is none."""
    assert document["schema"] == SCHEMA == "volguard.backtest.statistics/1"
    figures = curve_statistics(record.curve, YEAR).figures
    for name in Statistic:
        assert document["returns"][name.value] == pytest.approx(figures[name].value, rel=1e-8)
    trades = document["trades"]
    assert (trades["trades"], trades["wins"], trades["losses"]) == (40, 26, 14)
    assert (trades["net_inr"], trades["charges_inr"]) == ("500.00", "300.00")
    assert (trades["best_inr"], trades["worst_inr"]) == ("100.00", "-150.00")
    assert trades["win_rate"] == 0.65
    assert document["groups"]["bucket"][0]["name"] == "WEEKLY"
    assert document["regime_shares"] == {"NEUTRAL": 0.75, "TREND_UP": 0.25}
    assert document["activity"]["exposure"] == 0.75
    assert document["ruin"]["margin_breach"]["missing"] == {
        "share": "the margin of the sessions is not known"
    }
    assert document["ruin"]["capital_inr"] == "1000000.00"
    assert document["deflated_sharpe"]["trials"] == 3
    assert document["attribution"]["total_inr"] == "7.00"


def test_every_figure_has_its_interval_and_how_it_was_drawn(document: dict[str, Any]) -> None:
    """Bounds in order beside each figure; level, draws, seed and block length tell how."""
    for part, names in (("returns", Statistic), ("trades", TradeStatistic)):
        found = document[part]["intervals"]
        assert (found["seed"], found["draws"], found["level"]) == (17, 60, 0.95)
        assert found["block"] >= 1.0
        for name in names:
            low, high = found[name.value]
            assert low <= high


def test_days_of_drawdowns_and_extremes_are_there(record: Record, document: dict[str, Any]) -> None:
    """The day of a figure stands beside it."""
    returns, found = document["returns"], curve_statistics(record.curve, YEAR)
    assert found.worst_day is not None and found.deepest is not None
    assert returns["worst_day_on"] == found.worst_day.isoformat()
    assert returns["deepest_drawdown"]["trough_day"] == found.deepest.trough_day.isoformat()
    assert returns["deepest_drawdown"]["sessions"] == found.deepest.sessions
    assert [month["month"] for month in returns["months"]] == [1, 2, 3, 4, 5, 6]


def test_the_same_record_and_seed_give_the_same_document(record: Record, document: dict[str, Any]) -> None:
    """Another run is equal to the last digit; another seed is not."""
    assert json.loads(json.dumps(statistics_document(record, YEAR, DRAWN))) == document
    other = statistics_document(record, YEAR, replace(DRAWN, seed=18))
    assert other["returns"]["intervals"] != document["returns"]["intervals"]


def test_a_record_of_nothing_is_reasons_all_through() -> None:
    """No trade, a missing value, nothing else handed over: every figure is null with its reason."""
    empty = Record(curve=curve([math.nan, 1.0] * 15), trades=())
    document = json.loads(json.dumps(statistics_document(empty, YEAR, DRAWN), allow_nan=False))
    for part, names in (("returns", Statistic), ("trades", TradeStatistic)):
        for name in names:
            assert document[part][name.value] is None and document[part]["intervals"][name.value] is None
            assert document[part]["missing"][name.value]
            assert document[part]["intervals"]["missing"][name.value]
        assert document[part]["intervals"]["block"] is None
    for name in ("activity", "attribution", "ruin", "deflated_sharpe"):
        assert document[name] is None
    assert document["returns"]["deepest_drawdown"] is None and document["returns"]["months"] == []


def test_the_texts_of_an_attribution_add_up() -> None:
    """What is rounded away from a part is in the residual, so that the reader's own sum is right."""
    parts = Attribution(
        delta_inr=Decimal("0.005"),
        gamma_inr=Decimal("0.015"),
        theta_inr=Decimal("-0.004"),
        execution_inr=Decimal("1.875"),
        residual_inr=Decimal("0.333333"),
    )
    document = attribution_document(parts)
    total = document.pop("total_inr")
    assert document.pop("not_told_apart") == []
    assert sum((Decimal(text) for text in document.values()), Decimal(0)) == Decimal(total)
    assert total == "2.22"
    assert document["theta_inr"] == "0.00"
