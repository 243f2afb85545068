"""The index and its implied volatility through one made-up session.

Log index = the scenario's own course + a mean-reverting diffusion with jumps (Merton 1976) whose volatility
follows the implied level; log implied level = the scenario's course + a mean-reverting diffusion (Scott 1987)
correlated with the index. Time within the session runs on a U-shaped variance clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from volguard.model.market import FloatArray
from volguard.simulator.history import OVERNIGHT_SHARE, SESSIONS_PER_YEAR

LEVERAGE: Final = -0.7  # correlation of index and implied level
LEVEL_VOL: Final = 0.035  # of the log implied level, per session
LEVEL_REVERSION: Final = 3.0  # per session
LEVEL_PER_JUMP: Final = -3.0  # log implied level per log index
LEVEL_BOUND: Final = 0.08  # the implied level stays this near its course, in logs
CRASH_FALL: Final = np.log(0.95)
CRASH_LENGTH: Final = 0.25  # of the session
CRASH_LEVEL_RISE: Final = 0.13  # 13 volatility points
SPIKE_RISE_S: Final = 150.0
SPIKE_LEVEL_RISE: Final = np.log(1.15)
SPIKE_FALL: Final = -0.006
SPIKE_REVERSAL: Final = 0.6
SPIKE_REVERSAL_S: Final = 1_500.0


class Scenario(StrEnum):
    """What kind of day it is."""

    CALM = "calm"
    TREND = "trend"
    CRASH = "crash"
    SPIKE = "spike"


@dataclass(frozen=True, slots=True, kw_only=True)
class Texture:
    """How rough a scenario is: volatility against the daily one, pull to its course, jumps per session."""

    vol_factor: float
    reversion: float
    jumps: float
    jump_mean: float
    jump_spread: float


TEXTURES: Final = {
    Scenario.CALM: Texture(vol_factor=0.60, reversion=5.0, jumps=0.5, jump_mean=0.0, jump_spread=0.0006),
    Scenario.TREND: Texture(vol_factor=0.70, reversion=4.0, jumps=0.5, jump_mean=0.0, jump_spread=0.0006),
    Scenario.CRASH: Texture(vol_factor=0.80, reversion=2.0, jumps=3.0, jump_mean=-0.0008, jump_spread=0.001),
    Scenario.SPIKE: Texture(vol_factor=0.80, reversion=2.0, jumps=1.0, jump_mean=0.0, jump_spread=0.001),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexPath:
    """Columns over the session's snapshots: `spot` in points, `level` the 30-day implied volatility (decimal
    per 252 sessions), `stress` in [0, 1]."""

    spot: FloatArray
    level: FloatArray
    stress: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What the scenario alone would do: log moves from the open of index and implied level, and stress."""

    index: FloatArray
    level: FloatArray
    stress: FloatArray


def variance_clock(elapsed: FloatArray) -> FloatArray:
    """Share of the session's own variance that is past, at shares of its time: quick at both ends."""
    start = 1.2 * 0.08 * (1.0 - np.exp(-elapsed / 0.08))
    end = 0.4 * 0.08 * (np.exp((elapsed - 1.0) / 0.08) - np.exp(-1.0 / 0.08))
    whole = 1.0 + 1.6 * 0.08 * (1.0 - np.exp(-1.0 / 0.08))
    share: FloatArray = (elapsed + start + end) / whole
    return share


def index_path(
    scenario: Scenario,
    *,
    elapsed: FloatArray,
    session_s: float,
    open_spot: float,
    open_level: float,
    daily_vol: float,
    rng: np.random.Generator,
) -> IndexPath:
    """One session at shares `elapsed` of its time, from spot, implied level and true volatility."""
    course = _course(scenario, elapsed, session_s, open_level, rng)
    texture = TEXTURES[scenario]
    shocks = rng.standard_normal((2, len(elapsed)))
    jumps = _jumps(texture, elapsed, course.stress, rng)
    index, level = _wander(texture, course, variance_clock(elapsed), elapsed, shocks, jumps, daily_vol)
    return IndexPath(
        spot=open_spot * np.exp(course.index + index),
        level=open_level * np.exp(course.level + level),
        stress=course.stress,
    )


def _wander(
    texture: Texture,
    course: Course,
    clock: FloatArray,
    elapsed: FloatArray,
    shocks: FloatArray,
    jumps: FloatArray,
    daily_vol: float,
) -> tuple[FloatArray, FloatArray]:
    past, time = np.diff(clock, prepend=0.0), np.diff(elapsed, prepend=0.0)
    vol = texture.vol_factor * daily_vol * np.sqrt((1.0 - OVERNIGHT_SHARE) / SESSIONS_PER_YEAR)
    index_shocks = (
        vol * np.exp(course.level) * (1.0 + 0.5 * course.stress) * np.sqrt(past) * shocks[0] + jumps
    )
    mixed = LEVERAGE * shocks[0] + np.sqrt(1.0 - LEVERAGE**2) * shocks[1]
    level_shocks = LEVEL_VOL * np.sqrt(past) * mixed + LEVEL_PER_JUMP * jumps
    index = _reverting(index_shocks, texture.reversion * time)
    level = _reverting(level_shocks, LEVEL_REVERSION * time)
    return index, LEVEL_BOUND * np.tanh(level / LEVEL_BOUND)


def _reverting(shocks: FloatArray, pull: FloatArray) -> FloatArray:
    out = np.empty_like(shocks)
    at = 0.0
    for i, (shock, back) in enumerate(zip(shocks.tolist(), pull.tolist(), strict=True)):
        at += shock - back * at
        out[i] = at
    return out


# In a crash the jumps come with the fall, not before it.
def _jumps(texture: Texture, elapsed: FloatArray, stress: FloatArray, rng: np.random.Generator) -> FloatArray:
    size = texture.jump_mean + texture.jump_spread * rng.standard_normal(len(elapsed))
    per_step = texture.jumps * np.diff(elapsed, prepend=0.0)
    count = rng.poisson(per_step * np.where(texture.jump_mean < 0.0, 3.0 * stress, 1.0))
    return size * np.minimum(count, 1)


def _course(
    scenario: Scenario, elapsed: FloatArray, session_s: float, open_level: float, rng: np.random.Generator
) -> Course:
    when, how_much = rng.random(), rng.standard_normal()
    still = np.zeros_like(elapsed)
    match scenario:
        case Scenario.CALM:
            return Course(index=still, level=-0.015 * elapsed, stress=still)
        case Scenario.TREND:
            return Course(index=(0.012 + 0.001 * how_much) * elapsed, level=-0.04 * elapsed, stress=still)
        case Scenario.CRASH:
            return _crash(elapsed, open_level, onset=0.55 + 0.10 * when)
        case Scenario.SPIKE:
            return _spike(elapsed * session_s, onset_s=(0.20 + 0.35 * when) * session_s)


def _crash(elapsed: FloatArray, open_level: float, onset: float) -> Course:
    fallen = _smooth_step((elapsed - onset) / CRASH_LENGTH)
    after = np.maximum(elapsed - onset - CRASH_LENGTH, 0.0)
    rise = CRASH_LEVEL_RISE * fallen * np.exp(-0.5 * after)
    return Course(
        index=CRASH_FALL * fallen,
        level=np.log1p(rise / open_level),
        stress=np.sqrt(fallen) * np.exp(-2.0 * after),
    )


def _spike(time_s: FloatArray, onset_s: float) -> Course:
    since_top = np.maximum(time_s - onset_s - SPIKE_RISE_S, 0.0)
    reversed_share = SPIKE_REVERSAL * (1.0 - np.exp(-since_top / SPIKE_REVERSAL_S))
    shape = _smooth_step((time_s - onset_s) / SPIKE_RISE_S) * (1.0 - reversed_share)
    return Course(index=SPIKE_FALL * shape, level=SPIKE_LEVEL_RISE * shape, stress=0.4 * shape)


def _smooth_step(x: FloatArray) -> FloatArray:
    clipped = np.clip(x, 0.0, 1.0)
    step: FloatArray = clipped**2 * (3.0 - 2.0 * clipped)
    return step
