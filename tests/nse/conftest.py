"""The shipped tables, read as any program would, and the rules built from them."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest

from volguard.nse.calendar import Calendar, CalendarTables
from volguard.nse.charges import Charges, ChargeTables
from volguard.nse.contracts import Contracts, ContractTables

ROOT = Path(__file__).resolve().parents[2]
TablesT = TypeVar("TablesT")


def load(name: str, tables_class: type[TablesT]) -> TablesT:
    return msgspec.convert(tomllib.loads((ROOT / "config" / name).read_text()), tables_class)


@pytest.fixture(scope="session")
def calendar_tables() -> CalendarTables:
    return load("calendar.toml", CalendarTables)


@pytest.fixture(scope="session")
def contract_tables() -> ContractTables:
    return load("contracts.toml", ContractTables)


@pytest.fixture(scope="session")
def charge_tables() -> ChargeTables:
    return load("charges.toml", ChargeTables)


@pytest.fixture(scope="session")
def calendar(calendar_tables: CalendarTables) -> Calendar:
    return Calendar(calendar_tables)


@pytest.fixture(scope="session")
def contracts(contract_tables: ContractTables, calendar: Calendar) -> Contracts:
    return Contracts(contract_tables, calendar)


@pytest.fixture(scope="session")
def charges(charge_tables: ChargeTables) -> Charges:
    return Charges(charge_tables)


@pytest.fixture(scope="session")
def data_folder() -> Path:
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"market data for tests is not at {folder}")
    return folder
