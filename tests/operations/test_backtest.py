"""A backtest of modelled days: every rupee is accounted for, rules are of each date, nothing is hidden."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from html import escape
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tests.backtest.history_files import write_history
from tests.cli.command import PROJECT
from tests.volatility.real_data import DATA, real_file
from volguard.adapters.journal_export import export_parquet
from volguard.adapters.journal_reader import JournalReader
from volguard.backtest.bootstrap import Resampling
from volguard.config.loader import Loaded, load
from volguard.config.roots import Root
from volguard.config.settings import SECTIONS, Settings
from volguard.model.errors import DataError, DateNotCovered, UsageError
from volguard.operations.backtest import BacktestRequest, Measured, measure_prices, run_backtest
from volguard.operations.replay_journal import replay_journal
from volguard.report.backtest_charts import backtest_panels
from volguard.report.backtest_page import backtest_page, payoff_svg
from volguard.report.backtest_tables import backtest_summary

ROOT = Root(path=PROJECT, is_packaged=False, config_dir=PROJECT / "config")
TRADED = ("strategy.require_forecast_edge=false", "strategy.require_vrp=false")
FIRST, LAST = date(2023, 6, 9), date(2023, 7, 4)
FEW = Resampling(seed=1, draws=200)
PAISA = Decimal("0.01")
NO_ERROR = Measured(error=None, missing="not measured here")


def loaded(*overrides: str) -> Loaded[Settings]:
    return load(ROOT, overrides, settings_class=Settings, sections=SECTIONS)


def played(
    data: Path, first: date = FIRST, last: date = LAST, *overrides: str, every_s: float = 3600.0
) -> Any:
    asked = BacktestRequest(
        source="modelled", first=first, last=last, data=data, every_s=every_s, resampling=FEW
    )
    settings = loaded(*TRADED, *overrides)
    return run_backtest(asked, settings, ROOT, measure_prices(asked, settings, ROOT))


@cache
def real() -> Any:
    """Three and a half weeks with an expiry that a holiday moved."""
    for name in ("nifty_daily.csv.gz", "india_vix_daily.csv.gz", "nifty_condor_legs.csv.gz"):
        real_file(name)
    return played(DATA)


def fills_of(document: Any) -> list[Any]:
    return [fill for trade in document["trades"] for fill in trade["fills"]]


def test_cash_is_conserved_and_the_attribution_is_the_p_and_l() -> None:
    """The account moves by what each session made, and what it made is told apart to the paisa."""
    document = real()
    value = Decimal(document["capital_inr"])
    for row in document["curve"]:
        made = Decimal(row["value_inr"]) - value
        told = Decimal(row["attribution"]["total_inr"])
        assert abs(made - told) <= PAISA, row["day"]  # two roundings
        parts = sum(Decimal(row["attribution"][name]) for name in PARTS)
        assert parts == told
        value = Decimal(row["value_inr"])
    assert value == Decimal(document["value_inr"])
    total = document["statistics"]["attribution"]
    assert abs(Decimal(total["total_inr"]) - (value - Decimal(document["capital_inr"]))) <= PAISA
    assert Decimal(total["costs_inr"]) == -Decimal(document["charges_inr"])
    assert document["failed_steps"] == 0 and len(document["trades"]) >= 3


PARTS = ("delta_inr", "gamma_inr", "theta_inr", "vega_inr", "residual_inr", "execution_inr", "costs_inr")


def test_trades_are_the_cash_of_their_fills() -> None:
    for trade in real()["trades"]:
        cash = sum(
            (1 if fill["side"] == "SELL" else -1) * fill["quantity"] * Decimal(fill["price"])
            for fill in trade["fills"]
        )
        paid = sum(one["quantity"] * Decimal(one["intrinsic"]) for one in trade["settled"])
        assert Decimal(trade["gross_inr"]) == (cash + paid).quantize(PAISA)
        net = Decimal(trade["gross_inr"]) - Decimal(trade["charges_inr"])
        assert abs(net - Decimal(trade["net_inr"])) <= PAISA


def test_charges_are_those_of_the_date_by_another_reckoning() -> None:
    """Rates of June and July 2023 from the published schedule, in floating point and another order."""
    fills = fills_of(real())
    assert len(fills) >= 20
    for fill in fills:
        premium = fill["quantity"] * float(fill["price"])
        is_sale = fill["side"] == "SELL"
        exchange, regulator = premium * 50.0 / 1e5, premium * 10.0 / 1e7
        state = premium * (62.5 / 1e5 if is_sale else 3.0 / 1e5)
        total = 20.0 + exchange + premium * 50.0 / 1e7 + regulator + state
        total += 0.18 * (20.0 + exchange + regulator)
        assert float(fill["charges_inr"]) == pytest.approx(total, abs=2e-6)


def test_what_a_holiday_moved_is_named_and_traded_on_its_new_day() -> None:
    """The expiry of 29 June 2023 went to the 28th when the holiday was moved."""
    notes = [note for note in real()["notes"] if "expires on" in note["text"]]
    assert [note["day"] for note in notes] == ["2023-06-28"]
    assert "2023-06-29 expires on 2023-06-28: the exchange moved it" in notes[0]["text"]
    days = {fill["contract"].split()[1] for fill in fills_of(real()) if fill["ts"] >= "2023-06-28"}
    assert "2023-06-29" not in days and real()["left_out"] == []


def test_entries_and_exits_of_one_order_fill_within_seconds() -> None:
    """All legs of an entry go out at one look and the ones after it, not an hour apart."""
    for trade in real()["trades"]:
        times = sorted(fill["ts"] for fill in trade["fills"][:4])
        assert times[0][:15] == times[-1][:15]


def test_modelled_prices_are_never_hidden() -> None:
    document = real()
    assert document["prices"] == "modelled" and 0.03 < document["handicap"]["share"] < 0.10
    lost = Decimal(document["value_inr"]) - Decimal(document["handicap"]["value_inr"])
    assert lost == pytest.approx(Decimal(document["handicap"]["lost_inr"]), abs=PAISA) and lost > 0
    shown = _shown(document)
    assert "PRICES ARE MODELLED" in shown and "2021 " in shown and "premium" in shown
    assert "every option price is modelled" in shown


def test_the_same_days_are_played_the_same(tmp_path: Path) -> None:
    folder = write_history(tmp_path)
    first = played(folder, date(2023, 6, 12), date(2023, 6, 14), every_s=7200.0)
    again = played(folder, date(2023, 6, 12), date(2023, 6, 14), every_s=7200.0)
    assert first == again and first["sessions"] == 3


def test_a_day_without_its_bar_or_without_vix_is_left_out_by_name(tmp_path: Path) -> None:
    """Nothing is filled in: the days that need what is missing are not played, the others are."""
    folder = write_history(tmp_path, index_without=date(2023, 6, 14), vix_without=date(2023, 6, 20))
    document = played(folder, date(2023, 6, 12), date(2023, 6, 23), every_s=10000.0)
    reasons = {note["day"]: note["text"] for note in document["left_out"]}
    assert reasons == {
        "2023-06-14": "the index has no bar of 2023-06-14",
        "2023-06-15": "the index has no bar of 2023-06-14",
        "2023-06-21": "India VIX has no value of 2023-06-20",
    }
    assert [row["day"] for row in document["curve"]] == [
        *("2023-06-12", "2023-06-13", "2023-06-16", "2023-06-19", "2023-06-20", "2023-06-22", "2023-06-23")
    ]
    shown = _shown(document)
    assert "left out: 2023-06-21 India VIX has no value of 2023-06-20" in shown
    page = backtest_page(document)
    assert "Days left out" in page and all(text in page for text in reasons.values())
    # No traded condors lie beside these files: the error is not known, and that is said first.
    assert document["model_error"] is None and document["handicap"] is None
    assert "their error is not known" in shown and "nifty_condor_legs.csv.gz" in shown


def test_a_bar_without_its_range_leaves_out_its_day_and_those_that_rest_on_it(tmp_path: Path) -> None:
    folder = write_history(tmp_path, spoilt=date(2023, 6, 13))
    document = played(folder, date(2023, 6, 12), date(2023, 6, 14), every_s=10000.0)
    assert [note["day"] for note in document["left_out"]] == ["2023-06-13", "2023-06-14"]
    assert "has its close alone" in document["left_out"][0]["text"]
    assert "not known within 5 sessions" in document["left_out"][1]["text"]


def test_where_no_freeze_quantity_is_known_orders_are_cut_small_and_that_is_said(tmp_path: Path) -> None:
    """Until August 2021 nobody knows it: no step fails, and the report says what it rests on."""
    folder = write_history(tmp_path, first=date(2020, 3, 2))
    asked = replace(
        _asked(folder, date(2021, 4, 5), date(2021, 4, 8)), every_s=7200.0, journals=tmp_path / "days"
    )
    document = run_backtest(asked, loaded(*TRADED), ROOT, NO_ERROR)
    assert document["failed_steps"] == 0 and any(row["held"] for row in document["curve"])
    for path in (tmp_path / "days").glob("*.db"):  # stepped again by the same bounds
        assert replay_journal(path).identical
    (said,) = (line for line in document["assumptions"] if "freeze" in line)
    assert "NIFTY until 2021-08-01 are not known" in said
    later = played(folder, date(2023, 6, 12), date(2023, 6, 12), every_s=7200.0)
    assert not any("freeze" in line for line in later["assumptions"])


def test_the_day_after_a_ceremonial_hour_has_its_history(tmp_path: Path) -> None:
    """Diwali's hour of 4 November 2021 has a bar and is no session: the 8th knows all that it needs."""
    folder = write_history(tmp_path, first=date(2020, 6, 1))
    document = played(folder, date(2021, 11, 3), date(2021, 11, 9), every_s=7200.0)
    assert [row["day"] for row in document["curve"]] == ["2021-11-03", "2021-11-08", "2021-11-09"]
    assert {row["regime"] for row in document["curve"]} != {"NOT_KNOWN"}
    assert all(row["regime"] != "NOT_KNOWN" and row["margin_inr"] is not None for row in document["curve"])


def test_what_cannot_be_played_is_refused_with_its_reason(tmp_path: Path) -> None:
    folder = write_history(tmp_path)
    cases: Iterable[tuple[BacktestRequest, type[Exception], str]] = (
        (_asked(folder, None, LAST), UsageError, "a first and a last"),
        (_asked(folder, LAST, FIRST), UsageError, "is before"),
        (_asked(folder, date(2018, 1, 1), LAST), DateNotCovered, "2018"),
        (_asked(folder, date(2019, 1, 1), LAST), DateNotCovered, "2019"),
        (_asked(tmp_path / "none", FIRST, LAST), DataError, "no such folder"),
        (BacktestRequest(source="chains"), UsageError, "no recording"),
        (BacktestRequest(source="chains", files=(folder,), first=FIRST), UsageError, "--from and --to"),
        (BacktestRequest(source="modelled", files=(folder,)), UsageError, "made of daily history"),
    )
    for asked, kind, words in cases:
        with pytest.raises(kind, match=words):
            run_backtest(asked, loaded(), ROOT, NO_ERROR)
    (folder / "india_vix_daily.csv").unlink()
    with pytest.raises(DataError, match="no india_vix_daily file"):
        run_backtest(_asked(folder, FIRST, LAST), loaded(), ROOT, NO_ERROR)


def test_a_day_given_twice_is_refused_naming_file_and_line(tmp_path: Path) -> None:
    folder = write_history(tmp_path)
    path = folder / "nifty_daily.csv"
    path.write_text(path.read_text() + path.read_text().splitlines()[-1] + "\n")
    with pytest.raises(DataError, match=r"nifty_daily.csv.*given twice"):
        run_backtest(_asked(folder, FIRST, LAST), loaded(), ROOT, NO_ERROR)


def test_a_lot_that_changes_in_mid_trade_is_named() -> None:
    """NIFTY's lot went from 50 to 25 units on 26 April 2024, for contracts that were held."""
    document = played(DATA, date(2024, 4, 22), date(2024, 4, 26), every_s=7200.0)
    told = [note for note in document["notes"] if "a lot of" in note["text"]]
    assert told and all(note["day"] == "2024-04-26" for note in told)
    assert "is 25 units now, was 50" in told[0]["text"]
    assert document["failed_steps"] == 0


def test_the_page_holds_every_chart_and_every_trade_and_fetches_nothing() -> None:
    document = real()
    page = backtest_page(document)
    for panel in backtest_panels(document):
        assert page.count(f'aria-label="{panel.title}"') == 1
    assert page.count('<details class="trade">') == len(document["trades"])
    assert "PRICES ARE MODELLED" in page and "banner alarm" in page
    for line in document["assumptions"]:
        assert escape(line) in page
    assert not re.search(r"(src|href)=.(?!#)|url\((?!#)|<script|@import", page)
    assert page == backtest_page(document)


def test_a_trade_s_payoff_is_that_of_its_entry() -> None:
    """A condor keeps its credit at best; at worst it loses the wider wing less that credit."""
    condors = [trade for trade in real()["trades"] if trade["structure"] == "IRON_CONDOR"]
    whole = [trade for trade in condors if len({fill["contract"] for fill in trade["fills"]}) == 4]
    assert whole
    for trade in whole:
        entry: dict[str, Any] = {}
        for fill in trade["fills"]:
            entry.setdefault(fill["contract"], fill)
        units = next(iter(entry.values()))["quantity"]
        strikes = {
            right: sorted(int(name.split()[2]) for name in entry if name.endswith(right))
            for right in ("PE", "CE")
        }
        credit = sum(
            (1 if fill["side"] == "SELL" else -1) * Decimal(fill["price"]) for fill in entry.values()
        )
        width = max(high - low for low, high in strikes.values())
        shown = payoff_svg(trade["fills"])
        said = re.search(r"best ([0-9,\u2212]+), worst ([0-9,\u2212]+) rupees", shown)
        assert said is not None
        best, worst = (float(text.replace(",", "").replace("\u2212", "-")) for text in said.groups())
        assert best == pytest.approx(float(credit * units), abs=0.51)
        assert worst == pytest.approx(float((credit - width) * units), abs=0.51)


def test_what_was_refused_is_carried_on_paper() -> None:
    """By reason, as a session's own report does it; each day's structures are closed at its last look."""
    rows = real()["refused"]
    assert rows and [row["reason"] for row in rows] == sorted(row["reason"] for row in rows)
    assert all(row["structures"] >= row["held"] for row in rows)
    assert any(row["held_net_inr"] is not None for row in rows)
    for row in rows:
        assert row["reason"] in backtest_page(real())
    told = _shown(real()).split("would have made")[1].split("decisions")[0]
    assert all(row["reason"] in told for row in rows)
    shares = _shown(real()).split("of the sessions")[1].split("refused")[0]
    regimes = {row["regime"] for row in real()["curve"]}
    assert all(regime in shares for regime in regimes)


def test_days_after_the_history_are_not_played_and_that_is_said(tmp_path: Path) -> None:
    """What is held at its end stays at its mark: nobody knows what became of it."""
    document = played(write_history(tmp_path), date(2023, 7, 6), date(2023, 9, 15), every_s=7200.0)
    assert document["last_day"] == "2023-07-10" and document["left_out"] == []
    assert any("history ends on 2023-07-10" in line for line in document["assumptions"])


def test_other_underlyings_are_not_modelled(tmp_path: Path) -> None:
    settings = loaded("market.underlying=BANKNIFTY")
    with pytest.raises(UsageError, match="modelled for NIFTY alone"):
        run_backtest(_asked(write_history(tmp_path), FIRST, LAST), settings, ROOT, NO_ERROR)


def test_a_journal_of_each_day_is_kept_where_that_is_asked_for(tmp_path: Path) -> None:
    """Whole and chained: stepped again it decides the same, and the book of the day before is in it."""
    asked = BacktestRequest(
        source="modelled",
        first=date(2023, 6, 12),
        last=date(2023, 6, 13),
        data=write_history(tmp_path),
        every_s=7200.0,
        journals=tmp_path / "days",
        resampling=FEW,
    )
    document = run_backtest(asked, loaded(*TRADED), ROOT, NO_ERROR)
    paths = sorted((tmp_path / "days").glob("*.db"))
    assert [path.name for path in paths] == ["modelled-2023-06-12-1.db", "modelled-2023-06-13-1.db"]
    assert document == run_backtest(replace(asked, journals=None), loaded(*TRADED), ROOT, NO_ERROR)
    for path in paths:
        proof = replay_journal(path)
        assert proof.identical and proof.decisions > 0
    with JournalReader.open(paths[1]) as second:
        (carried,) = second.rows(kinds=("BookCarried",))
    assert "modelled-2023-06-12-1" in carried.body
    with pytest.raises(UsageError, match="days: holds something already"):
        run_backtest(asked, loaded(*TRADED), ROOT, NO_ERROR)


def test_the_market_is_left_alone_again_once_an_exit_is_through(tmp_path: Path) -> None:
    """On 5 April 2021 two condors left at once; looks in between end within the half hour of an exit."""
    for name in ("nifty_daily.csv.gz", "india_vix_daily.csv.gz"):
        real_file(name)
    day = date(2021, 4, 5)
    asked = replace(_asked(DATA, day, day), journals=tmp_path / "days")
    run_backtest(asked, loaded(*TRADED), ROOT, NO_ERROR)
    with JournalReader.open(tmp_path / "days" / "modelled-2021-04-05-1.db") as journal:
        looks = [row.ts_ist for row in journal.rows(kinds=("MarketSnapshot",))]
        fills = [row.ts_ist for row in journal.rows(kinds=("FillBooked",))]
        exits = [row for row in journal.rows(kinds=("DecisionMade",)) if '"EXIT"' in row.body]
    between = [ts for ts in looks if (ts.minute, ts.second) not in ((15, 0), (45, 0))]
    assert len(exits) >= 2 and between
    assert all(min(abs(ts - fill) for fill in fills) <= timedelta(seconds=30) for ts in between)


def test_sessions_between_two_recordings_are_named_and_what_expired_is_settled(tmp_path: Path) -> None:
    """A spread of 9 June 2023 expired on the 15th, of which there is no recording; its close is known."""
    folder = write_history(tmp_path)
    days = (date(2023, 6, 9), date(2023, 6, 16))
    thin = loaded(*TRADED, "strategy.credit_share_of_width_min=0.02")
    files = []
    for day in days:
        made = BacktestRequest(
            source="modelled", first=day, last=day, data=folder, every_s=900.0, journals=tmp_path / str(day)
        )
        run_backtest(made, thin, ROOT, NO_ERROR)
        files.append(tmp_path / f"{day}.parquet")
        export_parquet(tmp_path / str(day) / f"modelled-{day}-1.db", files[-1])
    asked = BacktestRequest(source="chains", files=tuple(files), data=folder, resampling=FEW)
    document = run_backtest(asked, thin, ROOT, NO_ERROR)
    assert [(note["day"], note["text"]) for note in document["left_out"]] == [
        (f"2023-06-{number}", "there is no recording of it") for number in (12, 13, 14, 15)
    ]
    assert [row["day"] for row in document["curve"]] == [str(day) for day in days]
    settled = [one for trade in document["trades"] for one in trade["settled"]]
    assert len(settled) >= 2 and all(" 2023-06-15 " in one["contract"] for one in settled)
    value, last = (Decimal(row["value_inr"]) for row in document["curve"])
    assert abs(last - value - Decimal(document["curve"][1]["attribution"]["total_inr"])) <= PAISA
    with pytest.raises(DataError, match="expired on 2023-06-15, and the official close is not known"):
        run_backtest(replace(asked, data=bare(tmp_path, folder)), thin, ROOT, NO_ERROR)


def bare(folder: Path, history: Path) -> Path:
    """The history without the day of that expiry."""
    left = folder / "bare"
    left.mkdir()
    for path in history.glob("*.csv"):
        lines = [line for line in path.read_text().splitlines() if not line.startswith("2023-06-15")]
        (left / path.name).write_text("\n".join(lines) + "\n")
    return left


def test_a_record_without_sessions_says_so(tmp_path: Path) -> None:
    """A Sunday: no session, no figure, and no chart pretends."""
    document = played(write_history(tmp_path), date(2023, 6, 11), date(2023, 6, 11))
    assert document["sessions"] == 0 and document["value_inr"] is None
    assert "no session was played" in backtest_page(document)
    assert "no session to no session, 0 sessions" in _shown(document)


def _asked(folder: Path, first: date | None, last: date | None) -> BacktestRequest:
    return BacktestRequest(source="modelled", first=first, last=last, data=folder, resampling=FEW)


def _shown(document: Any) -> str:
    out = StringIO()
    Console(file=out, width=200, highlight=False).print(backtest_summary(document))
    return out.getvalue()
