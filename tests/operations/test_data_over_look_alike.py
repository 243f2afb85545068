"""The data commands over the look-alike, in this process: the broker's own answers, chunks and faults."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest

from tests.adapters.upstox.client_parts import upstox_settings
from tests.fakes import NIFTY, ROOT, shipped, shipped_rules
from tests.operations.data_parts import Heard, desk_at
from volguard.adapters.history import FileHistory
from volguard.adapters.manifest import Manifest
from volguard.adapters.upstox.client import UpstoxClient
from volguard.adapters.upstox.failures import ApiFailure
from volguard.adapters.upstox.instruments import InstrumentMaster
from volguard.adapters.upstox.market_reads import MarketReads
from volguard.config import Root
from volguard.model.broker import ErrorClass
from volguard.model.instrument import OptionContract, OptionType, Underlying
from volguard.model.units import IST
from volguard.operations.data_chain import current_chain_document
from volguard.operations.data_desk import DataDesk
from volguard.operations.data_history import HistoryRequest, fetch_history
from volguard.operations.data_history_outcome import HistoryFetched, Interval
from volguard.operations.data_instruments import fetch_instruments, master_of_today
from volguard.operations.data_series import find_series
from volguard.simulator.upstox_server.clock import VirtualClock
from volguard.simulator.upstox_server.faults import FaultName, FaultRule, Faults
from volguard.simulator.upstox_server.in_process import transport
from volguard.simulator.upstox_server.options import LookAlikeOptions
from volguard.simulator.upstox_server.server import LookAlike
from volguard.wiring import Source, SourceRequest, open_source

DAY = date(2026, 9, 16)
AT = datetime(2026, 9, 16, 11, 0, tzinfo=IST)
RULES = shipped_rules()
ASKED = HistoryRequest(
    interval=Interval.DAY, first=date(2026, 7, 1), last=None, force=False, source="look-alike"
)


@cache
def _source() -> Source:
    root = Root(path=ROOT, is_packaged=False, config_dir=ROOT / "config")
    return open_source(SourceRequest(cadence_s=300.0), shipped(), root, RULES)


@dataclass(frozen=True, kw_only=True)
class Broker:
    """A look-alike, and the way to it."""

    core: LookAlike
    clock: VirtualClock
    client: UpstoxClient
    reads: MarketReads

    def desk(self, data: Path, heard: Heard | None = None) -> DataDesk:
        """A desk at the look-alike's time."""
        return replace(desk_at(data, heard), moment=self.clock.now)

    def history(
        self, data: Path, words: str, request: HistoryRequest = ASKED, heard: Heard | None = None
    ) -> HistoryFetched:
        """Fetch one series."""
        desk = self.desk(data, heard)

        def master(underlying: Underlying) -> InstrumentMaster:
            return master_of_today(desk, self.reads.instrument_file, underlying, "look-alike")

        series = [find_series(words, desk.moment().date(), self.reads, master)]
        return fetch_history(
            series, request, desk, self.reads, folder=data / "history", calendar=RULES.calendar
        )


@contextmanager
def broker(*faults: FaultRule, has_plus: bool = False, has_token: bool = True) -> Iterator[Broker]:
    """A look-alike of the fixed day at eleven, and a client over it."""
    source, clock = _source(), VirtualClock(AT)
    core = LookAlike(
        market=source.market,
        history=source.history,
        rules=RULES,
        clock=clock,
        options=LookAlikeOptions(
            api_key="key",
            api_secret="secret",
            redirect_uris=("http://127.0.0.1:5055/callback",),
            capital_inr=Decimal(2_000_000),
            has_plus=has_plus,
        ),
        faults=Faults(faults, seed=1),
    )
    token = core.issue_token() if has_token else None
    client = UpstoxClient(upstox_settings(), token=lambda: token, clock=clock, transport=transport(core))
    try:
        yield Broker(core=core, clock=clock, client=client, reads=MarketReads(client))
    finally:
        client.close()


def test_the_instrument_file_agrees_with_the_dated_rules(tmp_path: Path) -> None:
    """The look-alike lists what the rules say: the same lots, steps and expiries; no token is needed."""
    with broker(has_token=False) as at:
        fetched = fetch_instruments(
            at.desk(tmp_path), at.reads.instrument_file, NIFTY, [], RULES, source="look-alike", force=False
        )
    assert (fetched.exit_code, fetched.listed[0].differences) == (0, ())
    assert fetched.listed[0].options > 1000
    assert fetched.path.name == "NSE-2026-09-16.json.gz"


@pytest.mark.parametrize(("words", "name"), [("NIFTY", "NIFTY"), ("INDIA_VIX", "INDIA_VIX")])
def test_daily_history_is_the_one_that_the_look_alike_was_given(
    tmp_path: Path, words: str, name: str
) -> None:
    """Every day of the index and VIX comes out as it went in, to the paisa, without a token."""
    with broker(has_token=False) as at:
        fetched = at.history(tmp_path, words)
    assert (fetched.exit_code, fetched.outcomes[0].gaps) == (0, ())
    source = _source().history
    assert source is not None
    known = {bar.day: bar for bar in source.daily(name, DAY)}
    bars = FileHistory(tmp_path / "history").daily(name, DAY + timedelta(days=1))
    assert [bar.day for bar in bars] == list(RULES.calendar.trading_days(date(2026, 7, 1), date(2026, 9, 15)))
    for bar in bars:
        assert bar.close == pytest.approx(known[bar.day].close, abs=0.006)


def test_minutes_come_month_by_month(tmp_path: Path) -> None:
    """One call a month within the broker's span limits; every session has its minutes, none twice."""
    with broker() as at:
        request = replace(ASKED, interval=Interval.MINUTE)
        before = at.core.counts.requests
        fetched = at.history(tmp_path, "NIFTY", request)
        assert at.core.counts.requests - before == 3
        again = at.history(tmp_path, "NIFTY", request)
        assert at.core.counts.requests - before == 3
    (outcome,) = fetched.outcomes
    assert (fetched.exit_code, outcome.gaps, outcome.short_days) == (0, (), ())
    assert outcome.bars > 300 * len(RULES.calendar.trading_days(date(2026, 7, 1), date(2026, 9, 15)))
    assert (again.outcomes[0].bars, again.outcomes[0].added) == (outcome.bars, 0)


def test_a_listed_option_by_its_words(tmp_path: Path) -> None:
    """The contract is found in the day's instrument file, which is fetched for it and kept."""
    expiry = RULES.contracts.expiries(NIFTY, DAY)[1].day
    with broker() as at:
        strike = 50 * round((at.reads.chain(_index_key(), expiry).spot or 0.0) / 50)
        fetched = at.history(tmp_path, f"NIFTY {expiry} {strike} CE", replace(ASKED, first=None))
    (outcome,) = fetched.outcomes
    assert outcome.bars > 5 and fetched.exit_code == 0
    assert outcome.series.contract == OptionContract(
        underlying=NIFTY, expiry=expiry, strike=strike, option_type=OptionType.CALL
    )
    kinds = {entry.path: entry.kind for entry in Manifest(tmp_path).entries()}
    assert kinds == {
        f"history/nifty_{expiry}_{strike}_ce_daily.csv": "daily",
        "instruments/NSE-2026-09-16.json.gz": "instruments",
    }


def _index_key() -> str:
    from volguard.adapters.upstox.instruments import UNDERLYING_KEYS

    return UNDERLYING_KEYS["NIFTY"]


@pytest.mark.parametrize("interval", list(Interval))
def test_an_expired_option_needs_the_paid_plan(tmp_path: Path, interval: Interval) -> None:
    """With Plus a past contract is found and fetched up to its expiry; without it the broker's no is told."""
    request = replace(ASKED, interval=interval, first=date(2026, 8, 20))
    with broker(has_plus=True) as at:
        expiry = at.reads.expired_expiries(_index_key())[-1]
        rows = at.reads.expired_contracts(_index_key(), expiry)
        contract = rows[len(rows) // 2].contract(NIFTY)
        assert contract is not None
        fetched = at.history(tmp_path, contract.symbol, request)
        assert fetched.outcomes[0].bars > 0
        assert fetched.outcomes[0].last == expiry < DAY
        assert re.fullmatch(r"NSE_FO\|\d+\|\d\d-\d\d-\d{4}", fetched.outcomes[0].series.key)
    with broker() as at, pytest.raises(ApiFailure) as refused:
        at.history(tmp_path / "b", contract.symbol, request)
    assert (refused.value.code, refused.value.error_class) == ("UDAPI1149", ErrorClass.REJECT)


def test_without_a_token_an_expired_option_is_a_matter_of_logging_in(tmp_path: Path) -> None:
    """Expired instruments are the one thing here that needs a token: exit 4."""
    with broker(has_plus=True, has_token=False) as at, pytest.raises(ApiFailure) as refused:
        at.history(tmp_path, "NIFTY 2026-09-08 24500 CE")
    assert refused.value.exit_code == 4


def test_passing_faults_are_outwaited(tmp_path: Path) -> None:
    """Slow, limited and failing answers: the reads are repeated, and the history is whole."""
    rules = [
        FaultRule(name=FaultName.SERVER_ERROR_BEFORE, every=3),
        FaultRule(name=FaultName.RATE_LIMIT, every=4),
        FaultRule(name=FaultName.LATENCY, every=2, size=0.5),
    ]
    with broker(*rules) as at:
        fetched = at.history(tmp_path, "NIFTY", replace(ASKED, interval=Interval.MINUTE))
        assert len(at.core.faults.fired) >= 2
    assert (fetched.exit_code, fetched.outcomes[0].gaps) == (0, ())


@pytest.mark.parametrize("fault", [FaultName.HTML_403, FaultName.EMPTY_400, FaultName.SERVER_ERROR_BEFORE])
def test_a_lasting_fault_is_told_and_costs_nothing(tmp_path: Path, fault: FaultName) -> None:
    """An answer that never comes right is an error with the reason; what was there before is as it was."""
    with broker() as at:
        at.history(tmp_path, "NIFTY")
    before = (tmp_path / "history" / "nifty_daily.csv").read_bytes()
    with broker(FaultRule(name=fault, probability=1.0)) as at, pytest.raises(ApiFailure):
        at.history(tmp_path, "NIFTY", replace(ASKED, first=date(2026, 6, 1)))
    assert (tmp_path / "history" / "nifty_daily.csv").read_bytes() == before


def test_the_chain_as_it_stands(tmp_path: Path) -> None:
    """Both sides of each strike around the level, volatility as a decimal, sizes in units."""
    with broker() as at:
        document = current_chain_document(at.desk(tmp_path), at.reads, NIFTY, None)
    listed = [expiry.day.isoformat() for expiry in RULES.contracts.expiries(NIFTY, DAY)]
    assert document["expiries"] == listed
    assert document["expiry"] == listed[0]
    nearest = min(document["strikes"], key=lambda row: abs(row["strike"] - document["spot"]))
    for side in (nearest["call"], nearest["put"]):
        assert 0.0 < side["bid"] < side["ask"]
        assert side["bid_qty"] % 65 == 0
        assert 0.03 < side["iv"] < 1.0
