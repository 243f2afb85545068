"""Every value of the model is frozen and built by keyword, so that a state changes only by replacement."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from dataclasses import fields, is_dataclass

import pytest

from volguard import model

VALUES = sorted(
    {
        value
        for module in pkgutil.iter_modules(model.__path__, "volguard.model.")
        for _, value in inspect.getmembers(importlib.import_module(module.name), inspect.isclass)
        if is_dataclass(value) and value.__module__.startswith("volguard.model.")
    },
    key=lambda value: value.__qualname__,
)
WITH_CACHED_COLUMNS = {"Listing"}  # derives columns once, which slots would forbid


def test_the_model_has_values() -> None:
    assert {"Fill", "Trade", "Listing", "Proposal", "StatusView"} <= {value.__name__ for value in VALUES}


@pytest.mark.parametrize("value", VALUES, ids=lambda value: value.__name__)
def test_a_value_is_frozen_slotted_and_keyword_only(value: type) -> None:
    parameters = value.__dataclass_params__
    assert parameters.frozen
    assert all(field.kw_only for field in fields(value))
    if value.__name__ not in WITH_CACHED_COLUMNS:
        assert "__slots__" in vars(value)
