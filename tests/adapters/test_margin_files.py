"""Published price scans are joined to the close and the volatility of the session before."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from volguard.adapters.margin_files import read_published_scans
from volguard.model.errors import DataError

SCANS = "date,symbol,expiry,futures_price,price_scan,price_scan_pct,vol_scan\n"
VOLATILITY = "date,symbol,spot_close,spot_prev,sigma_applicable\n"
SCAN_ROW = "{day},{symbol},202501,24000,{scan},9.3,0.04\n"
SIGMA_ROW = "{day},{symbol},24000,{level},{sigma}\n"


def files(folder: Path, scans: str, volatility: str) -> tuple[Path, Path]:
    paths = folder / "scans.csv", folder / "volatility.csv"
    for path, text in zip(paths, (SCANS + scans, VOLATILITY + volatility), strict=True):
        path.write_text(text)
    return paths


def scan(day: str, points: str, symbol: str = "NIFTY") -> str:
    return SCAN_ROW.format(day=day, symbol=symbol, scan=points)


def sigma(day: str, level: str, value: str, symbol: str = "NIFTY") -> str:
    return SIGMA_ROW.format(day=day, symbol=symbol, level=level, sigma=value)


def test_a_day_takes_its_level_and_the_volatility_of_the_session_before(tmp_path: Path) -> None:
    scans = scan("2025-01-03", "2200") + scan("2025-01-02", "2100") + scan("2025-01-01", "2000")
    volatility = (
        sigma("2025-01-03", "23800", "0.009")
        + sigma("2025-01-01", "23600", "0.007")
        + sigma("2025-01-02", "23700", "0.008")
    )
    (found,) = read_published_scans(*files(tmp_path, scans, volatility)).values()
    # The first day has no session before it in the file.
    assert found.days == [date(2025, 1, 2), date(2025, 1, 3)]
    assert found.level.tolist() == [23_700.0, 23_800.0]
    assert found.sigma_daily.tolist() == [0.007, 0.008]
    assert found.price_scan.tolist() == [2100.0, 2200.0]


def test_symbols_stand_apart_and_one_without_volatility_is_left_out(tmp_path: Path) -> None:
    scans = "".join(scan("2025-01-02", "2100", symbol) for symbol in ("NIFTY", "BANKNIFTY", "OTHER"))
    volatility = "".join(
        sigma(day, "23600", "0.007", symbol)
        for symbol in ("NIFTY", "BANKNIFTY")
        for day in ("2025-01-01", "2025-01-02")
    )
    assert list(read_published_scans(*files(tmp_path, scans, volatility))) == ["BANKNIFTY", "NIFTY"]


@pytest.mark.parametrize(
    ("scans", "volatility", "said"),
    [
        (scan("2025-01-02", "0"), sigma("2025-01-01", "1", "1"), "line 2, column price_scan: was '0'"),
        (scan("2025-01-02", "1"), sigma("2025-01-01", "1", "x"), "line 2, column sigma_applicable: was 'x'"),
        (2 * scan("2025-01-02", "1"), sigma("2025-01-01", "1", "1"), "line 3, column date: .* given twice"),
        ("", sigma("2025-01-01", "1", "1"), "holds no rows"),
        (scan("2024-01-02", "1"), sigma("2025-01-01", "1", "1"), "have no day in common"),
    ],
)
def test_bad_files_are_refused_by_line_and_column(
    tmp_path: Path, scans: str, volatility: str, said: str
) -> None:
    with pytest.raises(DataError, match=said):
        read_published_scans(*files(tmp_path, scans, volatility))
