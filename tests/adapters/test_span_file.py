"""A SPAN file of the clearing corporation is read for one underlying; each fault names file and element."""

from __future__ import annotations

import math
import tomllib
from datetime import date
from pathlib import Path

import msgspec
import pytest

from volguard.adapters.span_file import SpanFile, margin_by_file, read_span_file
from volguard.measure.margin import NOTHING_HELD, Margin, NoMargin
from volguard.model.book import Position
from volguard.model.errors import DataError
from volguard.model.instrument import OptionContract, OptionType, Underlying
from volguard.nse.margin_rules import MarginRules, MarginTables

CONFIG = Path(__file__).parents[2] / "config" / "margin.toml"
RULES = MarginRules(msgspec.convert(tomllib.loads(CONFIG.read_text()), MarginTables))
NIFTY = Underlying("NIFTY")
DAY, NEAR, FAR = date(2026, 5, 29), date(2026, 6, 30), date(2026, 7, 28)
RULE = RULES.on(NIFTY, DAY)
CALL, PUT = OptionType.CALL, OptionType.PUT
LOT = 65


def array(losses: list[float], delta: float) -> str:
    return "<ra><r>1</r>" + "".join(f"<a>{loss}</a>" for loss in losses) + f"<d>{delta}</d></ra>"


# What one long unit loses: the future and the call when the index falls, the put when it rises.
FUTURE_LOSS = [0, 0, -700, -700, 700, 700, -1400, -1400, 1400, 1400, -2100, -2100, 2100, 2100, -1470, 1470]
CALL_LOSS = [-90, 80, -500, -460, 300, 350, -1150, -1130, 410, 430, -1750, -1740, 430, 437, -1300, 153]
PUT_LOSS = [-90, 80, 240, 290, -480, -450, 350, 370, -1100, -1090, 380, 388, -1700, -1690, 136, -1280]
SCAN = "<scanRate><r>1</r><priceScan>2100.0</priceScan><volScan>0.05</volScan></scanRate>"


def option(right: str, strike: float, price: float, losses: list[float], delta: float) -> str:
    return (
        f"<opt><cId>7</cId><o>{right}</o><k>{strike:.2f}</k><p>{price}</p><d>{delta}</d><v>0.15</v>"
        f"{array(losses, delta)}</opt>"
    )


def span_xml() -> str:
    """A small file of one underlying beside another."""
    return f"""<?xml version="1.0" encoding="ISO-8859-1"?>
<spanFile>
 <fileFormat>4.00</fileFormat>
 <created>202605291730</created>
 <definitions><currencyDef><currency>INR</currency></currencyDef></definitions>
 <pointInTime>
  <date>20260529</date>
  <isSetl>1</isSetl>
  <clearingOrg>
   <ec>NSCCL</ec>
   <exchange>
    <exch>NSE</exch>
    <phyPf><pfId>1</pfId><pfCode>NIFTY</pfCode><cvf>1.00</cvf>
     <phy><cId>1</cId><p>23500.00</p></phy></phyPf>
    <phyPf><pfId>9</pfId><pfCode>OTHER</pfCode><phy><cId>1</cId><p>99.00</p></phy></phyPf>
    <futPf><pfId>2</pfId><pfCode>NIFTY</pfCode><cvf>1.00</cvf>
     <fut><cId>1</cId><pe>20260630</pe><p>23700.00</p><d>1</d><v>0.14</v><cvf>1.00</cvf>{SCAN}
      {array(FUTURE_LOSS, 1.0)}</fut>
     <fut><cId>2</cId><pe>20260728</pe><p>23850.00</p><d>1</d><v>0.14</v>{SCAN}
      {array(FUTURE_LOSS, 1.0)}</fut></futPf>
    <oopPf><pfId>3</pfId><pfCode>NIFTY</pfCode><cvf>1.00</cvf>
     <series><pe>20260630</pe><cvf>1.00</cvf>{SCAN}
      {option("C", 23700, 437.65, CALL_LOSS, 0.48)}
      {option("P", 23700, 389.10, PUT_LOSS, -0.51)}</series></oopPf>
    <oopPf><pfId>4</pfId><pfCode>OTHER</pfCode>
     <series><pe>20260630</pe><opt><o>X</o></opt></series></oopPf>
   </exchange>
   <ccDef><cc>NIFTY</cc><name>NIFTY</name>
    <somTiers><tier><tn>1</tn><rate><r>1</r><val>0.00</val></rate></tier></somTiers>
    <dSpread><spread>1</spread><chargeMeth>F</chargeMeth><rate><r>1</r><val>420.00</val></rate>
     <pLeg><cc>NIFTY</cc><pe>20260630</pe><rs>A</rs><i>1.0</i></pLeg>
     <pLeg><cc>NIFTY</cc><pe>20260728</pe><rs>B</rs><i>1.0</i></pLeg></dSpread></ccDef>
  </clearingOrg>
 </pointInTime>
</spanFile>
"""


def changed(old: str, new: str) -> str:
    text = span_xml()
    assert old in text
    return text.replace(old, new)


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "nsccl.20260529.s.spn"
    path.write_text(text, encoding="latin-1")
    return path


@pytest.fixture
def span_file(tmp_path: Path) -> SpanFile:
    return read_span_file(written(tmp_path, span_xml()), NIFTY)


def held(strike: int, right: OptionType, units: int, *, expiry: date = NEAR) -> Position:
    contract = OptionContract(underlying=NIFTY, expiry=expiry, strike=strike, option_type=right)
    return Position(contract=contract, quantity=units)


def asked(
    file: SpanFile, *positions: Position, futures: dict[date, int] | None = None, close: float = 23_500.0
) -> Margin | NoMargin:
    return margin_by_file(file, positions, futures=futures or {}, previous_close=close, rule=RULE)


def test_the_file_gives_its_day_its_level_and_the_contracts_of_one_underlying(span_file: SpanFile) -> None:
    assert (span_file.day, span_file.is_settlement, span_file.level) == (DAY, True, 23_500.0)
    assert set(span_file.contracts) == {
        (NEAR, 0.0, None),
        (FAR, 0.0, None),
        (NEAR, 23_700.0, CALL),
        (NEAR, 23_700.0, PUT),
    }
    call = span_file.option(NEAR, 23_700.0, CALL)
    assert call is not None
    assert call.losses == tuple(map(float, CALL_LOSS))
    assert (call.price, call.composite_delta, call.price_scan, call.vol_scan) == (437.65, 0.48, 2100.0, 0.05)
    future = span_file.future(FAR)
    assert future is not None and future.price == 23_850.0
    assert span_file.option(NEAR, 23_750.0, CALL) is None and span_file.future(date(2026, 8, 25)) is None


def test_charges_come_from_the_file(span_file: SpanFile) -> None:
    assert span_file.spread_charge(NEAR, FAR) == span_file.spread_charge(FAR, NEAR) == 420.0
    assert math.isnan(span_file.spread_charge(NEAR, date(2026, 8, 25)))
    assert span_file.short_option_minimum_inr_per_unit == 0.0


def test_a_naked_short_is_asked_its_worst_array_value_and_its_premium(span_file: SpanFile) -> None:
    margin = asked(span_file, held(23_700, CALL, -LOT))
    assert isinstance(margin, Margin)
    assert margin.scan_risk_inr == pytest.approx(1750.0 * LOT)
    assert margin.span_inr == pytest.approx((1750.0 + 437.65) * LOT)
    assert margin.exposure_inr == pytest.approx(0.02 * LOT * 23_500.0)
    assert margin.worst_scenario == "price +3/3, volatility up"


def test_a_short_straddle_is_asked_the_worst_scenario_of_both_together(span_file: SpanFile) -> None:
    margin = asked(span_file, held(23_700, CALL, -LOT), held(23_700, PUT, -LOT))
    assert isinstance(margin, Margin)
    assert margin.scan_risk_inr == pytest.approx((1750.0 - 380.0) * LOT)
    assert margin.net_option_value_inr == pytest.approx(-(437.65 + 389.10) * LOT)


def test_a_future_has_no_option_value_and_its_exposure_is_on_its_price(span_file: SpanFile) -> None:
    margin = asked(span_file, futures={NEAR: LOT})
    assert isinstance(margin, Margin)
    assert margin.span_inr == pytest.approx(2100.0 * LOT)
    assert margin.exposure_inr == pytest.approx(0.02 * LOT * 23_700.0)


def test_a_calendar_spread_is_charged_at_the_rate_of_the_file(span_file: SpanFile) -> None:
    margin = asked(span_file, futures={NEAR: LOT, FAR: -2 * LOT})
    assert isinstance(margin, Margin)
    assert margin.calendar_spread_inr == pytest.approx(420.0 * LOT)
    assert margin.scan_risk_inr == pytest.approx(2100.0 * LOT)


def test_the_short_option_minimum_of_the_file_is_per_unit_sold(tmp_path: Path) -> None:
    path = written(tmp_path, changed("<val>0.00</val>", "<val>3500.00</val>"))
    margin = asked(read_span_file(path, NIFTY), held(23_700, CALL, -LOT))
    assert isinstance(margin, Margin)
    assert margin.span_inr == pytest.approx((3500.0 + 437.65) * LOT)


def test_no_position_asks_nothing(span_file: SpanFile) -> None:
    assert asked(span_file) == NOTHING_HELD


def test_a_contract_the_file_does_not_list_leaves_no_margin(span_file: SpanFile) -> None:
    refused = asked(span_file, held(23_700, CALL, -LOT), held(23_750, CALL, LOT))
    assert refused == NoMargin(reason="risk array of 2026-06-30 23750 CE was nan")
    assert isinstance(asked(span_file, futures={date(2026, 8, 25): LOT}), NoMargin)


def test_a_missing_spread_charge_or_previous_close_leaves_no_margin(tmp_path: Path) -> None:
    path = written(tmp_path, changed("<pe>20260728</pe><rs>B</rs>", "<pe>20260825</pe><rs>B</rs>"))
    file = read_span_file(path, NIFTY)
    refused = asked(file, futures={NEAR: LOT, FAR: -LOT})
    assert refused == NoMargin(reason="a charge for spreading two of the expiries held is missing")
    assert asked(file, held(23_700, CALL, -LOT), close=math.nan) == NoMargin(
        reason="previous close was nan, must be above 0"
    )


def test_a_file_of_another_day_or_underlying_leaves_no_margin(span_file: SpanFile) -> None:
    later = RULES.on(NIFTY, date(2026, 6, 1))
    refused = margin_by_file(
        span_file, [held(23_700, CALL, -LOT)], futures={}, previous_close=23_500.0, rule=later
    )
    assert refused == NoMargin(reason="the SPAN file is of 2026-05-29, the margin was asked for 2026-06-01")
    contract = OptionContract(
        underlying=Underlying("BANKNIFTY"), expiry=NEAR, strike=23_700, option_type=CALL
    )
    foreign = asked(span_file, Position(contract=contract, quantity=-30))
    assert isinstance(foreign, NoMargin) and "is not of NIFTY" in foreign.reason


def test_scans_may_be_left_out_because_the_arrays_hold_them(tmp_path: Path) -> None:
    file = read_span_file(written(tmp_path, changed(SCAN, "")), NIFTY)
    call = file.option(NEAR, 23_700.0, CALL)
    assert call is not None and call.price_scan is None and call.vol_scan is None


@pytest.mark.parametrize(
    ("old", "new", "element"),
    [
        (
            "<a>-1740</a>",
            "",
            "oopPf NIFTY > series 2026-06-30 > opt 23700 C > ra: has 15 values, must have 16",
        ),
        ("<a>-1740</a>", "<a>x</a>", "opt 23700 C > ra > a: was 'x', must be a number"),
        ("<a>-1740</a>", "<a>nan</a>", "opt 23700 C > ra > a: was 'nan', must be a number"),
        ("<p>437.65</p>", "", "opt 23700 C > p: is missing"),
        ("<d>0.48</d></ra>", "</ra>", "opt 23700 C > ra > d: is missing"),
        ("<o>C</o>", "<o>K</o>", "opt 23700 K > o: was 'K', must be C or P"),
        ("<o>P</o>", "<o>C</o>", "opt 23700 C: is given twice"),
        ("<k>23700.00</k>", "<k>0</k>", "series 2026-06-30 > opt > k: was 0.0, must be above 0"),
        ("<pe>20260630</pe><cvf>", "<pe>soon</pe><cvf>", "series > pe: was 'soon', must be a date YYYYMMDD"),
        (
            "<pe>20260630</pe><cvf>1.00",
            "<pe>20260630</pe><cvf>2.00",
            "opt 23700 C > cvf: was 2.00, must be 1",
        ),
        ("<priceScan>2100.0<", "<priceScan>-1<", "scanRate > priceScan: was -1.0, must be above 0"),
        ("<p>23500.00</p>", "", "phyPf NIFTY > phy > p: is missing"),
        ("<chargeMeth>F<", "<chargeMeth>W<", "ccDef NIFTY > dSpread > chargeMeth: was 'W', must be F (flat)"),
        ("<pe>20260728</pe><rs>", "<pe>20260630</pe><rs>", "dSpread > pLeg: named 1 expiries, must be 2"),
        ("<date>20260529</date>", "", "pointInTime > date: is missing"),
        ("<cc>NIFTY</cc><name>", "<cc>NONE</cc><name>", "ccDef NIFTY: is missing"),
        ("</spanFile>", "", "spanFile: cannot be read"),
    ],
)
def test_a_fault_names_the_file_and_the_element(tmp_path: Path, old: str, new: str, element: str) -> None:
    path = written(tmp_path, changed(old, new))
    with pytest.raises(DataError) as fault:
        read_span_file(path, NIFTY)
    assert fault.value.message.startswith(f"{path}: ")
    assert element in fault.value.message


def test_an_underlying_that_is_not_in_the_file_and_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="phyPf BANKNIFTY > phy > p: is missing"):
        read_span_file(written(tmp_path, span_xml()), Underlying("BANKNIFTY"))
    with pytest.raises(DataError, match="cannot be read"):
        read_span_file(tmp_path / "none.spn", NIFTY)
