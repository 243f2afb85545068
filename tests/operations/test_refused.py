"""What refusing cost or saved, from journals alone: made by hand, and of the recorded day."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tests.cli.command import CHAIN, needs_real_day
from tests.fakes import (
    NIFTY,
    ROOT,
    TRADING,
    FakeMarket,
    chain,
    make_runner,
    paper,
    session_started,
    shipped_rules,
    source_info,
)
from tests.report.refusals import AT_ENTRY, AT_MARK, LATER, TS, candidate, decision
from volguard.adapters.journal_reader import JournalReader
from volguard.adapters.replay import ReplayMarket
from volguard.adapters.sqlite_journal import SqliteJournal
from volguard.config.loader import load
from volguard.config.roots import Root
from volguard.config.settings import SECTIONS, Settings
from volguard.engine.state import State
from volguard.engine.step import Engine
from volguard.model.decision import Decision
from volguard.model.event import DecisionMade, HistoryLoaded, MarketSeen, MarketSnapshot, SessionStarted
from volguard.model.market import ChainSnapshot
from volguard.operations.refused import refused_document, refused_session, refused_sessions
from volguard.report.refused_gather import gather_refused
from volguard.report.refused_tables import refused_line, refused_tables, verdict
from volguard.volatility.forecast import NO_FORECASTS

DEAR = (*TRADING, "strategy.cost_share_of_credit_max=0.03")
LOT_OF_2025 = 75
MARGIN_ALONE = replace(NO_FORECASTS, nse_sigma_daily=0.007)  # no edge is asked for
# By hand from the schedule in force on 29 August 2025, per rupee of premium.
FEES, IPFT, STT, STAMP, GST = (Decimal(x) for x in ("0.0003513", "0.000005", "0.001", "0.00003", "1.18"))
Look = tuple[ChainSnapshot, float, float | None, Sequence[Decision]]


def started(*overrides: str, **changes: Any) -> SessionStarted:
    """A session's first row with the shipped settings in it."""
    root = Root(path=ROOT, is_packaged=False, config_dir=ROOT / "config")
    loaded = load(root, overrides, settings_class=Settings, sections=SECTIONS)
    return replace(session_started(), settings=loaded.values, settings_hash=loaded.digest, **changes)


def write(path: Path, looks: Sequence[Look], first: SessionStarted | None = None) -> Path:
    """A journal of looks: each its chain, quality, seconds of the hole before it, and what was decided."""
    journal = SqliteJournal.open(path, create=True)
    try:
        journal.commit(journal.append(started() if first is None else first), (), (), durable=True)
        for shot, quality, gap_s, decisions in looks:
            seen = MarketSeen(ts=shot.ts, quality=quality, figures={} if gap_s is None else {"gap_s": gap_s})
            made = [DecisionMade(decision=one) for one in decisions]
            seq = journal.append(MarketSnapshot(ts=shot.ts, snapshot=shot))
            journal.commit(seq, (seen, *made), (), durable=True)
    finally:
        journal.close()
    return path


def condor_day() -> list[Look]:
    """Refused at ten, and again a minute later; good until three, then doubtful."""
    minute = timedelta(minutes=1)
    again = decision(candidate("cost_test"), ts=TS + minute)
    return [
        (chain(TS, AT_ENTRY), 0.9, None, [decision(candidate("cost_test")), decision(reason="iv_rv_avoid")]),
        (chain(TS + minute, AT_MARK), 0.9, None, [again]),
        (chain(LATER, AT_MARK), 0.5, None, []),
        (chain(LATER + minute, AT_ENTRY), 0.49, None, []),
        (chain(LATER + 5 * minute, AT_ENTRY), 0.9, 240.0, []),
    ]


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """That day's journal."""
    return write(tmp_path / "replay-2026-09-16-1.db", condor_day())


def test_a_day_by_hand(journal: Path) -> None:
    """One lot in at ten, out at three: 40.80 less 44.30 on 65 units, eight orders; no later look is good."""
    (one,) = refused_document([refused_session(journal)])["sessions"]
    day = one["refused"]
    assert day["marked_at"] == LATER.isoformat()
    (row,) = day["structures"]
    assert (row["gross_inr"], row["reason"], row["lots"]) == ("-227.50", "cost_test", 1)
    charges = 8 * Decimal("23.6") + (Decimal("211.8123435") - 8 * Decimal("23.6")) / 2
    assert row["charges_inr"] == str(charges.quantize(Decimal("0.01"))) == "200.31"
    assert row["net_inr"] == day["net_inr"] == "-427.81" and row["is_held"] is True
    assert day["no_candidate_was_made"] == [{"bucket": "WEEKLY", "reason": "iv_rv_avoid", "waits": 1}]
    assert refused_line(day) == (
        "refusing saved 427.81 INR: 1 of 1 structures held on paper (cost_test 1); "
        "waits where no candidate was made: 1"
    )


def test_without_a_limit_of_quality_no_look_is_known_to_be_good(tmp_path: Path) -> None:
    """Nothing is marked then."""
    path = write(tmp_path / "replay-2026-09-16-1.db", condor_day(), session_started())
    with JournalReader.open(path) as reader:
        day = gather_refused(reader, session_started(), shipped_rules())
    assert day.marked_at is None and day.net_inr is None
    assert [one.missing for one in day.structures] == ["no good look at the market came after it"]


def test_the_same_day_again_counts_once(journal: Path) -> None:
    """Of two journals of one recording and settings the newest; one that is torn is named and left out."""
    again = write(journal.with_name("replay-2026-09-16-2.db"), condor_day())
    other = write(
        journal.with_name("replay-2026-09-16-3.db"), condor_day(), started("strategy.cool_down_s=60")
    )
    torn = journal.with_name("torn.db")
    torn.write_text("no journal")
    document = refused_document(refused_sessions([journal, again, other, torn]))
    told = {Path(one["journal"]).name: one["left_out"] for one in document["sessions"]}
    assert told[journal.name] == f"the same day again in {again.name}"
    assert told[again.name] is told[other.name] is None
    assert told[torn.name] and "torn.db" in told[torn.name]
    assert (document["counted"], document["held"], document["net_inr"]) == (2, 2, "-855.62")
    assert [(row["reason"], row["structures"]) for row in document["by_reason"]] == [("cost_test", 2)]


def test_two_journals_of_an_account_are_two_parts_of_its_day(journal: Path) -> None:
    """A real market comes once: each session of it counts."""
    live = replace(source_info(), kind="upstox")
    names = ("first", "second")
    paths = [
        write(journal.with_name(f"{name}.db"), condor_day(), started(session_id=name, source=live))
        for name in names
    ]
    assert refused_document(refused_sessions(paths))["counted"] == 2


def test_an_empty_journal_is_left_out(tmp_path: Path, journal: Path) -> None:
    """A session that never began has refused nothing."""
    empty = tmp_path / "empty.db"
    shutil.copy(journal, empty)
    empty.write_bytes(b"")
    (found,) = refused_sessions([empty])
    assert found.day is None and "empty" in found.left_out


def test_the_terminal_says_what_refusing_did(journal: Path) -> None:
    """A line a session, a line a reason, the verdict, and the rule by which it is reckoned."""
    printed = Console(width=110, file=StringIO(), record=True, color_system=None)
    printed.print(refused_tables(refused_document(refused_sessions([journal]))))
    text = " ".join(printed.export_text().split())
    for words in (
        "2026-09-16 SHADOW 1 0 1 \u2212427.81",
        "cost_test 1 0 \u2212427.81 1 \u2212427.81",
        "no candidate was made: iv_rv_avoid 1",
        "refusing saved 427.81 INR; sessions counted 1, structures held on paper 1",
        "no exit rule applied",
    ):
        assert words in text


def test_a_verdict_is_of_the_refusal() -> None:
    """A gain not made is a cost; nothing known is no figure."""
    assert verdict("1234.50") == "refusing cost 1,234.50 INR"
    assert verdict("0.00") == "refusing changed nothing"
    assert verdict(None) == "no refusal has a result on paper"


@cache
def recording() -> tuple[ChainSnapshot, ...]:
    """The first hour of the recorded day."""
    rules = shipped_rules()
    market = ReplayMarket(CHAIN, lot_size=lambda day, expiry: rules.contracts.lot_size(NIFTY, day, expiry))
    shots = [shot for shot in islice(market.snapshots(), 60) if isinstance(shot, ChainSnapshot)]
    return tuple(shots)


@needs_real_day
def test_the_recorded_morning_with_a_tight_cost_test(tmp_path: Path) -> None:
    """Each structure refused, reckoned again from the recording's quotes and the schedule by hand."""
    shots = recording()
    info = replace(source_info(60.0), trading_date=shots[0].ts.date())
    first = started(*DEAR, source=info, trading_date=info.trading_date, ts=shots[0].ts - timedelta(minutes=1))
    history = HistoryLoaded(
        ts=first.ts, underlying=NIFTY, origin="none", index=(), vix=(), forecasts=MARGIN_ALONE
    )
    path = tmp_path / "replay-2025-08-29-1.db"
    journal = SqliteJournal.open(path, create=True)
    root = Root(path=ROOT, is_packaged=False, config_dir=ROOT / "config")
    settings = load(root, DEAR, settings_class=Settings, sections=SECTIONS).settings
    engine = Engine(settings.engine, shipped_rules())
    market = FakeMarket(info=info, shots=shots)
    try:
        exchange = paper(cadence_s=60.0, lot=LOT_OF_2025)
        make_runner(market, journal, engine=engine, exchange=exchange).run((first, history), State())
    finally:
        journal.close()
    document = refused_document([refused_session(path)])
    assert json.dumps(document) == json.dumps(refused_document([refused_session(path)]))
    day = document["sessions"][0]["refused"]
    known = [row for row in day["structures"] if row["net_inr"] is not None]
    assert len(known) >= 3 and "cost_test" in {row["reason"] for row in known}
    keys = [
        (row["bucket"], row["structure"], tuple(row["strikes"]), row["expiry"], row["reason"])
        for row in day["structures"]
    ]
    assert len(keys) == len(set(keys))
    looks = {shot.ts: shot for shot in shots}
    for row in known:
        _check(row, looks[datetime.fromisoformat(row["ts"])], looks[datetime.fromisoformat(day["marked_at"])])
    for row in day["structures"]:
        assert (row["net_inr"] is None) == bool(row["missing"])


def _check(row: dict[str, Any], entry: ChainSnapshot, at_mark: ChainSnapshot) -> None:
    kinds = {2: {"BULL_PUT_SPREAD": "PP", "BEAR_CALL_SPREAD": "CC"}.get(row["structure"]), 4: "PPCC"}
    types = kinds[len(row["strikes"])]
    assert types is not None
    signs = {"PP": (1, -1), "CC": (-1, 1), "PPCC": (1, -1, -1, 1)}[types]
    units = row["lots"] * LOT_OF_2025
    gross, charges = Decimal(0), Decimal(0)
    for strike, option, sign in zip(row["strikes"], types, signs, strict=True):
        for look, way in ((entry, sign), (at_mark, -sign)):
            price = _price(look, date.fromisoformat(row["expiry"]), strike, option == "C", way)
            premium = units * price
            gross -= way * premium
            charges += (20 + premium * FEES) * GST + premium * (IPFT + (STAMP if way > 0 else STT))
    assert Decimal(row["gross_inr"]) == gross
    assert abs(Decimal(row["charges_inr"]) - charges) <= Decimal("0.01")
    assert Decimal(row["net_inr"]) == Decimal(row["gross_inr"]) - Decimal(row["charges_inr"])


def _price(look: ChainSnapshot, expiry: date, strike: int, is_call: bool, way: int) -> Decimal:
    listing = look.listing
    rows = [
        row
        for row in range(len(listing))
        if listing.strike[row] == strike
        and bool(listing.is_call[row]) is is_call
        and listing.expiries[int(listing.expiry_index[row])] == expiry
    ]
    (row,) = rows
    quoted = look.ask[row] if way > 0 else look.bid[row]
    return Decimal(str(round(float(quoted), 2)))
