"""`volguard vol`: a day's volatility and the studies, as tables and documents; refusals say what to do."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cli.command import Done, needs_real_day, together

pytestmark = needs_real_day

HISTORY = ("--history", "../shared/data", "--date", "2025-08-29")
CALLS = {
    "day": (*HISTORY, "--json"),
    "day table": HISTORY,
    "evaluate": (*HISTORY, "--evaluate", "--from", "2025-06-01", "--json"),
    "evaluate table": (*HISTORY, "--evaluate", "--from", "2025-06-01"),
    "signals": (*HISTORY, "--signals", "--json"),
    "regimes": (*HISTORY, "--regimes", "--from", "2024-01-01", "--json"),
    "regimes table": (*HISTORY, "--regimes", "--from", "2024-01-01"),
    "nse table": ("--nse", "../shared/data/nse_volatility.csv.gz"),
    "legs table": (*HISTORY, "--legs", "../shared/data/nifty_condor_legs.csv.gz"),
    "no folder": ("--history", "none", "--json"),
    "two": (*HISTORY, "--signals", "--evaluate", "--json"),
    "bad setting": (*HISTORY, "--set", "models.fit_sessions_min=100", "--json"),
}


@pytest.fixture(scope="module")
def done() -> dict[str, Done]:
    return dict(zip(CALLS, together(*((("vol", *words), None) for words in CALLS.values())), strict=True))


def document(done: dict[str, Done], name: str) -> Any:
    assert done[name].code == 0, done[name].err
    return done[name].document


def test_a_day_shows_realised_cone_forecasts_rank_premium_and_regime(done: dict[str, Done]) -> None:
    day, table = document(done, "day"), done["day table"].out
    assert (day["schema"], day["as_of"]) == ("volguard.vol/1", "2025-08-29")
    assert day["india_vix"]["level"] == 11.75 and "India VIX 11.75 on 2025-08-29" in table
    assert f"regime {day['regime']['regime']}" in table
    assert f"signal {day['signal']['signal']}" in table
    for word in ("yang zhang", "60 sessions", "garch_t", "dispersion", "abstain:", "next session"):
        assert word in table


def test_the_evaluation_tells_its_progress_on_stderr_and_scores_every_model(done: dict[str, Done]) -> None:
    evaluation = document(done, "evaluate")
    assert len(evaluation["rows"]) == 18
    assert "evaluating 2025" in done["evaluate"].err
    assert done["evaluate table"].out.count("median") == 3


def test_the_signals_of_fourteen_years_are_counted(done: dict[str, Done]) -> None:
    years = document(done, "signals")["years"]
    assert [year["year"] for year in years] == list(range(2012, 2026))
    assert all(year["counts"]["SELL_FULL"] > 0 and year["counts"]["AVOID"] > 0 for year in years)


def test_regimes_and_signals_are_tabled_with_what_has_no_history(done: dict[str, Done]) -> None:
    study, table = document(done, "regimes"), done["regimes table"].out
    assert (study["schema"], study["last"]) == ("volguard.vol_regimes/1", "2025-08-29")
    assert done["regimes table"].code == 0, done["regimes table"].err
    assert "GAMMA_PIN: no history, daily history has no wall_distance, days_to_expiry" in table
    for row in (*study["regimes"], *study["signals"]["rows"]):
        assert f"\n{row['state']} " in table
    assert f"changes: {study['changes']['in_force']['count']}, " in table
    assert "without the dwell of 1 session" in table


def test_the_file_of_the_exchange_needs_no_history(done: dict[str, Done]) -> None:
    assert done["nse table"].code == 0, done["nse table"].err
    assert "BANKNIFTY  3326  2012-07-05  2025-12-31      3309" in done["nse table"].out
    assert "a session is missing after 2012-09-07" in done["nse table"].out


def test_legs_are_tabled_by_days_to_expiry(done: dict[str, Done]) -> None:
    assert done["legs table"].code == 0, done["legs table"].err
    assert "2248 traded legs, carry 6.0 %" in done["legs table"].out


def test_a_missing_folder_two_studies_and_a_bad_setting_are_refused(done: dict[str, Done]) -> None:
    assert {done[name].code for name in ("no folder", "two", "bad setting")} == {2}
    assert "none: no such folder of daily history" in done["no folder"].error["error"]
    assert "--history DIR" in done["no folder"].error["hint"]
    assert "give one at a time" in done["two"].error["error"]
    assert "fit_sessions_min was 100, must be in [250" in done["bad setting"].error["error"]
