"""The falsifiers: the honest pass, what peeks is caught, and forecasts of other days are dealt out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.backtest.history_files import write_history
from tests.cli.command import PROJECT
from volguard.backtest.past_days import PastDays
from volguard.backtest.placebo import dealt_anew
from volguard.backtest.play import Player
from volguard.config.loader import load
from volguard.config.roots import Root
from volguard.config.settings import SECTIONS, Settings
from volguard.engine.state import State, Step
from volguard.engine.step import Engine
from volguard.model.errors import DataError, UsageError
from volguard.model.event import DecisionMade, Event
from volguard.model.market import VarianceForecasts
from volguard.operations import backtest_falsify
from volguard.operations.backtest import BacktestRequest, Measured, player_of
from volguard.operations.backtest_falsify import run_lookahead, run_placebo
from volguard.operations.backtest_jobs import Job, Workers

ROOT = Root(path=PROJECT, is_packaged=False, config_dir=PROJECT / "config")
TRADED = ("strategy.require_forecast_edge=false", "strategy.require_vrp=false")
LOADED = load(ROOT, TRADED, settings_class=Settings, sections=SECTIONS)


@pytest.fixture(scope="module")
def request_(tmp_path_factory: pytest.TempPathFactory) -> BacktestRequest:
    return BacktestRequest(
        source="modelled",
        first=date(2023, 6, 12),
        last=date(2023, 6, 15),
        data=write_history(tmp_path_factory.mktemp("history")),
        every_s=7200.0,
    )


def unheard(_done: float, _total: float, _words: str) -> None:
    pass


def checked(request: BacktestRequest) -> Any:
    return run_lookahead(request, LOADED, ROOT, unheard)


def test_an_honest_strategy_decides_the_same_whatever_comes_later(request_: BacktestRequest) -> None:
    found = checked(request_)
    assert found["ok"] is True and found["sessions"] == 4
    assert [row["cut"] for row in found["cuts"]] == [
        *("2023-06-12", "2023-06-13", "2023-06-14", "2023-06-15")
    ]
    assert all(row["same"] and row["until"][11:16] == "11:20" for row in found["cuts"])
    assert sum(row["decisions"] for row in found["cuts"]) > 4


def test_a_history_that_holds_the_day_itself_is_caught(
    request_: BacktestRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One bar too many: the session is told today's close in the morning."""
    honest = PastDays._history

    def leaking(self: Any, day: date, before: date, opened: Any) -> Any:
        told = honest(self, day, before, opened)
        return replace(told, index=(*told.index, self._bars[day]))

    monkeypatch.setattr(PastDays, "_history", leaking)
    found = checked(request_)
    assert found["ok"] is False
    first = next(row for row in found["cuts"] if not row["same"])
    assert first["difference"]["day"] == first["cut"]


def test_a_strategy_that_looks_at_the_close_is_caught(
    request_: BacktestRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted: it writes whether the day will end higher into the reason of each decision."""
    peeked: dict[date, float] = {}
    honest = PastDays._plan

    def watched(self: Any, session: Any) -> Any:
        nonlocal peeked
        peeked |= {day: bar.close for day, bar in self._bars.items()}
        return honest(self, session)

    monkeypatch.setattr(PastDays, "_plan", watched)
    monkeypatch.setattr(
        backtest_falsify, "player_of", lambda asked, loaded: _peeking(player_of(asked, loaded), peeked)
    )
    found = checked(request_)
    assert found["ok"] is False
    shown = next(row for row in found["cuts"] if not row["same"])["difference"]
    assert "close will be" in shown["known"] and shown["known"] != shown["other"]


class _Peeking(Engine):
    closes: dict[date, float]

    def step(self, state: State, event: Event) -> Step:
        step = super().step(state, event)
        records = tuple(
            replace(one, decision=replace(one.decision, text=f"close will be {self.closes[event.ts.date()]}"))
            if isinstance(one, DecisionMade)
            else one
            for one in step.records
        )
        return replace(step, records=records)


def _peeking(player: Player, closes: dict[date, float]) -> Player:
    engine = _Peeking(player._engine.settings, player._engine.rules)
    engine.closes = closes
    return Player(engine, player._settings, player._clock)


def test_there_is_nothing_to_check_without_a_session(request_: BacktestRequest, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no session"):
        checked(replace(request_, first=date(2023, 6, 10), last=date(2023, 6, 11)))
    data = write_history(tmp_path, vix_without=date(2023, 6, 13))
    with pytest.raises(DataError, match="left out"):
        checked(replace(request_, first=date(2023, 6, 14), last=date(2023, 6, 14), data=data))


def forecasts(count: int) -> list[tuple[date, VarianceForecasts]]:
    return [
        (
            date(2023, 1, 1 + place),
            VarianceForecasts(
                total_variance={"ewma": (0.0, float(place))},
                left_out={},
                nse_sigma_daily=0.01 * place,
                past_month=(),
            ),
        )
        for place in range(count)
    ]


def test_forecasts_are_dealt_out_once_each_and_days_keep_what_margins_are_made_of() -> None:
    own = forecasts(20)
    dealt = list(dealt_anew(own, 3))
    assert [day for day, _ in dealt] == [day for day, _ in own]
    assert [one.nse_sigma_daily for _, one in dealt] == [one.nse_sigma_daily for _, one in own]
    curves = [one.total_variance["ewma"] for _, one in dealt]
    assert sorted(curves) == [one.total_variance["ewma"] for _, one in own] and curves != sorted(curves)
    assert dealt == list(dealt_anew(own, 3)) and dealt != list(dealt_anew(own, 4))


def _job(request: BacktestRequest) -> Job:
    return Job(
        request=request,
        root=ROOT,
        overrides=TRADED,
        preset=None,
        measured=Measured(error=None, missing="not measured here"),
    )


def test_how_often_chance_does_as_well(request_: BacktestRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made 50; of 40, 50, 60 and one that is not known two are as good: 3 of 4 with its own."""
    asked: list[int | None] = []

    def given(jobs: Sequence[Job], _workers: Workers, _done: Any) -> list[dict[str, Any]]:
        asked.extend(job.request.placebo for job in jobs)
        return [_document(value) for value in ("1050.00", "1040.00", "1050.00", "1060.00", None)]

    monkeypatch.setattr(backtest_falsify, "play_jobs", given)
    found = run_placebo(_job(request_), 4, Workers(), unheard)
    assert asked == [None, 1, 2, 3, 4]
    assert found["made_inr"] == "50.00" and found["p_value"] == 0.75
    assert [row["made_inr"] for row in found["placebos"]] == ["40.00", "50.00", "60.00", None]


def _document(value: str | None) -> dict[str, Any]:
    return {
        "value_inr": value,
        "capital_inr": "1000.00",
        "prices": "modelled",
        "underlying": "NIFTY",
        "model_error": None,
        "model_error_missing": "",
        "first_day": None,
        "last_day": None,
        "statistics": {"trades": {"trades": 1}},
    }


def test_a_recorded_day_has_nothing_to_deal_out(request_: BacktestRequest) -> None:
    recorded = replace(request_, source="chains", files=(Path("day.parquet"),), first=None, last=None)
    with pytest.raises(UsageError, match="one forecast"):
        run_placebo(_job(recorded), 3, Workers(), unheard)
