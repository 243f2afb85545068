"""Ratios of one run: measured, printed beside their aims, and enforced where that is asked for."""

from __future__ import annotations

import os
import platform
import statistics
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

# A shared machine may be slow for a moment: aims are enforced where it is asked for (the nightly run).
IS_STRICT = os.environ.get("VOLGUARD_BENCHMARK_STRICT") == "1"
_FLAGS = ("avx512f", "avx2", "fma", "asimd")


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """What a comparison took, or why there is none."""

    name: str
    seconds: float | None
    note: str = ""


def hold(name: str, ratios: list[float], aim: float) -> None:
    """Print a ratio beside its aim; fail on it in a strict run."""
    middle = statistics.median(ratios)
    print(f"\n{name}: median {middle:.2f} (min {min(ratios):.2f}, max {max(ratios):.2f}), aim at most {aim}")
    assert middle > 0.0
    assert not IS_STRICT or middle <= aim


def median_s(call: Callable[[], object], runs: int) -> float:
    """Median seconds of a call, after one that does not count."""
    call()
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def time_peer(module: str, name: str, work: Callable[[Any], Callable[[], object]], runs: int) -> Peer:
    """Seconds of `work(module)()`; a peer that is not installed, or fails, is named as that."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a peer's warnings are not ours to mend
        try:
            peer = import_module(module)
        except ImportError:
            return Peer(name=name, seconds=None, note="not installed")
        except Exception as error:  # noqa: BLE001 - a peer's own defect is its result
            return Peer(name=name, seconds=None, note=f"fails on import: {type(error).__name__}")
        try:
            return Peer(name=name, seconds=median_s(work(peer), runs))
        except Exception as error:  # noqa: BLE001 - a peer's own defect is its result
            return Peer(name=name, seconds=None, note=f"fails: {type(error).__name__}")


def machine() -> str:
    """Processor, cores, vector instructions and NumPy of this run, on one line."""
    flags = _cpu_field("flags") or _cpu_field("Features")
    vector = [flag for flag in _FLAGS if flag in flags.split()]
    model = _cpu_field("model name") or platform.processor() or "processor not named"
    told = " ".join(vector) or "vector flags not told"
    versions = f"Python {platform.python_version()}, numpy {np.__version__}"
    return f"{platform.machine()}, {model}, {os.cpu_count()} cores, {told}, {versions}"


def print_table(title: str, ours_s: float, peers: list[Peer], aims: dict[str, float]) -> None:
    """One block of the table: our time, each peer's and how many times faster we are; strict runs hold it."""
    print(f"\n{title}: {ours_s * 1e3:.3f} ms")
    for peer in peers:
        aim = aims.get(peer.name)
        wanted = "" if aim is None else f"   aim at least {aim:g}"
        if peer.seconds is None:
            print(f"  {peer.name:44}{peer.note:>22}{wanted}")
            continue
        ratio = peer.seconds / ours_s
        print(f"  {peer.name:44}{peer.seconds * 1e3:12.3f} ms {ratio:7.1f} x{wanted}")
        assert not IS_STRICT or aim is None or ratio >= aim


def _cpu_field(name: str) -> str:
    source = Path("/proc/cpuinfo")
    if not source.exists():
        return ""
    lines = (line.partition(":") for line in source.read_text().splitlines())
    return next((value.strip() for key, _, value in lines if key.strip() == name), "")
