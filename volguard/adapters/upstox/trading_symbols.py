"""Trading symbols of rows, as a second word on which contract a row means; the key is the first.

Keys are numbers that are given out anew when a contract has expired: by its key alone a row would pass for a
contract of ours where the instrument file is an old one, or where the broker mixed up its rows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from volguard.model.instrument import OptionContract

_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_MONTH_DIGITS: Final = "123456789OND"  # of weekly symbols
_NAME: Final = r"(?P<name>[A-Z][A-Z0-9&-]*?)"
_OPTION: Final = r"(?P<strike>\d+(?:\.\d+)?)(?P<kind>CE|PE)"
_MONTH: Final = f"(?P<month>{'|'.join(_MONTHS)})"
_FORMS: Final = (
    # NIFTY 23700 CE 08 SEP 26
    re.compile(
        rf"{_NAME} +(?P<strike>\d+(?:\.\d+)?) +(?P<kind>CE|PE) +(?P<day>\d\d) +{_MONTH} +(?P<year>\d\d)"
    ),
    # NIFTY25APR21600PE: the expiry of a month, without its day
    re.compile(rf"{_NAME}(?P<year>\d\d){_MONTH}{_OPTION}"),
    # NIFTY2543021600PE: year, month, day
    re.compile(rf"{_NAME}(?P<year>\d\d)(?P<digit>[{_MONTH_DIGITS}])(?P<day>\d\d){_OPTION}"),
    # NIFTY FUT 29 SEP 26, SBIN23OCTFUT
    re.compile(rf"{_NAME} +(?P<kind>FUT) +(?P<day>\d\d) +{_MONTH} +(?P<year>\d\d)"),
    re.compile(rf"{_NAME}(?P<year>\d\d){_MONTH}(?P<kind>FUT)"),
)


def confirmed_by(contract: OptionContract | None, *symbols: str | None) -> OptionContract | None:
    """The contract of a row's key; None where a symbol of the row clearly names another one.

    Another is one of other underlying, expiry, strike or option type, or a future. A symbol that cannot be
    parsed, or none at all, changes nothing: the key alone counts then. One that names the expiry by its month
    alone says nothing of the day.
    """
    if contract is None or any(symbol and _names_another(symbol, contract) for symbol in symbols):
        return None
    return contract


def _names_another(symbol: str, contract: OptionContract) -> bool:
    text = symbol.strip().upper()
    for form in _FORMS:
        found = form.fullmatch(text)
        if found is not None:
            return found.groupdict() != _as_told(contract, found.groupdict())
    return False


# A contract in the parts that a symbol tells, each in the symbol's own form.
def _as_told(contract: OptionContract, told: Mapping[str, str]) -> dict[str, str]:
    day, strike = contract.expiry, str(contract.strike)
    if "strike" in told and Decimal(told["strike"]) == contract.strike:
        strike = told["strike"]  # 21600.00 is 21600
    parts = {
        "name": contract.underlying.upper(),
        "strike": strike,
        "kind": contract.option_type.value,
        "year": f"{day.year % 100:02d}",
        "month": _MONTHS[day.month - 1],
        "digit": _MONTH_DIGITS[day.month - 1],
        "day": f"{day.day:02d}",
    }
    return {part: parts[part] for part in told}
