"""The clearing corporation's SPAN risk parameter file (`.spn`, XML, format 4.00), and margins from it.

    spanFile > pointInTime > date, isSetl, clearingOrg > exchange > phyPf, futPf, oopPf; ccDef beside exchange
    phyPf  pfCode, phy > p (the index)
    futPf  pfCode, fut > pe, p, scanRate, ra
    oopPf  pfCode, series > pe, scanRate, opt > o (C or P), k, p, ra
    ra     sixteen a (rupees one long unit loses) and d (composite delta)
    ccDef  cc, somTiers > tier > rate > val, dSpread > chargeMeth, rate > val, two pLeg > pe

Only one underlying is kept while the file (some 50 MB) streams by. Lots, exposure and expiry-day add-ons are
not in the file: they follow the dated rules.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element, ParseError, iterparse

import numpy as np

from volguard.measure.margin import Holdings, IndexState, Margin, NoMargin, margin_from_arrays
from volguard.measure.margin_scan import SCENARIOS, Contracts, RiskArrays
from volguard.model.book import Position
from volguard.model.errors import DataError
from volguard.model.instrument import OptionType, Underlying
from volguard.nse.margin_rules import MarginRule

RIGHTS: Final = {"C": OptionType.CALL, "P": OptionType.PUT}
FLAT_CHARGE: Final = "F"
ContractKey = tuple[date, float, OptionType | None]  # strike 0 and no right: the future


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanContract:
    """One contract per long unit: price and price scan in points, volatility scan decimal, losses in rupees.

    A scan is None where the file does not state it; the losses already hold it.
    """

    price: float
    price_scan: float | None
    vol_scan: float | None
    losses: tuple[float, ...]
    composite_delta: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanFile:
    """One underlying of one file; charges in rupees per unit of delta, per unit sold."""

    path: Path
    underlying: Underlying
    day: date
    is_settlement: bool
    level: float
    contracts: Mapping[ContractKey, SpanContract]
    spread_charges: Mapping[frozenset[date], float]
    short_option_minimum_inr_per_unit: float

    def option(self, expiry: date, strike: float, option_type: OptionType) -> SpanContract | None:
        """An option, None when the file does not list it."""
        return self.contracts.get((expiry, strike, option_type))

    def future(self, expiry: date) -> SpanContract | None:
        """A future, None when the file does not list it."""
        return self.contracts.get((expiry, 0.0, None))

    def spread_charge(self, near: date, far: date) -> float:
        """Charge per unit of delta spread over two expiries; nan when the file names none."""
        return self.spread_charges.get(frozenset((near, far)), math.nan)


def read_span_file(path: Path, underlying: Underlying) -> SpanFile:
    """Read one underlying. Raises DataError naming the file and the element."""
    found = _Found(path=path, underlying=underlying)
    try:
        with path.open("rb") as file:
            for _, element in iterparse(file):
                if element.tag in _READERS:
                    _READERS[element.tag](found, element)
                    if element.tag in _LARGE:
                        element.clear()
    except (OSError, ParseError, ValueError, LookupError) as error:
        raise _fault(path, "spanFile", f"cannot be read: {error}") from error
    return found.whole()


def margin_by_file(
    file: SpanFile,
    positions: Sequence[Position],
    *,
    futures: Mapping[date, int],
    previous_close: float,
    rule: MarginRule,
) -> Margin | NoMargin:
    """Margin of options and of futures (signed units by expiry) by the exchange's own arrays.

    NoMargin when the file lacks a contract or a spread charge, or is of another day than the rule.
    """
    if file.day != rule.day:
        return NoMargin(reason=f"the SPAN file is of {file.day}, the margin was asked for {rule.day}")
    keys: list[ContractKey] = [
        (p.contract.expiry, float(p.contract.strike), p.contract.option_type) for p in positions
    ]
    keys += [(expiry, 0.0, None) for expiry in futures]
    units = [float(p.quantity) for p in positions] + [float(units) for units in futures.values()]
    foreign = [p.contract.symbol for p in positions if p.contract.underlying != file.underlying]
    if foreign:
        return NoMargin(reason=f"{foreign[0]} is not of {file.underlying}, which was read from the file")
    held = [file.contracts.get(key, _ABSENT) for key in keys]
    return margin_from_arrays(
        _holdings(keys, held, units),
        RiskArrays(
            loss=np.array([contract.losses for contract in held]).reshape(-1, SCENARIOS).T,
            value=np.array([0.0 if key[2] is None else c.price for key, c in zip(keys, held, strict=True)]),
            composite_delta=np.array([contract.composite_delta for contract in held]),
        ),
        IndexState(spot=file.level, previous_close=previous_close, sigma_daily=math.nan),
        rule,
        spread_charge=file.spread_charge,
        short_option_minimum_inr_per_unit=file.short_option_minimum_inr_per_unit,
    )


_ABSENT: Final = SpanContract(
    price=math.nan,
    price_scan=None,
    vol_scan=None,
    losses=(math.nan,) * SCENARIOS,
    composite_delta=math.nan,
)


def _holdings(keys: Sequence[ContractKey], held: Sequence[SpanContract], units: Sequence[float]) -> Holdings:
    unknown = np.full(len(keys), math.nan)  # the arrays stand in for the market
    return Holdings(
        expiries=tuple(expiry for expiry, _, _ in keys),
        units=np.array(units),
        contracts=Contracts(
            is_future=np.array([right is None for _, _, right in keys], dtype=np.bool_),
            is_call=np.array([right is OptionType.CALL for _, _, right in keys], dtype=np.bool_),
            strike=np.array([strike for _, strike, _ in keys]),
            forward=np.array([contract.price for contract in held]),
            t=unknown,
            sigma=unknown,
            discount=unknown,
        ),
    )


@dataclass(slots=True, kw_only=True)
class _Found:
    # What the stream has shown so far.
    path: Path
    underlying: Underlying
    day: date | None = None
    is_settlement: bool = False
    level: float = math.nan
    minimum: float = math.nan
    contracts: dict[ContractKey, SpanContract] = field(default_factory=dict)
    charges: dict[frozenset[date], float] = field(default_factory=dict)

    def whole(self) -> SpanFile:
        if self.day is None:
            raise _fault(self.path, "pointInTime > date", "is missing")
        if math.isnan(self.level):
            raise _fault(self.path, f"phyPf {self.underlying} > phy > p", "is missing")
        if math.isnan(self.minimum):
            raise _fault(self.path, f"ccDef {self.underlying}", "is missing")
        if not any(right for _, _, right in self.contracts):
            raise _fault(self.path, f"oopPf {self.underlying}", "has no options")
        return SpanFile(
            path=self.path,
            underlying=self.underlying,
            day=self.day,
            is_settlement=self.is_settlement,
            level=self.level,
            contracts=self.contracts,
            spread_charges=self.charges,
            short_option_minimum_inr_per_unit=self.minimum,
        )

    def add(self, key: ContractKey, contract: SpanContract, where: str) -> None:
        if key in self.contracts:
            raise _fault(self.path, where, "is given twice")
        self.contracts[key] = contract


def _read_point(found: _Found, element: Element) -> None:
    found.day = _date(found.path, "pointInTime", element, "date")
    found.is_settlement = (element.findtext("isSetl") or "").strip() in ("1", "true")


def _read_index(found: _Found, element: Element) -> None:
    if _is_other(found, element, "pfCode"):
        return
    where = f"phyPf {found.underlying} > phy"
    found.level = _positive(found.path, where, _child(found.path, where, element, "phy"), "p")


def _read_futures(found: _Found, element: Element) -> None:
    if _is_other(found, element, "pfCode"):
        return
    for future in element.findall("fut"):
        expiry = _date(found.path, f"futPf {found.underlying} > fut", future, "pe")
        where = f"futPf {found.underlying} > fut {expiry}"
        _require_unit_factor(found.path, where, element, future)
        found.add((expiry, 0.0, None), _contract(found.path, where, future, scan_from=future), where)


def _read_options(found: _Found, element: Element) -> None:
    if _is_other(found, element, "pfCode"):
        return
    for series in element.findall("series"):
        expiry = _date(found.path, f"oopPf {found.underlying} > series", series, "pe")
        for option in series.findall("opt"):
            where = f"oopPf {found.underlying} > series {expiry} > opt"
            strike = _positive(found.path, where, option, "k")
            letter = (option.findtext("o") or "").strip()
            where = f"{where} {strike:g} {letter}"
            if letter not in RIGHTS:
                raise _fault(found.path, f"{where} > o", f"was {letter!r}, must be C or P")
            _require_unit_factor(found.path, where, element, series, option)
            contract = _contract(found.path, where, option, scan_from=series)
            found.add((expiry, strike, RIGHTS[letter]), contract, where)


def _read_commodity(found: _Found, element: Element) -> None:
    if _is_other(found, element, "cc"):
        return
    where = f"ccDef {found.underlying}"
    rates = element.findall("somTiers/tier/rate")
    tiers = [_number(found.path, f"{where} > somTiers > tier > rate", rate, "val") for rate in rates]
    found.minimum = max(tiers, default=0.0)  # no tier: no minimum is charged
    for spread in element.findall("dSpread"):
        _read_spread(found, f"{where} > dSpread", spread)


def _read_spread(found: _Found, where: str, spread: Element) -> None:
    method = (spread.findtext("chargeMeth") or "").strip()
    if method != FLAT_CHARGE:
        raise _fault(found.path, f"{where} > chargeMeth", f"was {method!r}, must be {FLAT_CHARGE} (flat)")
    expiries = [_date(found.path, f"{where} > pLeg", leg, "pe") for leg in spread.findall("pLeg")]
    if len(set(expiries)) != 2:
        raise _fault(found.path, f"{where} > pLeg", f"named {len(set(expiries))} expiries, must be 2")
    rate = _number(found.path, f"{where} > rate", _child(found.path, where, spread, "rate"), "val")
    found.charges[frozenset(expiries)] = rate


_READERS: Final = {
    "pointInTime": _read_point,
    "phyPf": _read_index,
    "futPf": _read_futures,
    "oopPf": _read_options,
    "ccDef": _read_commodity,
}
_LARGE: Final = ("phyPf", "futPf", "oopPf", "ccDef")


def _contract(path: Path, where: str, element: Element, *, scan_from: Element) -> SpanContract:
    array = _child(path, where, element, "ra")
    losses = tuple(_value(path, f"{where} > ra > a", cell.text) for cell in array.findall("a"))
    if len(losses) != SCENARIOS:
        raise _fault(path, f"{where} > ra", f"has {len(losses)} values, must have {SCENARIOS}")
    scan, in_scan = scan_from.find("scanRate"), f"{where} > scanRate"
    return SpanContract(
        price=_number(path, where, element, "p"),
        price_scan=None if scan is None else _positive(path, in_scan, scan, "priceScan"),
        vol_scan=None if scan is None else _number(path, in_scan, scan, "volScan"),
        losses=losses,
        composite_delta=_number(path, f"{where} > ra", array, "d"),
    )


def _require_unit_factor(path: Path, where: str, *elements: Element) -> None:
    # Index contracts of this exchange count one rupee a point; any other factor is not what we can read.
    for element in elements:
        text = element.findtext("cvf")
        if text is not None and _value(path, f"{where} > cvf", text) != 1.0:
            raise _fault(path, f"{where} > cvf", f"was {text.strip()}, must be 1")


def _is_other(found: _Found, element: Element, tag: str) -> bool:
    return (element.findtext(tag) or "").strip() != found.underlying


def _child(path: Path, where: str, element: Element, tag: str) -> Element:
    child = element.find(tag)
    if child is None:
        raise _fault(path, f"{where} > {tag}", "is missing")
    return child


def _number(path: Path, where: str, element: Element, tag: str) -> float:
    return _value(path, f"{where} > {tag}", _child(path, where, element, tag).text)


def _positive(path: Path, where: str, element: Element, tag: str) -> float:
    value = _number(path, where, element, tag)
    if value <= 0.0:
        raise _fault(path, f"{where} > {tag}", f"was {value}, must be above 0")
    return value


def _value(path: Path, where: str, text: str | None) -> float:
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise _fault(path, where, f"was {text!r}, must be a number")
    return value


def _date(path: Path, where: str, element: Element, tag: str) -> date:
    text = (_child(path, where, element, tag).text or "").strip()
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise _fault(path, f"{where} > {tag}", f"was {text!r}, must be a date YYYYMMDD") from error


def _fault(path: Path, where: str, text: str) -> DataError:
    return DataError(f"{path}: {where}: {text}", hint="fetch the SPAN file of the day again")
