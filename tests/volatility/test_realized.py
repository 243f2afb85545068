"""Log returns of closes, which every estimator and model starts from."""

from __future__ import annotations

import math

import numpy as np
import pytest

from volguard.volatility.realized import log_returns


def test_log_returns_are_the_logarithms_of_the_ratios_of_neighbouring_closes() -> None:
    closes = np.array([100.0, 110.0, 99.0])
    assert log_returns(closes).tolist() == pytest.approx([math.log(1.1), math.log(0.9)], abs=1e-15)


def test_a_single_close_has_no_return() -> None:
    assert len(log_returns(np.array([100.0]))) == 0
