"""The instrument master: contracts by key and back, broken rows named, and our dated rules compared."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests.adapters.upstox.sample_texts import FUTURE_ROW, INDEX_ROW, OPTION_ROW, STOCK_ROW
from tests.fakes import NIFTY, call, put, shipped_rules
from volguard.adapters.upstox.instruments import UNDERLYING_KEYS, VIX_KEY, Instrument, InstrumentMaster
from volguard.adapters.upstox.times import expiry_ms
from volguard.adapters.upstox.wire_instruments import InstrumentRow
from volguard.model.broker import InstrumentKey
from volguard.model.errors import DataError
from volguard.model.instrument import OptionContract, Underlying
from volguard.model.units import IST

DAY = date(2026, 9, 16)
RULES = shipped_rules().contracts
EXPIRIES = tuple(expiry.day for expiry in RULES.expiries(NIFTY, DAY)[:5])


def row(**changes: Any) -> dict[str, Any]:
    """The option row of the reference, changed."""
    return {**json.loads(OPTION_ROW), **changes}


def payload(*rows: dict[str, Any]) -> bytes:
    """A file of these rows."""
    return json.dumps(list(rows)).encode()


def master(*rows: dict[str, Any]) -> InstrumentMaster:
    """The NIFTY master of a file of these rows."""
    return InstrumentMaster.of(payload(*rows), underlying=NIFTY, source="NSE.json.gz")


def test_the_option_of_the_reference() -> None:
    """Expiry by the IST day of its last second, tick from paise, units; the rest is passed over."""
    file = [json.loads(text) for text in (FUTURE_ROW, INDEX_ROW, STOCK_ROW, OPTION_ROW)]
    found = master(*file)
    contract = call(23700, date(2026, 9, 8))
    assert found.options == (
        Instrument(
            key=InstrumentKey("NSE_FO|51834"),
            contract=contract,
            lot_size=65,
            tick=Decimal("0.05"),
            freeze_quantity=1800,
            trading_symbol="NIFTY 23700 CE 08 SEP 26",
        ),
    )
    assert found.key_of(contract) == "NSE_FO|51834"
    assert found.contract_of(InstrumentKey("NSE_FO|51834")) == contract
    assert found.instrument(contract) == found.options[0]
    assert (found.index_key, found.vix_key) == (UNDERLYING_KEYS["NIFTY"], VIX_KEY)
    assert found.expiries == (date(2026, 9, 8),)


def test_what_is_not_listed_is_none() -> None:
    """Neither a strange key nor a contract of another strike is guessed."""
    found = master(row())
    assert found.key_of(put(23700, date(2026, 9, 8))) is None
    assert found.instrument(put(23700, date(2026, 9, 8))) is None
    assert found.contract_of(InstrumentKey("NSE_FO|52168")) is None


def test_a_file_may_be_packed_or_plain() -> None:
    """The same rows are the same options; the digest is the file's, and when it came the caller says."""
    plain = payload(row())
    at = datetime(2026, 9, 16, 8, 30, tzinfo=IST)
    packed = InstrumentMaster.of(gzip.compress(plain), underlying=NIFTY, source="f", fetched_at=at)
    unpacked = InstrumentMaster.of(plain, underlying=NIFTY, source="f")
    assert packed.options == unpacked.options
    assert packed.digest != unpacked.digest
    assert packed.fetched_at == at
    assert unpacked.fetched_at is None
    again = InstrumentMaster.of(plain, underlying=NIFTY, source="g")
    assert again.digest == unpacked.digest


def test_options_come_sorted() -> None:
    """By expiry, strike, and call before put, whatever the order of the file."""
    rows = [
        row(instrument_key="NSE_FO|1", strike_price=23800.0),
        row(instrument_key="NSE_FO|2", instrument_type="PE"),
        row(instrument_key="NSE_FO|3"),
        row(instrument_key="NSE_FO|4", expiry=expiry_ms(date(2026, 9, 1))),
    ]
    assert [option.key[-1] for option in master(*rows).options] == ["4", "3", "2", "1"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"lot_size": 0}, "lot_size was 0.0, must be above 0"),
        ({"lot_size": None}, "`lot_size`"),
        ({"lot_size": "many"}, "`$.lot_size`"),
        ({"freeze_quantity": -1800.0}, "freeze_quantity was -1800.0"),
        ({"freeze_quantity": 1800.5}, "freeze_quantity was 1800.5, must be a whole number"),
        ({"tick_size": 0}, "tick_size was 0.0"),
        ({"tick_size": {}}, "`$.tick_size`"),
        ({"strike_price": 0.0}, "strike_price was 0.0"),
        ({"strike_price": 23700.5}, "strike_price was 23700.5, must be a whole number"),
        ({"strike_price": "nan"}, "strike_price was nan"),
        ({"expiry": None}, "`expiry`"),
        ({"expiry": 0}, "expiry was empty"),
        ({"expiry": "Tuesday"}, "'Tuesday' is not a time"),
        ({"instrument_key": " "}, "instrument_key was empty"),
        ({"instrument_key": 51834}, "`$.instrument_key`"),
        ({"trading_symbol": None}, "`trading_symbol`"),
    ],
)
def test_a_broken_row_of_ours_is_named(changes: dict[str, Any], field: str) -> None:
    """Source, place in the file, and field: a master with a hole would price or size an order wrongly."""
    with pytest.raises(DataError, match=r"^NSE\.json\.gz: row 1 \(") as caught:
        master(json.loads(STOCK_ROW), row(**changes))
    assert field in caught.value.message
    assert caught.value.hint == "fetch the instrument file again"


@pytest.mark.parametrize(
    "broken",
    [
        row(underlying_key="NSE_INDEX|Nifty Bank", asset_key=None, lot_size="?", expiry={}),
        row(segment="BSE_FO", strike_price=None),
        row(instrument_type="FUT", strike_price=None),
        row(underlying_key="NSE_INDEX|NIFTY NEXT 50", underlying_symbol="NIFTY", lot_size=0),
        {"segment": 7, "instrument_type": ["CE"], "expiry": True},
        {},
    ],
)
def test_broken_rows_of_others_are_passed_over(broken: dict[str, Any]) -> None:
    """Another underlying, another exchange, another kind: what we never trade cannot stop us."""
    assert len(master(broken, row()).options) == 1


def test_an_underlying_is_known_by_key_and_without_one_by_symbol() -> None:
    """The asset's name serves where the underlying's is missing."""
    asset = row(underlying_key=None, underlying_symbol=None)
    symbol = row(underlying_key=None, asset_key=None, asset_symbol=None)
    asset_symbol = row(underlying_key=None, asset_key=None, underlying_symbol=None)
    for one in (asset, symbol, asset_symbol):
        assert len(master(one).options) == 1
    with pytest.raises(DataError, match="no option of NIFTY"):
        master(row(underlying_key=None, asset_key=None, underlying_symbol=None, asset_symbol=None))


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([row(), row(instrument_key="NSE_FO|2")], "1 rows of NIFTY repeat a contract"),
        ([row(), row(instrument_type="PE")], "1 rows of NIFTY repeat a key"),
        ([json.loads(STOCK_ROW)], "no option of NIFTY"),
        ([], "no option of NIFTY"),
    ],
)
def test_a_contract_has_one_key_and_a_key_one_contract(rows: list[dict[str, Any]], why: str) -> None:
    """Where two rows claim one contract, or there is none, no order may be sent by the file."""
    with pytest.raises(DataError, match=why):
        master(*rows)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no instrument file"),
        (b"<html>", "no instrument file"),
        (b'{"status":"error"}', "no instrument file"),
        (b"[1]", "no instrument file"),
        (payload(row())[:-40], "no instrument file"),
        (gzip.compress(payload(row()), mtime=0)[:-20], "cannot be unpacked"),
        (b"\x1f\x8bnonsense", "cannot be unpacked"),
        (gzip.compress(payload(row()), mtime=0)[:20] + b"\x00" * 40, "cannot be unpacked"),
    ],
)
def test_a_file_that_is_none_is_refused(content: bytes, why: str) -> None:
    """A page, a torn download or another document is never half a master."""
    with pytest.raises(DataError, match=f"^NSE.json.gz: {why}"):
        InstrumentMaster.of(content, underlying=NIFTY, source="NSE.json.gz")


def test_an_underlying_without_a_key_is_refused() -> None:
    """The broker's name of an index is known or it is not traded."""
    with pytest.raises(DataError, match="key of FINNIFTY is not known"):
        InstrumentMaster.of(payload(row()), underlying=Underlying("FINNIFTY"), source="f")


# --- against our own rules ------------------------------------------------------------------------


def listed(contracts: Sequence[OptionContract]) -> list[Instrument]:
    """Instruments that agree with the rules."""
    return [
        Instrument(
            key=InstrumentKey(f"NSE_FO|{number}"),
            contract=contract,
            lot_size=RULES.lot_size(NIFTY, DAY, contract.expiry),
            tick=RULES.tick(NIFTY, DAY),
            freeze_quantity=RULES.freeze_quantity(NIFTY, DAY),
            trading_symbol=contract.symbol,
        )
        for number, contract in enumerate(contracts)
    ]


def chain(*expiries: date) -> list[OptionContract]:
    """Calls and puts at the rules' step around 25,000, and at twice the step far away."""
    return [
        make(strike, expiry)
        for expiry in expiries
        for strike in (22000, 23000, *range(24800, 25201, RULES.strike_step(NIFTY, DAY, expiry)), 28000)
        for make in (call, put)
    ]


def differences(change: Callable[[Instrument], Instrument | None] = lambda one: one) -> tuple[str, ...]:
    """What a master of changed instruments says against the rules (None: left out)."""
    options = [new for one in listed(chain(*EXPIRIES)) if (new := change(one)) is not None]
    index_keys = frozenset({UNDERLYING_KEYS["NIFTY"], VIX_KEY})
    found = InstrumentMaster(options, underlying=NIFTY, source="f", digest="", index_keys=index_keys)
    return found.differences(RULES, DAY)


def test_a_file_that_agrees_has_no_differences() -> None:
    """Lots, ticks, freeze quantities, steps and expiries of the nearest five as the rules have them."""
    assert differences() == ()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"lot_size": 75}, "lot size was 65, 75 in the file, 65 by the rules"),
        ({"freeze_quantity": 2800}, "freeze quantity was 1800, 2800 in the file, 1800 by the rules"),
        ({"tick": Decimal("0.1")}, "tick was 0.05, 0.1 in the file, 0.05 by the rules"),
    ],
)
def test_one_instrument_of_other_size_is_seen(change: dict[str, Any], expected: str) -> None:
    """A single contract that differs from the rules is named with both figures, by its expiry."""
    odd = call(25000, EXPIRIES[1])
    told = differences(lambda one: replace(one, **change) if one.contract == odd else one)
    assert told == (f"expiry {EXPIRIES[1]}: {expected}",)


def test_another_strike_step_is_seen() -> None:
    """The step is the largest that all strikes are multiples of: wider and finer ones both differ."""
    step = RULES.strike_step(NIFTY, DAY, EXPIRIES[0])

    def wider(one: Instrument) -> Instrument | None:
        is_between = one.contract.expiry == EXPIRIES[0] and one.contract.strike % (2 * step)
        return None if is_between else one

    def finer(one: Instrument) -> Instrument:
        if one.contract != call(25000, EXPIRIES[0]):
            return one
        return replace(one, contract=replace(one.contract, strike=25000 + step // 2))

    assert differences(wider) == (
        f"expiry {EXPIRIES[0]}: strike step was {2 * step} in the file, {step} by the rules",
    )
    assert differences(finer) == (
        f"expiry {EXPIRIES[0]}: strike step was {step // 2} in the file, {step} by the rules",
    )


def test_expiries_that_only_one_side_knows_are_seen() -> None:
    """An expiry missing in the file, and one the rules do not list, are two differences."""
    moved = date(2026, 9, 30)

    def re_dated(one: Instrument) -> Instrument:
        if one.contract.expiry != EXPIRIES[1]:
            return one
        return replace(one, contract=replace(one.contract, expiry=moved))

    told = differences(re_dated)
    assert told[:2] == (
        f"expiry {EXPIRIES[1]}: listed by the rules, not among the nearest 5 of the file",
        f"expiry {moved}: in the file, not among the nearest 5 by the rules",
    )
    assert any("lot size not compared, table contracts" in text for text in told[2:])


def test_what_has_expired_is_not_compared() -> None:
    """Yesterday's rows may linger in a file; they change nothing."""
    old = replace(listed([call(25000, EXPIRIES[0])])[0], lot_size=50, key=InstrumentKey("NSE_FO|old"))
    stale = replace(old, contract=call(25000, date(2026, 9, 15)))
    options = [stale, *listed(chain(*EXPIRIES))]
    found = InstrumentMaster(options, underlying=NIFTY, source="f", digest="")
    assert found.differences(RULES, DAY) == ()


def test_a_file_without_the_index_or_its_vix_differs() -> None:
    """The feed is asked for both by name: a name that is gone must be seen before the open."""
    options = listed(chain(*EXPIRIES))
    found = InstrumentMaster(
        options, underlying=NIFTY, source="f", digest="", index_keys=frozenset({"NSE_INDEX|Nifty 50"})
    )
    assert found.differences(RULES, DAY) == (f"index {VIX_KEY}: not in the file",)


def test_a_day_beyond_the_rules_is_a_difference() -> None:
    """Rules that end before the day compare nothing, and that is said instead of agreed to."""
    options = listed(chain(*EXPIRIES))
    found = InstrumentMaster(options, underlying=NIFTY, source="f", digest="")
    (text,) = found.differences(RULES, date(2027, 3, 1))
    assert "has no row" in text


def test_a_written_file_is_read_back() -> None:
    """Rows that are written as the broker does, and packed, read as the same options."""
    rows = [
        InstrumentRow(
            segment="NSE_FO",
            instrument_type=option.contract.option_type.value,
            instrument_key=option.key,
            trading_symbol=option.trading_symbol,
            expiry=expiry_ms(option.contract.expiry),
            strike_price=float(option.contract.strike),
            lot_size=option.lot_size,
            freeze_quantity=float(option.freeze_quantity),
            tick_size=float(option.tick * 100),
            underlying_key=UNDERLYING_KEYS["NIFTY"],
        )
        for option in listed(chain(*EXPIRIES))
    ]
    content = gzip.compress(msgspec.json.encode(rows))
    found = InstrumentMaster.of(content, underlying=NIFTY, source="f")
    assert set(found.options) == set(listed(chain(*EXPIRIES)))
    assert found.differences(RULES, DAY) == ()
