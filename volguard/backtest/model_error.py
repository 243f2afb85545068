"""How far modelled prices are from real ones: condor credits and legs by year, the recorded day by moneyness.

**In sample**: the shipped parameters against the very prices they were fitted to. **Out of sample**: for each
year the model is fitted again to the condors of all other years (and the recorded day, which lies in none of
them) and tested on that year. The recorded day is in sample for the wings and for the term structure after a
week; its own shifts of VIX and of short volatility are not used, so that its level, above all that of the
nearest expiries, is what a model fitted to other days makes of it. Errors are relative, model over real less
one: positive where the model is too dear. Prices of the condors are last trades of a minute, which adds noise
of its own: medians and shares within a tenth are given, not means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Final

import numpy as np

from volguard.adapters.volatility_files import LegMoment
from volguard.backtest.chain_fit import (
    condor_prices,
    fit_chain_model,
    is_clean,
    recorded_volatility,
)
from volguard.backtest.chain_model import ChainModelParameters
from volguard.backtest.condor_legs import LEGS, SIGNS, CondorPrices, Condors
from volguard.backtest.recorded_quotes import RecordedQuotes
from volguard.model.market import BoolArray, FloatArray
from volguard.pricing.black76 import price

SCHEMA: Final = "volguard.chain_model/1"
NEAR_SHARE: Final = 0.10  # errors up to here count as within
DEPTH_MAX: Final = 4  # standard deviations; what lies further out is counted there
_DIGITS: Final = 6

VIX_KNOWN: Final = "close of the session before, moved by what the index did since"
RECORDED_SAMPLE: Final = (
    "in sample for wings and the term structure after a week; its own shifts are not used"
)


class Sample(StrEnum):
    """Whether the parameters had seen the prices they are tested on."""

    IN = "in"
    OUT = "out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors:
    """Relative errors of some prices: how many, median of their size, median with sign, share within 10 %."""

    count: int
    median_absolute: float
    bias: float
    within_tenth: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditError:
    """The condor's credit in one year, or at one distance from expiry; both None: all of them."""

    year: int | None
    days_to_expiry: int | None
    moment: LegMoment
    sample: Sample
    errors: Errors


@dataclass(frozen=True, slots=True, kw_only=True)
class LegError:
    """The price of one leg, all years; `volatility_bias` median of model over traded volatility less 1."""

    leg: str
    moment: LegMoment
    sample: Sample
    errors: Errors
    volatility_bias: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedError:
    """Out-of-the-money quotes of one expiry about `depth` standard deviations from the forward, puts below 0.

    `points` is the median size of the error in points, `half_spread_points` that of half the spread.
    """

    expiry: date
    depth: int
    errors: Errors
    volatility_bias: float
    points: float
    half_spread_points: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelError:
    """All errors of one set of parameters; `recorded` of the recorded day `recorded_day`."""

    condors: int
    first: date
    last: date
    left_out: tuple[str, ...]
    credits: tuple[CreditError, ...]
    legs: tuple[LegError, ...]
    recorded_day: date
    recorded: tuple[RecordedError, ...]

    def credit(self, year: int | None, moment: LegMoment, sample: Sample) -> Errors:
        """The errors of a year, None: of all. Raises KeyError where they were not measured."""
        for row in self.credits:
            is_whole = row.days_to_expiry is None
            if is_whole and (row.year, row.moment, row.sample) == (year, moment, sample):
                return row.errors
        raise KeyError((year, moment, sample))

    @property
    def handicap_share(self) -> float:
        """By which share of its credit a modelled trade may honestly be doubted: the larger of the median
        errors at entry and exit of all years, out of sample where that was measured."""
        sample = Sample.OUT if any(row.sample is Sample.OUT for row in self.credits) else Sample.IN
        return max(self.credit(None, moment, sample).median_absolute for moment in LegMoment)

    def document(self) -> dict[str, Any]:
        """As a `volguard.chain_model/1` document: shares as decimals, dates as text."""
        return {
            "schema": SCHEMA,
            "prices": "modelled",
            "condors": self.condors,
            "first": self.first.isoformat(),
            "last": self.last.isoformat(),
            "left_out": list(self.left_out),
            "vix_known": VIX_KNOWN,
            "handicap_share": round(self.handicap_share, _DIGITS),
            "credits": [_row(row) for row in self.credits],
            "legs": [_row(row) for row in self.legs],
            "recorded_day": self.recorded_day.isoformat(),
            "recorded_sample": RECORDED_SAMPLE,
            "recorded": [_row(row) for row in self.recorded],
        }


def measure(
    parameters: ChainModelParameters,
    condors: Condors,
    recorded: RecordedQuotes,
    *,
    out_of_sample: bool = True,
    progress: Callable[[str], None] = lambda _: None,
) -> ModelError:
    """Errors of the parameters, and of parameters fitted without each year (some seconds a year)."""
    tests = {Sample.IN: _modelled(parameters, condors)}
    if out_of_sample:
        tests[Sample.OUT] = _left_one_out(condors, recorded, progress)
    prices = {LegMoment.ENTRY: condors.entry, LegMoment.EXIT: condors.exit}
    cases = [
        (sample, moment, modelled[moment], prices[moment])
        for sample, modelled in tests.items()
        for moment in LegMoment
    ]
    return ModelError(
        condors=len(condors.days),
        first=condors.days[0],
        last=condors.days[-1],
        left_out=condors.left_out,
        credits=tuple(
            row
            for sample, moment, modelled, real in cases
            for row in _credit_rows(sample, moment, modelled, real, condors)
        ),
        legs=tuple(
            row
            for sample, moment, modelled, real in cases
            for row in _leg_rows(sample, moment, modelled, real)
        ),
        recorded_day=recorded.day,
        recorded=tuple(_recorded_rows(parameters, recorded)),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Modelled:
    price: FloatArray  # (days, 4)
    sigma: FloatArray


def _modelled(parameters: ChainModelParameters, condors: Condors) -> dict[LegMoment, _Modelled]:
    return {
        LegMoment.ENTRY: _Modelled(*condor_prices(parameters, condors.entry)),
        LegMoment.EXIT: _Modelled(*condor_prices(parameters, condors.exit)),
    }


def _left_one_out(
    condors: Condors, recorded: RecordedQuotes, progress: Callable[[str], None]
) -> dict[LegMoment, _Modelled]:
    shape = condors.entry.price.shape
    made = {moment: _Modelled(np.full(shape, np.nan), np.full(shape, np.nan)) for moment in LegMoment}
    for year in np.unique(condors.years).tolist():
        progress(f"fitting without {year}")
        is_test: BoolArray = condors.years == year
        fit = fit_chain_model(condors.take(~is_test), recorded)
        for moment, modelled in _modelled(fit.parameters, condors.take(is_test)).items():
            made[moment].price[is_test] = modelled.price
            made[moment].sigma[is_test] = modelled.sigma
    return made


def _credit_rows(
    sample: Sample, moment: LegMoment, modelled: _Modelled, real: CondorPrices, condors: Condors
) -> Iterable[CreditError]:
    relative = (modelled.price @ SIGNS) / real.credit - 1.0
    every = np.ones(len(relative), dtype=np.bool_)
    parts: list[tuple[int | None, int | None, BoolArray]] = [(None, None, every)]
    parts += [(year, None, condors.years == year) for year in np.unique(condors.years).tolist()]
    days = condors.days_to_expiry
    parts += [(None, distance, days == distance) for distance in np.unique(days).tolist()]
    for year, distance, rows in parts:
        yield CreditError(
            year=year,
            days_to_expiry=distance,
            moment=moment,
            sample=sample,
            errors=errors_of(relative[rows]),
        )


def _leg_rows(
    sample: Sample, moment: LegMoment, modelled: _Modelled, real: CondorPrices
) -> Iterable[LegError]:
    relative = modelled.price / real.price - 1.0
    for i, leg in enumerate(LEGS):
        volatility = modelled.sigma[:, i] / real.sigma[:, i] - 1.0
        yield LegError(
            leg=leg,
            moment=moment,
            sample=sample,
            errors=errors_of(relative[:, i]),
            volatility_bias=float(np.nanmedian(volatility)),
        )


def _recorded_rows(parameters: ChainModelParameters, quotes: RecordedQuotes) -> Iterable[RecordedError]:
    sigma = recorded_volatility(parameters, quotes)
    modelled = price(quotes.forward, quotes.strike, quotes.left.years, sigma, quotes.is_call, quotes.discount)
    usable = is_clean(quotes) & np.isfinite(quotes.theta)
    distance = np.where(quotes.is_call, quotes.depth, -quotes.depth)
    depth = np.clip(np.rint(np.where(usable, distance, 0.0)), -DEPTH_MAX, DEPTH_MAX)
    for place, expiry in enumerate(quotes.expiries):
        for bucket in range(-DEPTH_MAX, DEPTH_MAX + 1):
            rows = usable & (quotes.expiry == place) & (depth == bucket)
            if not rows.any():
                continue
            off = modelled[rows] - quotes.mid[rows]
            yield RecordedError(
                expiry=expiry,
                depth=bucket,
                errors=errors_of(off / quotes.mid[rows]),
                volatility_bias=float(np.median(sigma[rows] / quotes.sigma[rows] - 1.0)),
                points=float(np.median(np.abs(off))),
                half_spread_points=float(np.median(0.5 * quotes.spread[rows])),
            )


def errors_of(relative: FloatArray) -> Errors:
    """Summary of relative errors, shape (n,) with one at least."""
    size = np.abs(relative)
    return Errors(
        count=len(relative),
        median_absolute=float(np.median(size)),
        bias=float(np.median(relative)),
        within_tenth=float((size <= NEAR_SHARE).mean()),
    )


# One flat object a row: the errors beside what they are of.
def _row(row: CreditError | LegError | RecordedError) -> dict[str, Any]:
    plain = asdict(row)
    plain |= plain.pop("errors")
    return {
        key: value.isoformat()
        if isinstance(value, date)
        else round(value, _DIGITS)
        if isinstance(value, float)
        else value
        for key, value in plain.items()
    }
