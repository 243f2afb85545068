"""`volguard chain model`: the error of modelled prices on real ones, as table and document."""

from __future__ import annotations

import pytest

from tests.cli.command import Done, needs_real_day, together

pytestmark = needs_real_day

CALLS = {
    "document": ("--data", "../shared/data", "--in-sample", "--json"),
    "table": ("--data", "../shared/data", "--in-sample"),
    "no folder": ("--data", "none", "--json"),
}


@pytest.fixture(scope="module")
def done() -> dict[str, Done]:
    calls = [(("chain", "model", *words), None) for words in CALLS.values()]
    return dict(zip(CALLS, together(*calls), strict=True))


def test_the_condors_of_four_years_are_measured(done: dict[str, Done]) -> None:
    """Median error of the credit below a tenth in every year, the whole and each year in the table."""
    assert done["document"].code == 0, done["document"].err
    document = done["document"].document
    assert (document["schema"], document["prices"]) == ("volguard.chain_model/1", "modelled")
    whole = {row["year"]: row for row in document["credits"] if row["days_to_expiry"] is None}
    assert set(whole) == {None, 2021, 2022, 2023, 2024}
    assert all(0.0 < row["median_absolute"] < 0.1 for row in whole.values())
    table = done["table"].out
    assert f"may be doubted by {document['handicap_share']:.1%} of itself" in table
    for year in (2021, 2022, 2023, 2024):
        assert f"\n{year} " in table


def test_a_missing_folder_is_refused(done: dict[str, Done]) -> None:
    """It says which."""
    assert done["no folder"].code == 2 and "none" in done["no folder"].error["error"]
