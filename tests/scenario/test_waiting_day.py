"""The recorded day of 29 August 2025 with the shipped defaults: nothing is sold, and the figures say why."""

from __future__ import annotations

import csv
import gzip
import math
from collections import Counter
from datetime import date
from typing import Any

import pytest

from tests.chains import shipped_models
from tests.cli.command import CHAIN, DATA, Day, needs_real_day
from tests.scenario.decision_checks import judge
from tests.scenario.played_days import of_journal
from volguard.adapters.history import FileHistory
from volguard.volatility.models import fit_models, forecast_over
from volguard.volatility.realized import ohlc_of

pytestmark = needs_real_day

KEYS = {
    *("schema", "session_id", "phase", "source", "trading_date", "snapshots", "decisions", "decisions_hash"),
    *("refusals", "orders", "fills", "trades", "open_positions", "realised_pnl_inr", "unrealised_pnl_inr"),
    *("gross_pnl_inr", "charges_inr", "net_pnl_inr", "data_quality", "step_ms", "journal"),
}


def decisions_of(day: Day) -> list[Any]:
    return [body["decision"] for _, _, body in day.rows("DecisionMade")]


def test_the_document_holds_every_promised_key(waiting_day: Day) -> None:
    """One JSON document tells the whole day: every key that scripts rely on, 292 snapshots, that date."""
    document = waiting_day.document
    assert document.keys() >= KEYS
    assert document["schema"] == "volguard.day/1"
    assert (document["phase"], document["trading_date"]) == ("SHADOW", "2025-08-29")
    assert document["snapshots"] == 292
    assert document["data_quality"].keys() == {"mean", "min"}
    assert 0.0 <= document["data_quality"]["min"] <= document["data_quality"]["mean"] <= 1.0
    assert document["step_ms"].keys() == {"median", "p99", "max"}
    assert 0.0 < document["step_ms"]["median"] <= document["step_ms"]["p99"] <= document["step_ms"]["max"]
    assert document["journal"].keys() == {"path", "rows", "head_hash"}


def test_the_journal_agrees_with_the_document(waiting_day: Day) -> None:
    """The document's counts are those of the journal it names, a file named by source, date and number."""
    document, rows = waiting_day.document, waiting_day.rows()
    assert waiting_day.journal == waiting_day.root / "journal" / "replay-2025-08-29-1.db"
    assert document["session_id"] == waiting_day.journal.stem
    assert document["journal"]["rows"] == len(rows) == rows[-1][0]
    assert document["decisions"] == len(decisions_of(waiting_day))
    assert sum(1 for _, kind, _ in rows if kind == "MarketSnapshot") == 292


def test_the_day_ends_in_wait(waiting_day: Day) -> None:
    """With the shipped defaults no order leaves: every decision is WAIT, money stands at zero."""
    document = waiting_day.document
    assert {decision["action"] for decision in decisions_of(waiting_day)} == {"WAIT"}
    assert document["orders"] == document["fills"] == document["trades"] == document["open_positions"] == []
    for name in ("realised", "unrealised", "gross", "net"):
        assert document[f"{name}_pnl_inr"] == "0.00"
    assert document["charges_inr"] == "0.00"
    assert document["halted_reason"] is None
    refused = Counter(decision["reason"] for decision in decisions_of(waiting_day))
    assert document["refusals"] == dict(refused)


def test_every_no_of_the_day_has_its_reason(waiting_day: Day) -> None:
    """In a word and in a sentence, that of each candidate too; no rule took anything out."""
    assert judge(of_journal(waiting_day.journal)) == set()


def test_refusing_has_nothing_to_show_where_no_candidate_was_made(waiting_day: Day) -> None:
    """The premium said no before any structure was looked at: counted by reason, nothing carried on paper."""
    refused = waiting_day.document["refused"]
    waits: Counter[str] = Counter()
    for row in refused["no_candidate_was_made"]:
        waits[row["reason"]] += row["waits"]
    without = Counter(d["reason"] for d in decisions_of(waiting_day) if not d["candidates"])
    assert waits == without and waits["iv_rv_avoid"] > 400
    made = sum(bool(d["candidates"]) for d in decisions_of(waiting_day))
    assert bool(refused["structures"]) is bool(made)


def test_the_weekly_waits_because_implied_is_below_forecast(waiting_day: Day) -> None:
    """The weekly bucket waits: implied volatility lies below the forecast, about 12.8 %; both are said."""
    judged = [
        decision["figures"]
        for decision in decisions_of(waiting_day)
        if decision["bucket"] == "WEEKLY" and decision["figures"].get("forecast_vol") is not None
    ]
    implied = sorted(figures["implied_vol"] for figures in judged)
    tenth, middle, ninetieth = (implied[int(len(implied) * share)] for share in (0.1, 0.5, 0.9))
    assert 0.09 <= tenth <= middle <= ninetieth <= 0.105
    below = [figures for figures in judged if figures["implied_vol"] < figures["forecast_vol"]]
    assert len(below) == len(judged)
    signals = Counter(figures["signal"] for figures in judged)
    assert signals["AVOID"] == len(judged)
    for figures in judged:
        spread = figures["implied_vol"] - figures["forecast_vol"]
        assert figures["iv_rv_spread"] == pytest.approx(spread, abs=1e-8)


def test_the_wait_says_its_figures_in_words(waiting_day: Day) -> None:
    """A wait for want of a premium names implied, forecast and their difference in its text."""
    waits = [d for d in decisions_of(waiting_day) if d["reason"] in ("iv_rv_avoid", "iv_rv_neutral")]
    assert waits
    for decision in waits:
        figures = decision["figures"]
        for share in (figures["implied_vol"], figures["forecast_vol"], figures["iv_rv_spread"]):
            assert f"{share * 100.0:.2f}%" in decision["text"]


def test_the_forecast_is_cut_at_the_close_before(waiting_day: Day) -> None:
    """The forecast of each expiry is that of models fitted to bars up to 28 August, for the sessions left."""
    bars = FileHistory(CHAIN.parent).daily("NIFTY", date(2025, 8, 29))
    assert bars[-1].day == date(2025, 8, 28)
    fitted = fit_models(ohlc_of(bars), shipped_models(), sessions_max=45.0)
    judged = [d["figures"] for d in decisions_of(waiting_day) if "forecast_vol" in d["figures"]]
    assert len(judged) > 400
    for figures in judged[::20]:
        sessions = figures["sessions_to_expiry"]
        forecast = forecast_over(fitted, sessions, math.ceil(sessions) - sessions)
        assert forecast is not None
        assert figures["forecast_vol"] == pytest.approx(forecast.volatility, rel=1e-7)
        assert figures["forecast_dispersion"] == pytest.approx(forecast.dispersion, rel=1e-7)


def test_the_holes_of_the_feed_are_seen(waiting_day: Day) -> None:
    """The three pauses beyond 3 x cadence (211, 1110 and 181 s) are reported and journaled as gaps."""
    assert [hole["seconds"] for hole in waiting_day.document["gaps"]] == [211.0, 1110.0, 181.0]
    assert len(waiting_day.rows("FeedGap")) == 3
    paused = [body for _, _, body in waiting_day.rows("StateChanged") if body["trading_state"] == "REDUCING"]
    assert len(paused) >= 1


def test_missing_bids_and_asks_are_counted(waiting_day: Day) -> None:
    """Each snapshot's count of absent bids and asks is that of the file: 15 % and 20 % over the day."""
    import pandas as pd

    frame = pd.read_parquet(CHAIN, columns=["ts", "bid", "ask"])
    absent = frame.assign(bid=frame["bid"] <= 0, ask=frame["ask"] <= 0).groupby("ts")[["bid", "ask"]].sum()
    seen = [body["figures"] for _, _, body in waiting_day.rows("MarketSeen")]
    assert [figures["missing_bid"] for figures in seen] == absent["bid"].tolist()
    assert [figures["missing_ask"] for figures in seen] == absent["ask"].tolist()
    rows = sum(figures["rows"] for figures in seen)
    assert sum(figures["missing_bid"] for figures in seen) / rows == pytest.approx(0.1476, abs=1e-4)
    assert sum(figures["missing_ask"] for figures in seen) / rows == pytest.approx(0.2012, abs=1e-4)


def test_the_report_lies_beside_the_journal(waiting_day: Day) -> None:
    """The day's report is written as JSON and as one page that needs nothing from outside."""
    page = waiting_day.journal.with_suffix(".html")
    text = page.read_text()
    assert waiting_day.journal.with_suffix(".json").is_file()
    assert "<svg" in text
    assert not any(outside in text for outside in ('src="http', 'href="http', "@import"))
    assert str(page) in waiting_day.err


def closes_before(day: str) -> list[float]:
    with gzip.open(DATA / "nifty_daily.csv.gz", "rt") as file:
        rows = sorted((row["date"], float(row["close"])) for row in csv.DictReader(file))
    return [close for date, close in rows if date < day][-600:]
