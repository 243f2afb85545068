"""What one expiry's chain shows: straddle, put-call ratios, max pain, walls of open interest, gamma exposure.

Prices in points per unit, open interest and volume in units of the underlying.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from volguard.model.market import BoolArray, FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExpiryRows:
    """Rows of one expiry, any order, shape (rows,); nan where a price or a gamma is unknown.

    `gamma` per point of spot squared and unit. Of a contract listed twice the first row counts.
    """

    strike: FloatArray
    is_call: BoolArray
    mid: FloatArray
    gamma: FloatArray
    oi: FloatArray
    volume: FloatArray
    forward: float
    spot: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Wall:
    """The strike that holds the most open interest of its side, and its share of that side's total."""

    strike: float
    oi: float
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainMetrics:
    """Figures of one expiry; a None has its reason in `missing`.

    `straddle` is the mid of call plus put, interpolated at the forward: the expected move. The call wall lies
    at or above the forward, the put wall at or below. Gamma exposure counts calls plus and puts minus (the
    usual convention: dealers hold the calls and owe the puts; nobody publishes who does), in rupees of delta
    per 1 % move of the index; `gross` counts both plus.
    """

    atm_strike: float | None
    straddle: float | None
    pcr_oi: float | None
    pcr_volume: float | None
    max_pain: float | None
    call_wall: Wall | None
    put_wall: Wall | None
    gamma_exposure_inr_per_pct: float | None
    gamma_gross_inr_per_pct: float | None
    missing: tuple[str, ...]

    def wall_distance(self, level: float) -> float | None:
        """Distance of the level from the nearer wall, as a share of the level."""
        walls = [wall.strike for wall in (self.call_wall, self.put_wall) if wall is not None]
        if not walls or not level > 0.0:
            return None
        return min(abs(strike / level - 1.0) for strike in walls)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _ByStrike:
    # Columns per strike ascending; a side that is not listed has no price and no interest.
    strike: FloatArray
    call_mid: FloatArray
    put_mid: FloatArray
    call_oi: FloatArray
    put_oi: FloatArray
    call_volume: FloatArray
    put_volume: FloatArray


def chain_metrics(rows: ExpiryRows) -> ChainMetrics:
    """All figures of one expiry; an empty chain, or one without interest, abstains figure by figure."""
    table = _by_strike(rows)
    has_forward = math.isfinite(rows.forward) and rows.forward > 0.0
    straddle = _straddle(table, rows.forward) if has_forward else None
    unlisted = _unlisted(rows)
    pain, pcr_oi, pcr_volume = None, None, None
    if not unlisted:
        # A side that is not listed has no interest to speak of, which is not an interest of zero.
        pain = max_pain(table.strike, table.call_oi, table.put_oi)
        pcr_oi, pcr_volume = (
            _ratio(float(put.sum()), float(call.sum()))
            for put, call in ((table.put_oi, table.call_oi), (table.put_volume, table.call_volume))
        )
    exposure = _gamma_exposure(rows)
    of_both: dict[str, float | None] = {
        "open interest in calls": pcr_oi,
        "volume in calls": pcr_volume,
        "open interest": pain,
    }
    found = {
        "forward": has_forward or None,
        "straddle on both sides of the forward": straddle,
        **(dict.fromkeys(unlisted) or of_both),
        "gamma where there is open interest": exposure,
    }
    return ChainMetrics(
        atm_strike=_nearest(table.strike, rows.forward) if has_forward else None,
        straddle=straddle,
        pcr_oi=pcr_oi,
        pcr_volume=pcr_volume,
        max_pain=pain,
        call_wall=wall_of(table.strike, table.call_oi, table.strike >= rows.forward),
        put_wall=wall_of(table.strike, table.put_oi, table.strike <= rows.forward),
        gamma_exposure_inr_per_pct=None if exposure is None else exposure[0],
        gamma_gross_inr_per_pct=None if exposure is None else exposure[1],
        missing=tuple(f"no {name}" for name, value in found.items() if value is None),
    )


def _unlisted(rows: ExpiryRows) -> list[str]:
    listed = rows.is_call[np.isfinite(rows.strike)]
    return [name for name, mine in (("calls listed", listed), ("puts listed", ~listed)) if not mine.any()]


def max_pain(strike: FloatArray, call_oi: FloatArray, put_oi: FloatArray) -> float | None:
    """The strike at which holders are paid least at expiry; the lowest of equals, None without interest.

    Columns per strike, ascending, shape (strikes,).
    """
    if not len(strike) or not float(call_oi.sum() + put_oi.sum()) > 0.0:
        return None
    away = strike[:, None] - strike[None, :]  # settlement at row, contract at column
    paid = np.maximum(away, 0.0) @ call_oi + np.maximum(-away, 0.0) @ put_oi
    return float(strike[int(np.argmin(paid))])


def wall_of(strike: FloatArray, oi: FloatArray, on_side: BoolArray) -> Wall | None:
    """The strike with the most interest of those `on_side`, the first of equals; None where there is none."""
    here = np.where(on_side, oi, 0.0)
    if not len(here) or not float(here.max()) > 0.0:
        return None
    at = int(np.argmax(here))
    return Wall(strike=float(strike[at]), oi=float(oi[at]), share=float(oi[at] / oi.sum()))


def _by_strike(rows: ExpiryRows) -> _ByStrike:
    strikes = np.unique(rows.strike[np.isfinite(rows.strike)])

    def side(values: FloatArray, is_call: bool, absent: float) -> FloatArray:
        out = np.full(len(strikes), absent)
        mine = np.flatnonzero((rows.is_call == is_call) & np.isfinite(rows.strike))[::-1]
        # Written backwards, so that of a doubled row the first one stays.
        out[np.searchsorted(strikes, rows.strike[mine])] = values[mine]
        return out

    return _ByStrike(
        strike=strikes,
        call_mid=side(rows.mid, True, math.nan),
        put_mid=side(rows.mid, False, math.nan),
        call_oi=np.nan_to_num(side(rows.oi, True, 0.0)),
        put_oi=np.nan_to_num(side(rows.oi, False, 0.0)),
        call_volume=np.nan_to_num(side(rows.volume, True, 0.0)),
        put_volume=np.nan_to_num(side(rows.volume, False, 0.0)),
    )


def _straddle(table: _ByStrike, forward: float) -> float | None:
    value = table.call_mid + table.put_mid
    quoted = np.isfinite(value)
    strike = table.strike[quoted]
    if not len(strike) or not strike[0] <= forward <= strike[-1]:
        return None
    return float(np.interp(forward, strike, value[quoted]))


def _nearest(strike: FloatArray, forward: float) -> float | None:
    return float(strike[int(np.argmin(np.abs(strike - forward)))]) if len(strike) else None


def _ratio(put: float, call: float) -> float | None:
    return put / call if call > 0.0 else None


def _gamma_exposure(rows: ExpiryRows) -> tuple[float, float] | None:
    known = np.isfinite(rows.gamma) & (np.nan_to_num(rows.oi) > 0.0)
    if not np.any(known) or not rows.spot > 0.0:
        return None
    # A move of 1 % is 0.01 S points; delta in rupees is delta x S: together 0.01 S^2.
    each = rows.gamma[known] * rows.oi[known] * rows.spot**2 * 0.01
    return float(np.where(rows.is_call[known], each, -each).sum()), float(each.sum())
