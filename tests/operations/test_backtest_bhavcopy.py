"""Closing prices of bhavcopies as a source: one look a day, real prices, nothing that was not traded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import cache
from io import StringIO
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from rich.console import Console

from tests.backtest.bhavcopies import TRADED_LOTS, of_day, write_bhavcopies
from tests.backtest.history_files import write_history
from tests.cli.command import PROJECT
from tests.volatility.real_data import daily
from volguard.adapters.bhavcopy_days import BhavcopyDays
from volguard.adapters.bhavcopy_forms import OptionDay
from volguard.backtest.bootstrap import Resampling
from volguard.backtest.past_days import PastDays
from volguard.config.loader import Loaded, load
from volguard.config.roots import Root
from volguard.config.settings import SECTIONS, Settings
from volguard.model.errors import DataError, UsageError
from volguard.operations.backtest import BacktestRequest, measure_prices, run_backtest
from volguard.operations.backtest_falsify import run_lookahead
from volguard.report.backtest_page import backtest_page
from volguard.report.backtest_tables import backtest_summary

ROOT = Root(path=PROJECT, is_packaged=False, config_dir=PROJECT / "config")
TRADED = ("strategy.require_forecast_edge=false", "strategy.require_vrp=false")
FIRST, LAST = date(2023, 6, 12), date(2023, 6, 28)


def loaded(*overrides: str) -> Loaded[Settings]:
    return load(ROOT, (*TRADED, *overrides), settings_class=Settings, sections=SECTIONS)


def asked(bhavcopies: Path, data: Path, first: date = FIRST, last: date = LAST) -> BacktestRequest:
    return BacktestRequest(
        source="bhavcopy",
        files=(bhavcopies,),
        first=first,
        last=last,
        data=data,
        resampling=Resampling(seed=1, draws=200),
    )


def played(request: BacktestRequest, *overrides: str) -> Any:
    settings = loaded(*overrides)
    return run_backtest(request, settings, ROOT, measure_prices(request, settings, ROOT))


def sessions(first: date = FIRST, last: date = LAST) -> list[date]:
    return [bar.day for bar in daily("NIFTY") if first <= bar.day <= last]


@cache
def history() -> Path:
    return write_history(Path(mkdtemp()))


@cache
def whole() -> tuple[BacktestRequest, Any]:
    """Two and a half weeks in which every contract was traded."""
    request = asked(write_bhavcopies(Path(mkdtemp()), sessions()), history())
    return request, played(request)


def test_every_fill_is_a_closing_price_with_half_a_spread() -> None:
    """Decided on once a day, as if at 14:40; no fill is at or through the price that was traded."""
    request, document = whole()
    closes = BhavcopyDays(request.files[0], "NIFTY")
    fills = [fill for trade in document["trades"] for fill in trade["fills"]]
    assert len(fills) >= 8 and document["failed_steps"] == 0
    for fill in fills:
        assert fill["ts"][11:16] in ("14:40", "14:41")
        _, expiry, strike, right = fill["contract"].split()
        day = closes.on(date.fromisoformat(fill["ts"][:10]))
        gaps = [abs(one - date.fromisoformat(expiry)) for one in day.expiries]  # a holiday moved the 29th
        row = (
            (day.expiry == gaps.index(min(gaps)))
            & (day.strike == int(strike))
            & (day.is_call == (right == "CE"))
        )
        (close,) = day.close[row].tolist()
        paid = float(fill["price"]) - close
        assert paid > 0.0 if fill["side"] == "BUY" else paid < 0.0
        assert abs(paid) <= max(0.05, 0.05 * close)


def test_cash_is_conserved() -> None:
    document = whole()[1]
    value = Decimal(document["capital_inr"])
    for row in document["curve"]:
        made = Decimal(row["value_inr"]) - value
        assert abs(made - Decimal(row["attribution"]["total_inr"])) <= Decimal("0.01"), row["day"]
        value = Decimal(row["value_inr"])
    assert value == Decimal(document["value_inr"])


def test_the_report_says_whose_prices_they_are() -> None:
    document = whole()[1]
    assert document["prices"] == "closing" and document["handicap"] is None
    out = StringIO()
    Console(file=out, width=200, highlight=False).print(backtest_summary(document))
    shown, page = out.getvalue(), backtest_page(document)
    for text in (shown, page):
        assert "PRICES ARE CLOSING PRICES" in text and "decided on once" in text and "14:40" in text
    assert "PRICES ARE MODELLED" not in shown and "banner alarm" in page


def test_the_same_files_are_played_the_same() -> None:
    request, document = whole()
    few = replace(request, last=sessions()[3])
    assert played(few) == played(few)
    assert played(few)["curve"] == document["curve"][:4]


def test_an_order_takes_one_per_cent_of_the_day_and_a_thin_contract_is_not_quoted(tmp_path: Path) -> None:
    """Of 250 lots two can be had on a day, over all its looks; of 99 none."""
    days = sessions()[:4]
    some = write_bhavcopies(tmp_path / "some", days, lambda row: traded(row, 250))
    played_days = played(asked(some, history(), days[0], days[-1]))
    taken: dict[tuple[str, str], int] = {}
    for fill in (fill for trade in played_days["trades"] for fill in trade["fills"]):
        key = fill["ts"][:10], fill["contract"]
        taken[key] = taken.get(key, 0) + fill["quantity"]
    assert taken and max(taken.values()) == 2 * 50
    day = days[0]
    thin = write_bhavcopies(tmp_path / "thin", [day], lambda row: traded(row, 99))
    document = played(asked(thin, history(), day, day))
    assert document["sessions"] == 0
    (left_out,) = document["left_out"]
    assert "has too few trades to quote any of 2023-06-15" in left_out["text"]


def traded(row: OptionDay, lots: int) -> OptionDay:
    return replace(row, contracts=lots)


def test_what_was_not_traded_has_no_price(tmp_path: Path) -> None:
    """Every put below the index untraded: its close of the day before is no quote, and no condor is sold."""
    days = sessions()[:2]

    def calls_alone(row: OptionDay) -> OptionDay:
        is_gone = row.option_type == "PE" and row.strike < (row.underlying_close or 0.0)
        return replace(row, contracts=0 if is_gone else TRADED_LOTS)

    document = played(asked(write_bhavcopies(tmp_path, days, calls_alone), history(), *days))
    assert document["sessions"] == 2
    assert not [trade for trade in document["trades"] if trade["structure"] == "IRON_CONDOR"]
    fills = [fill for trade in document["trades"] for fill in trade["fills"]]
    assert not any(fill["contract"].endswith("PE") for fill in fills)


def test_days_that_contradict_or_are_missing_are_left_out_by_name(tmp_path: Path) -> None:
    """No bhavcopy of a day; another lot than the rules know; India VIX missing; two closes of the index."""
    days = sessions()[:5]
    folder = write_bhavcopies(tmp_path / "days", [day for day in days if day != days[1]], spoilt(days))
    data = tmp_path / "history"
    data.mkdir()
    write_history(data, vix_without=days[3])
    document = played(asked(folder, data, days[0], days[4]))
    reasons = {note["day"]: note["text"] for note in document["left_out"]}
    assert [row["day"] for row in document["curve"]] == [str(days[0])]
    assert set(reasons) == {str(day) for day in days[1:]}
    assert reasons[str(days[1])] == f"there is no bhavcopy of {days[1]}"
    assert "has lots of 75 for 2023-06-15, the rules 50" in reasons[str(days[2])]
    assert reasons[str(days[3])] == f"India VIX has no value of {days[3]}"
    assert "2 closes of the index" in reasons[str(days[4])]


def spoilt(days: list[date]) -> Any:
    lots = of_day(days[2], lot_size=75)

    def change(row: OptionDay) -> OptionDay | None:
        if row.trade_date == days[4] and row.strike % 100:
            return replace(row, underlying_close=(row.underlying_close or 0.0) + 1.0)
        return lots(row)

    return change


def test_a_held_expiry_that_is_thin_stays_and_one_that_is_missing_leaves_its_day_out(tmp_path: Path) -> None:
    """Sold on the 12th: its marks go on at closing prices without a size; a day without its rows has none."""
    days = sessions()[:4]
    held = date(2023, 6, 15)

    def thin(row: OptionDay) -> OptionDay:
        return traded(row, 99) if row.trade_date == days[1] and row.expiry == held else row

    def cut_off(row: OptionDay) -> OptionDay | None:
        return None if row.trade_date == days[1] and row.expiry == held else row

    whole_days = played(asked(write_bhavcopies(tmp_path / "whole", days), history(), days[0], days[3]))
    assert any(" 2023-06-15 " in fill["contract"] for t in whole_days["trades"] for fill in t["fills"])
    marked = played(asked(write_bhavcopies(tmp_path / "thin", days, thin), history(), days[0], days[3]))
    assert marked["left_out"] == [] and len(marked["curve"]) == 4
    assert all(row["value_inr"] is not None for row in marked["curve"])
    gone = played(asked(write_bhavcopies(tmp_path / "gone", days, cut_off), history(), days[0], days[3]))
    (note,) = gone["left_out"]
    assert (note["day"], note["text"]) == (
        str(days[1]),
        f"the bhavcopy of {days[1]} has nothing of the expiry 2023-06-15",
    )


def test_another_close_of_the_index_than_the_history_has_leaves_its_day_out(tmp_path: Path) -> None:
    day = sessions()[0]
    level = next(bar.close for bar in daily("NIFTY") if bar.day == day)
    folder = write_bhavcopies(tmp_path, [day], of_day(day, underlying_close=level + 1.5))
    (note,) = played(asked(folder, history(), day, day))["left_out"]
    assert f"has the index at {level + 1.5}, the history {level}" in note["text"]


def test_files_that_are_imported_meanwhile_or_damaged_end_the_run(tmp_path: Path) -> None:
    days = sessions()[:3]
    store = BhavcopyDays(write_bhavcopies(tmp_path / "days", days[1:]), "NIFTY")
    write_bhavcopies(tmp_path / "days", days[:1])
    with pytest.raises(UsageError, match="changed while it was read"):
        store.on(days[1])
    begun = BhavcopyDays(tmp_path / "days", "NIFTY")
    assert begun.on(days[0]).day == days[0]
    write_bhavcopies(tmp_path / "days", sessions()[3:4])  # a later day: the ones before it lie where they lay
    with pytest.raises(UsageError, match="changed while it was read"):
        begun.on(days[0])
    path = tmp_path / "days" / "NIFTY" / "2023.parquet"
    fresh = BhavcopyDays(tmp_path / "days", "NIFTY")
    spoilt_bytes = bytearray(path.read_bytes())
    spoilt_bytes[2000:6000] = bytes(4000)
    path.write_bytes(bytes(spoilt_bytes))
    with pytest.raises(UsageError, match="cannot be read"):
        fresh.on(days[0])


def test_a_bucket_that_is_closed_when_prices_are_shown_is_named(tmp_path: Path) -> None:
    day = sessions()[0]
    request = asked(write_bhavcopies(tmp_path, [day]), history(), day, day)
    told = played(request, "strategy.entry_until=14:30:00")["assumptions"]
    assert "the weekly bucket enters from 09:30 to 14:30, prices are shown at 14:40: it never enters" in told
    assert not [line for line in played(request)["assumptions"] if "never enters" in line]


def test_decisions_are_the_same_whatever_comes_later() -> None:
    request = replace(whole()[0], last=sessions()[3])
    found = run_lookahead(request, loaded(), ROOT, lambda _done, _total, _words: None)
    assert found["ok"] is True and all(row["decisions"] for row in found["cuts"])


def test_a_history_that_holds_the_next_day_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: the session is told a bar of the day after, which the cut takes away."""
    honest = PastDays._history

    def leaking(self: Any, day: date, before: date, opened: Any) -> Any:
        told = honest(self, day, before, opened)
        later = tuple(bar for bar in self._record.index if bar.day > day)[:1]
        return replace(told, index=(*told.index, *later))

    monkeypatch.setattr(PastDays, "_history", leaking)
    request = replace(whole()[0], last=sessions()[3])
    found = run_lookahead(request, loaded(), ROOT, lambda _done, _total, _words: None)
    assert found["ok"] is False


def test_prices_of_the_next_day_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: each day shows the prices of the session after it."""
    days = sessions()
    honest = BhavcopyDays.on

    def leaking(self: Any, day: date) -> Any:
        return replace(honest(self, days[days.index(day) + 1]), day=day, index_close=None)

    monkeypatch.setattr(BhavcopyDays, "on", leaking)
    request = replace(whole()[0], first=days[0], last=days[1])
    found = run_lookahead(request, loaded(), ROOT, lambda _done, _total, _words: None)
    assert found["ok"] is False


def test_what_cannot_be_played_is_refused_with_its_reason(tmp_path: Path) -> None:
    folder = whole()[0].files[0]
    torn = tmp_path / "torn" / "NIFTY" / "2023.parquet"
    torn.parent.mkdir(parents=True)
    torn.write_bytes(b"PAR1")
    cases: Iterable[tuple[BacktestRequest, type[Exception], str]] = (
        (asked(tmp_path / "none", history()), DataError, "no bhavcopies of NIFTY"),
        (asked(torn.parent.parent, history()), DataError, "cannot be read"),
        (replace(asked(folder, history()), files=(folder, folder)), UsageError, "2 folders"),
        (replace(asked(folder, history()), first=None), UsageError, "a first and a last"),
        (asked(folder, tmp_path / "none"), DataError, "no such folder"),
    )
    for request, kind, words in cases:
        with pytest.raises(kind, match=words):
            played(request)
    with pytest.raises(UsageError, match="modelled for NIFTY alone"):
        played(whole()[0], "market.underlying=BANKNIFTY")
