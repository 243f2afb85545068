"""`volguard chain smile|surface|metrics` on the recorded day: documents, tables, charts, refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import Done, needs_real_day, together

pytestmark = needs_real_day

FILE = ("--replay", "../shared/data/nifty_chain_2025-08-29.parquet", "--at", "11:15")
WEEKLY = ("--expiry", "2025-09-02")
PNG_HEAD = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("charts")


@pytest.fixture(scope="module")
def done(folder: Path) -> dict[str, Done]:
    calls = {
        "smile": ("smile", *FILE, *WEEKLY, "--png", str(folder / "smile.png"), "--json"),
        "smile table": ("smile", *FILE, *WEEKLY),
        "surface": ("surface", *FILE, "--png", str(folder / "surface.png"), "--json"),
        "surface table": ("surface", *FILE),
        "metrics": ("metrics", *FILE, "--json"),
        "metrics table": ("metrics", *FILE, *WEEKLY),
        "no folder": ("smile", *FILE, "--png", str(folder / "none" / "x.png"), "--json"),
        "no expiry": ("smile", *FILE, "--expiry", "2025-09-03", "--json"),
    }
    return dict(zip(calls, together(*((("chain", *words), None) for words in calls.values())), strict=True))


def document(done: dict[str, Done], name: str) -> Any:
    assert done[name].code == 0, done[name].err
    return done[name].document


def test_the_real_weekly_smile_is_fitted_without_a_butterfly(done: dict[str, Done]) -> None:
    smile = document(done, "smile")
    assert (smile["schema"], smile["expiry"], smile["source"]) == ("volguard.smile/1", "2025-09-02", "SVI")
    assert smile["reason"].startswith("SABR near error was 0.2")
    assert smile["sabr"]["error"]["near_rms_pt"] < 0.5 and smile["svi"]["error"]["near_rms_pt"] < 0.15
    assert smile["butterfly"] > 0.0
    assert 0.08 < smile["atm_iv"] < 0.10


def test_five_nearest_expiries_of_the_real_surface_are_fitted_and_free_of_arbitrage(
    done: dict[str, Done],
) -> None:
    surface = document(done, "surface")
    assert [row["source"] for row in surface["expiries"][:5]] == ["SVI"] + ["SABR"] * 4
    assert surface["checks"]["butterfly_arbitrage"] == surface["checks"]["calendar_arbitrage"] == []
    assert all(row["forward_variance"] > 0.0 for row in surface["expiries"][:5])
    far = surface["expiries"][-1]
    assert far["source"] == "NONE" and far["reason"] == "SABR no forward; SVI no forward"


def test_the_real_metrics_agree_with_india_vix_of_the_day(done: dict[str, Done]) -> None:
    metrics = document(done, "metrics")
    assert 11.58 - 0.4 <= metrics["vix"]["value"] <= 12.36 + 0.4
    assert metrics["term"]["shape"] == "CONTANGO"
    weekly = metrics["expiries"][0]
    assert weekly["call_wall"]["strike"] == 25_000.0 and weekly["put_wall"]["strike"] == 24_500.0
    assert weekly["skew"]["risk_reversal"] > 0.0 and weekly["missing"] == []


def test_charts_are_written_and_named_on_stderr(done: dict[str, Done], folder: Path) -> None:
    for name in ("smile", "surface"):
        picture = (folder / f"{name}.png").read_bytes()
        assert picture.startswith(PNG_HEAD) and len(picture) > 20_000
        assert f"chart in {folder / name}.png" in done[name].err


def test_tables_hold_the_figures_of_the_documents(done: dict[str, Done]) -> None:
    smile, surface, metrics = (done[f"{name} table"].out for name in ("smile", "surface", "metrics"))
    assert (
        "drawn by SVI" in smile
        and "liquid strikes" in smile
        and "24650" in smile
        and "calibrated 11:04, carried" in smile
    )
    assert "calendar arbitrage: none" in surface and "2025-09-30" in surface
    assert f"VIX, model-free, 30 days: {document(done, 'metrics')['vix']['value']:.2f} (ok" in metrics
    assert "2025-09-02" in metrics and "2025-09-09" not in metrics
    assert all(len(line) <= 120 for out in (smile, surface, metrics) for line in out.splitlines())


def test_a_chart_that_cannot_be_written_and_an_unknown_expiry_are_refused(done: dict[str, Done]) -> None:
    assert done["no folder"].code == done["no expiry"].code == 2
    assert "x.png: cannot be written: No such file or directory" in done["no folder"].error["error"]
    assert "expiry 2025-09-03 is not listed" in done["no expiry"].error["error"]
