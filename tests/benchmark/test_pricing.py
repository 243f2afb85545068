"""How pricing compares, as ratios in one run: the table is printed, the loosest bounds are asserted."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from datetime import date, timedelta
from statistics import median

import numpy as np
import pytest
from py_lets_be_rational import implied_volatility_from_a_transformed_rational_guess as scalar_peer
from scipy.special import ndtr

from volguard.model.instrument import Underlying
from volguard.model.market import Listing
from volguard.pricing.black76 import greeks, price
from volguard.pricing.forward import imply_forwards
from volguard.pricing.implied_vol import IvStatus, implied_vol

pytestmark = pytest.mark.benchmark

RUNS = 60
STRIKES = 42  # of each expiry, calls and puts
DAYS = (4, 11, 18, 25, 32, 60, 88, 123, 214, 305, 487, 669, 851, 1033, 1215, 1397, 1579, 1761)


def median_s(call: Callable[[], object], runs: int = RUNS) -> float:
    call()
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return median(times)


def listing() -> Listing:
    strikes = 24_500.0 + 50.0 * np.arange(-STRIKES // 2, STRIKES // 2)
    return Listing(
        underlying=Underlying("NIFTY"),
        expiries=tuple(date(2025, 8, 29) + timedelta(days=days) for days in DAYS),
        offsets=np.arange(len(DAYS) + 1) * 2 * STRIKES,
        strike=np.tile(np.repeat(strikes, 2), len(DAYS)),
        is_call=np.tile([True, False], STRIKES * len(DAYS)),
    )


def plain_price(*point: np.ndarray) -> np.ndarray:
    # What one pass costs with the textbook formula and a compiled normal distribution.
    forward, strike, t, sigma, is_call, discount = point
    s = sigma * np.sqrt(t)
    d1 = np.log(forward / strike) / s + 0.5 * s
    sign = np.where(is_call, 1.0, -1.0)
    result: np.ndarray = discount * sign * (forward * ndtr(sign * d1) - strike * ndtr(sign * (d1 - s)))
    return result


def test_a_whole_chain_is_priced_and_inverted_fast() -> None:
    chain = listing()
    years = np.array(DAYS) / 365.0
    t = years[chain.expiry_index]
    discount, forward = np.exp(-0.06 * t), 24_500.0 * np.exp(0.06 * t)
    sigma = 0.11 + 0.4 * np.abs(np.log(chain.strike / forward))
    point = (forward, chain.strike, t, sigma, chain.is_call, discount)
    values = price(*point)
    quotes = (values, forward, chain.strike, t, chain.is_call, discount)
    sign = np.where(chain.is_call, 1.0, -1.0)
    rows = [column.tolist() for column in (values / discount, forward, chain.strike, t, sign)]

    count = len(chain)
    iv_s = median_s(lambda: implied_vol(*quotes))
    greeks_s = median_s(lambda: greeks(*point))
    price_s = median_s(lambda: price(*point))
    plain_s = median_s(lambda: plain_price(*point))
    forward_s = median_s(lambda: imply_forwards(chain, values - 0.05, values + 0.05, years))
    peer_s = median_s(lambda: [scalar_peer(*row) for row in zip(*rows, strict=True)], runs=3)
    fixed_s = [
        median_s(lambda f=f, a=a: f(*(x[:1] for x in a))) for f, a in ((implied_vol, quotes), (greeks, point))
    ]

    print(f"\n{platform.machine()}, {os.cpu_count()} cores, numpy {np.__version__}, {count} options")
    print(f"{'':34}{'ns/option':>10}{'ratio':>8}  against")
    for name, seconds, base_s, base in (
        ("implied volatility", iv_s, peer_s, "py_lets_be_rational loop"),
        ("price and eleven Greeks", greeks_s, price_s, "one price pass"),
        ("price", price_s, plain_s, "textbook price, scipy normal"),
        ("forwards of all expiries", forward_s, iv_s + greeks_s, "IV and Greeks together"),
        ("implied volatility of one option", fixed_s[0] * count, iv_s * count, "the same for the chain"),
        ("Greeks of one option", fixed_s[1] * count, greeks_s * count, "the same for the chain"),
    ):
        print(f"{name:34}{seconds / count * 1e9:10.0f}{seconds / base_s:8.3f}  {base}")

    assert np.mean(implied_vol(*quotes).status == IvStatus.OK) > 0.8
    assert iv_s < peer_s / 5.0
    assert greeks_s < 2.5 * price_s
    assert forward_s < 2.0 * (iv_s + greeks_s)
