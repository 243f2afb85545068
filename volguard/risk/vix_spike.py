"""VIX spike: a rise within minutes that stands for more than one look, held until it has been calm a while.

A look is a level with its time. Both ends of the rise must stand: the low counts only if so many looks in a
row were at or below it, the high only if so many are at or above it, so that no single print makes a spike.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from volguard.model.units import figure

Look = tuple[datetime, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class VixSpikeSettings:
    """`rise_share`: of the level, within `window_s`; `confirm_looks` in a row at either end of the rise.

    `clean_dwell_s`: a spike is over when every look for so long was judged and was no spike.
    """

    rise_share: float
    window_s: float
    confirm_looks: int
    clean_dwell_s: float

    def __post_init__(self) -> None:
        for name in ("rise_share", "window_s", "clean_dwell_s"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} was {getattr(self, name)}, must be above 0")
        if self.confirm_looks < 1:
            raise ValueError(f"confirm_looks was {self.confirm_looks}, must be at least 1")

    def is_judgeable(self, cadence_s: float) -> bool:
        """Whether looks of a cadence come fast enough: both ends of a rise must fit into the window."""
        return (2 * self.confirm_looks - 1) * cadence_s <= self.window_s


@dataclass(frozen=True, slots=True, kw_only=True)
class VixSpikeState:
    """All that a restart must bring back, and what the last look said.

    `rise_share` is the confirmed rise within the window (0.08 is 8 %), None when it was not judged and
    `not_judged` says why. `is_spiking` is latched.
    """

    looks: tuple[Look, ...] = ()  # oldest first, no longer than the window needs
    rise_share: float | None = None
    not_judged: str = "no look yet"
    is_spiking: bool = False
    clean_since: datetime | None = None

    @property
    def text(self) -> str:
        """One line for a person."""
        seen = f"not judged: {self.not_judged}" if self.rise_share is None else f"{self.rise_share:+.1%}"
        return f"VIX {'spike in force' if self.is_spiking else 'calm'}, rise {seen}"


def note_vix(
    state: VixSpikeState, level: float | None, now: datetime, settings: VixSpikeSettings
) -> VixSpikeState:
    """The state after one look; `level` in any unit, None when the source gave none.

    A look that is not later than the last changes nothing. A level that is not known is not judged: it
    neither starts a spike nor lets one end.
    """
    if state.looks and now <= state.looks[-1][0]:
        return state
    if level is None or not (math.isfinite(level) and level > 0.0):
        seen = "VIX is not available" if level is None else f"VIX was {level}"
        return replace(state, rise_share=None, not_judged=seen, clean_since=None)
    looks = _kept((*_unbroken(state.looks, now, settings), (now, level)), settings)
    rise, reason = _confirmed_rise(looks, settings)
    seen_now = replace(state, looks=looks, rise_share=rise, not_judged=reason)
    return _latched(seen_now, now, settings)


def _unbroken(looks: tuple[Look, ...], now: datetime, settings: VixSpikeSettings) -> tuple[Look, ...]:
    # What was seen before a hole longer than the window says nothing of a rise within the window.
    window = timedelta(seconds=settings.window_s)
    return looks if looks and now - looks[-1][0] <= window else ()


def _kept(looks: tuple[Look, ...], settings: VixSpikeSettings) -> tuple[Look, ...]:
    # The lowest low may be complete as early as a window before the first look of the high.
    first_high = looks[-min(settings.confirm_looks, len(looks))][0]
    since = first_high - timedelta(seconds=settings.window_s)
    start = next(index for index, (at, _) in enumerate(looks) if at >= since)
    return looks[max(start - settings.confirm_looks + 1, 0) :]


def _confirmed_rise(looks: tuple[Look, ...], settings: VixSpikeSettings) -> tuple[float | None, str]:
    count = settings.confirm_looks
    if len(looks) < 2 * count:
        return None, f"{len(looks)} looks within {settings.window_s:.0f} s, {2 * count} are needed"
    levels = [level for _, level in looks]
    high = min(levels[-count:])
    before = levels[:-count]
    low = min(max(before[i : i + count]) for i in range(len(before) - count + 1))
    return figure(high / low - 1.0), ""


def _latched(state: VixSpikeState, now: datetime, settings: VixSpikeSettings) -> VixSpikeState:
    if state.rise_share is None:
        return replace(state, clean_since=None)
    if state.rise_share >= figure(settings.rise_share):
        return replace(state, is_spiking=True, clean_since=None)
    if not state.is_spiking:
        return replace(state, clean_since=None)
    clean_since = state.clean_since or now
    if now - clean_since >= timedelta(seconds=settings.clean_dwell_s):
        return replace(state, is_spiking=False, clean_since=None)
    return replace(state, clean_since=clean_since)
