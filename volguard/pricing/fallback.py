"""Which smile draws each expiry of the surface: the first of these that holds.

SABR      its own fit, where it is admissible and its near error within `sabr_preferred_pt` of SVI's
SVI       its own fit, where it is admissible and SABR is not, or is farther off than that
PREVIOUS  the last good fit of the same expiry, not older than FitLimits.age_max_s, at the current forward
QUOTED    Black volatility of the quoted strikes, linear in total variance by k = ln(K/F), and nowhere else
NONE      nothing: nan, with the reason in Surface.reason

A fit is admissible when it converged (a parameter may be on its bound), meets the quotes near the forward to
FitLimits.near_error_max_pt and has no butterfly: SABR near the forward, SVI, whose five parameters may bend
where no quote holds them, as far as WIDE_DEVIATIONS. SABR goes first because its three parameters leave wings
that differ little from one snapshot to the next. An expiry drawn by SVI returns to SABR only within the
smaller `sabr_regained_pt`, so that the model does not change with the noise of the quotes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final

import numpy as np

from volguard.model.market import BoolArray, FloatArray, IntArray
from volguard.pricing.sabr import SabrFits, calibrate_sabr
from volguard.pricing.slices import (
    PARAMETERS_MAX,
    Slices,
    SmileSource,
    calendar_growth,
    has_axis,
    near_butterfly,
)
from volguard.pricing.smile import NEAR_DEVIATIONS, FitStatus, Smiles
from volguard.pricing.surface import Surface
from volguard.pricing.svi import SviFits, calibrate_svi

QUOTED_STRIKES_MIN: Final = 2
BUTTERFLY_TOLERANCE: Final = 1e-6  # of g, by differences
WIDE_DEVIATIONS: Final = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FitLimits:
    """When a fit counts, how long it may stand in for a new one, when that is due, and beta of SABR.

    Errors are root mean squares within 1.5 standard deviations, in volatility points: `near_error_max_pt` of
    any fit; SABR is kept where its error is above SVI's by no more than `sabr_preferred_pt`, and taken again
    by `sabr_regained_pt`. `refit_move_share`: of the level.
    """

    near_error_max_pt: float
    sabr_preferred_pt: float
    sabr_regained_pt: float
    age_max_s: float
    refit_every_s: float
    refit_move_share: float
    beta: float

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if not getattr(self, name) >= 0.0:
                raise ValueError(f"{name} was {getattr(self, name)}, must not be below 0")
        if self.beta > 1.0:
            raise ValueError(f"beta was {self.beta}, must be within 0 .. 1")
        if self.sabr_regained_pt > self.sabr_preferred_pt:
            raise ValueError(
                f"sabr_regained_pt was {self.sabr_regained_pt}, sabr_preferred_pt {self.sabr_preferred_pt}, "
                "must not be above it"
            )


def build_surface(
    expiries: tuple[date, ...],
    smiles: Smiles,
    *,
    ts: datetime,
    level: float,
    previous: Surface | None,
    limits: FitLimits,
) -> Surface:
    """Calibrate every expiry and choose its smile; bad input abstains by expiry, with its reason.

    `expiries` rising, one per row of `smiles`; `level` of the underlying in points; `previous`: whose fits
    may stand in. Raises ValueError when `expiries` and `smiles` differ in length.
    """
    if len(expiries) != len(smiles):
        raise ValueError(f"expiries were {len(expiries)}, smiles {len(smiles)}, must be equal")
    sabr, svi = calibrate_sabr(smiles, beta=limits.beta), calibrate_svi(smiles)
    at = _positions(expiries, previous)
    slices = _own(smiles, sabr, svi, ts, limits, was_svi=_drawn_by_svi(at, previous))
    if previous is not None:
        slices = _with_previous(slices, at, smiles, previous, ts, limits)
    slices = _with_quoted(slices, smiles)
    return Surface(
        ts=ts,
        expiries=expiries,
        smiles=smiles,
        slices=slices,
        sabr=sabr,
        svi=svi,
        fitted_ts=ts,
        level=level,
        reason=sabr.status,
        age_s=slices.age_s(ts),
        butterfly=near_butterfly(slices, smiles),
        calendar=calendar_growth(slices, smiles),
    )


def carry_surface(surface: Surface, smiles: Smiles, *, ts: datetime, limits: FitLimits) -> Surface:
    """The same fits on the quotes, forwards and times of a later snapshot of the same expiries, uncalibrated.

    A fit that outlived `limits.age_max_s` goes. Raises ValueError when the number of expiries differs.
    """
    if len(smiles) != len(surface.expiries):
        raise ValueError(f"smiles were {len(smiles)}, surface had {len(surface.expiries)}, must be equal")
    old = surface.slices
    usable = (old.age_s(ts) <= limits.age_max_s) & has_axis(smiles)
    slices = _with_quoted(_kept(old, usable), smiles)
    return replace(
        surface,
        ts=ts,
        smiles=smiles,
        slices=slices,
        reason=np.where(smiles.input_status == FitStatus.OK, surface.reason, smiles.input_status),
        age_s=slices.age_s(ts),
        butterfly=near_butterfly(slices, smiles),
        calendar=calendar_growth(slices, smiles),
    )


def is_due(surface: Surface, *, ts: datetime, level: float, limits: FitLimits) -> bool:
    """Whether to calibrate again: by the age of the last, or by the level's move since (unknown: yes)."""
    if (ts - surface.fitted_ts).total_seconds() >= limits.refit_every_s:
        return True
    return not abs(level / surface.level - 1.0) < limits.refit_move_share


def fit_butterfly(fits: SabrFits | SviFits, smiles: Smiles) -> FloatArray:
    """Smallest g of Durrleman's condition over the range that admits the fit, shape (n,); nan without one."""
    model, columns, beta, deviations = (
        (SmileSource.SABR, (fits.alpha, fits.rho, fits.nu), fits.beta, NEAR_DEVIATIONS)
        if isinstance(fits, SabrFits)
        else (SmileSource.SVI, (fits.a, fits.b, fits.rho, fits.m, fits.s), 1.0, WIDE_DEVIATIONS)
    )
    return near_butterfly(_fitted(model, columns, None, beta), smiles, deviations=deviations)


def _own(
    smiles: Smiles, sabr: SabrFits, svi: SviFits, ts: datetime, limits: FitLimits, *, was_svi: BoolArray
) -> Slices:
    first = _fitted(SmileSource.SABR, (sabr.alpha, sabr.rho, sabr.nu), ts, limits.beta)
    second = _fitted(SmileSource.SVI, (svi.a, svi.b, svi.rho, svi.m, svi.s), ts, limits.beta)
    can_first, can_second = (_is_admissible(fits, smiles, limits) for fits in (sabr, svi))
    slack = np.where(was_svi, limits.sabr_regained_pt, limits.sabr_preferred_pt)
    is_farther = sabr.error.near_rms_pt - svi.error.near_rms_pt > slack
    use_first = can_first & ~(can_second & is_farther)
    return _kept(_chosen(use_first, first, second), can_first | can_second)


def _fitted(model: SmileSource, columns: tuple[FloatArray, ...], ts: datetime | None, beta: float) -> Slices:
    count = len(columns[0])
    parameters = np.full((count, PARAMETERS_MAX), np.nan)
    parameters[:, : len(columns)] = np.stack(columns, axis=1)
    kind = np.full(count, model, dtype=np.uint8)
    return Slices(source=kind, model=kind, parameters=parameters, beta=beta, fitted_ts=(ts,) * count)


def _is_admissible(fits: SabrFits | SviFits, smiles: Smiles, limits: FitLimits) -> BoolArray:
    close = (fits.status <= FitStatus.AT_BOUND) & (fits.error.near_rms_pt <= limits.near_error_max_pt)
    return np.asarray(close & (fit_butterfly(fits, smiles) >= -BUTTERFLY_TOLERANCE))


def _positions(expiries: tuple[date, ...], previous: Surface | None) -> IntArray:
    # Where each expiry stood in the previous surface, -1 where it did not.
    was = {} if previous is None else {expiry: i for i, expiry in enumerate(previous.expiries)}
    return np.array([was.get(expiry, -1) for expiry in expiries], dtype=np.int64)


def _drawn_by_svi(at: IntArray, previous: Surface | None) -> BoolArray:
    if previous is None or not previous.expiries:
        return np.zeros(len(at), dtype=np.bool_)
    return np.asarray((at >= 0) & (previous.slices.model[at] == SmileSource.SVI))


def _with_previous(
    slices: Slices,
    at: IntArray,
    smiles: Smiles,
    previous: Surface,
    ts: datetime,
    limits: FitLimits,
) -> Slices:
    old = previous.slices
    if not previous.expiries or old.beta != slices.beta:
        return slices
    brought = Slices(
        source=np.full(len(at), SmileSource.PREVIOUS, dtype=np.uint8),
        model=old.model[at],
        parameters=old.parameters[at],
        beta=old.beta,
        fitted_ts=tuple(old.fitted_ts[i] for i in at.tolist()),
    )
    can = (at >= 0) & (brought.age_s(ts) <= limits.age_max_s) & has_axis(smiles)
    use = (slices.source == SmileSource.NONE) & can
    return _chosen(~use, slices, brought)


def _with_quoted(slices: Slices, smiles: Smiles) -> Slices:
    enough = (smiles.is_liquid.sum(axis=1) >= QUOTED_STRIKES_MIN) & (smiles.input_status == FitStatus.OK)
    use = (slices.model == SmileSource.NONE) & enough
    return replace(slices, source=np.where(use, np.uint8(SmileSource.QUOTED), slices.source))


def _chosen(take: BoolArray, one: Slices, other: Slices) -> Slices:
    return Slices(
        source=np.where(take, one.source, other.source),
        model=np.where(take, one.model, other.model),
        parameters=np.where(take[:, None], one.parameters, other.parameters),
        beta=one.beta,
        fitted_ts=tuple(
            a if first else b for first, a, b in zip(take, one.fitted_ts, other.fitted_ts, strict=True)
        ),
    )


def _kept(slices: Slices, usable: BoolArray) -> Slices:
    nothing = np.uint8(SmileSource.NONE)
    return Slices(
        source=np.where(usable, slices.source, nothing),
        model=np.where(usable, slices.model, nothing),
        parameters=np.where(usable[:, None], slices.parameters, np.nan),
        beta=slices.beta,
        fitted_ts=tuple(ts if keep else None for keep, ts in zip(usable, slices.fitted_ts, strict=True)),
    )
