"""The contracts that flatten goes by when today's instrument file is not there."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.adapters.upstox.test_instruments import master, row
from volguard.model.errors import DataError
from volguard.operations.flatten_desk import _age_words, _unexpired


def test_a_key_whose_contract_has_expired_is_not_traded_by() -> None:
    """The exchange may give it to another contract; on the day of expiry it still is its own."""
    found = master(row())
    (option,) = found.options
    expiry = option.contract.expiry
    assert _unexpired(found, expiry).options == found.options
    with pytest.raises(DataError):
        _unexpired(found, expiry + timedelta(days=1))


def test_the_age_of_an_old_file_is_said() -> None:
    """From a week on, and where its name tells no day."""
    today = master(row()).options[0].contract.expiry
    assert _age_words(Path(f"NSE-{today:%Y-%m-%d}.json.gz"), today) == ""
    assert "8 days old" in _age_words(Path(f"NSE-{today - timedelta(days=8):%Y-%m-%d}.json.gz"), today)
    assert "tells no day" in _age_words(Path("NSE-copy.json.gz"), today)
