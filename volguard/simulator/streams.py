"""Independent random streams of one seed, one per purpose: a change in one leaves the others alone."""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """What a stream is drawn for; the numbers are part of a seed's meaning and never change."""

    HISTORY = 1
    INDEX = 2
    LISTING = 3
    QUOTES = 4
    LIES = 5


def stream(seed: int, purpose: Purpose, part: int = 0) -> np.random.Generator:
    """The generator (PCG64) of a purpose, and of a numbered part of it."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(purpose, part))))
