"""A bhavcopy is used whole or refused with file, line and column, whatever it is wrapped in."""

from __future__ import annotations

import zipfile
from datetime import date
from pathlib import Path

import pytest

from tests.adapters.bhavcopy_samples import (
    LEGACY_HEADER,
    LEGACY_LINES,
    NEW_YEAR,
    UDIFF_HEADER,
    UDIFF_LINES,
    legacy,
    legacy_name,
    text_of,
    udiff,
    udiff_line,
    udiff_name,
    zipped,
)
from volguard.adapters import bhavcopy_file
from volguard.adapters.bhavcopy_file import FAULTS_TOLD, BadLines, read_bhavcopy
from volguard.model.errors import DataError

NIFTY = ("NIFTY",)


def test_only_index_options_of_the_asked_underlyings_are_read(tmp_path: Path) -> None:
    """Futures and stock options are left; rows are sorted by contract."""
    assert (legacy_name(NEW_YEAR), udiff_name(NEW_YEAR)) == (
        "fo01JAN2024bhav.csv",
        "BhavCopy_NSE_FO_0_0_0_20240101_F_0000.csv",
    )
    for read in (read_bhavcopy(legacy(tmp_path), NIFTY), read_bhavcopy(udiff(tmp_path), NIFTY)):
        assert read.trade_date == NEW_YEAR
        assert [(row.expiry.month, row.strike, row.option_type) for row in read.rows["NIFTY"]] == [
            *((2, 21400, "CE"), (3, 21400, "PE"), (3, 31000, "CE")),
        ]
        assert list(read.rows) == ["NIFTY"] and read.repeated == 0
    assert read.form == "UDiFF"


def test_a_zip_holds_the_same(tmp_path: Path) -> None:
    """The zip of the exchange is read without unpacking it, also under another name."""
    path = legacy(tmp_path)
    inside = read_bhavcopy(zipped(path), NIFTY)
    assert inside.rows == read_bhavcopy(path, NIFTY).rows
    renamed = zipped(path).rename(tmp_path / "any.csv")
    assert read_bhavcopy(renamed, NIFTY).rows == inside.rows


def test_blank_lines_and_repeated_lines_change_nothing(tmp_path: Path) -> None:
    """Old files hold blank lines, and the same line twice: each contract is there once."""
    doubled = legacy(tmp_path, *LEGACY_LINES, "", *LEGACY_LINES[1:3], " ,")
    read = read_bhavcopy(doubled, NIFTY)
    assert (len(read.rows["NIFTY"]), read.repeated) == (3, 2)


def test_every_bad_line_is_named_with_its_column(tmp_path: Path) -> None:
    """All faults are gathered, the exchange's own column names in them; nothing of the file is used."""
    lines = [
        UDIFF_LINES[0].replace("839.00", "n/a"),
        UDIFF_LINES[1].replace(",PE,", ",XX,"),
        UDIFF_LINES[2].replace("2024-01-01,2024-01-01", "2024-01-02,2024-01-02"),
        UDIFF_LINES[0][:80],
        UDIFF_LINES[3].replace("105.40", "bad, but none of ours"),
        *UDIFF_LINES[:3],
    ]
    with pytest.raises(BadLines) as refused:
        read_bhavcopy(udiff(tmp_path, *lines), NIFTY)
    assert refused.value.faults == (
        "line 2, column OpnPric: 'n/a' is not a number of 0 or more",
        "line 3, column OptnTp: 'XX', known are CE and PE",
        "line 5: 13 cells, the header has 34",
        "line 6: 36 cells, the header has 34",
        "line 7, column TradDt: 2024-01-01, the lines before are of 2024-01-02",
        "line 8, column TradDt: 2024-01-01, the lines before are of 2024-01-02",
        "line 9, column TradDt: 2024-01-01, the lines before are of 2024-01-02",
    )
    assert refused.value.message.endswith(
        "_F_0000.csv: line 2, column OpnPric: 'n/a' is not a number of 0 or more (and 6 more)"
    )
    assert refused.value.exit_code == 2


def test_a_contract_with_two_prices_is_refused(tmp_path: Path) -> None:
    """The same contract twice with other figures: nobody can say which is right."""
    path = legacy(tmp_path, *LEGACY_LINES, LEGACY_LINES[1].replace("882.85", "883"))
    with pytest.raises(BadLines, match=r"line 7, column STRIKE_PR: 2024-02-29 21400 CE is given twice"):
        read_bhavcopy(path, NIFTY)


def test_a_long_list_of_faults_is_cut(tmp_path: Path) -> None:
    """Twenty faults are told, and how many there are."""
    path = udiff(
        tmp_path, *[udiff_line(NEW_YEAR, strike).replace(",CE,", ",?,") for strike in range(100, 130)]
    )
    with pytest.raises(BadLines, match=r"\(and 29 more\)") as refused:
        read_bhavcopy(path, NIFTY)
    assert len(refused.value.faults) == FAULTS_TOLD


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no lines"),
        ("SYMBOL,SERIES,OPEN\nNIFTY,EQ,1\n", "line 1: neither a legacy nor a UDiFF header"),
        (
            text_of(LEGACY_HEADER.replace("OPEN_INT,", ""), ()),
            "line 1, column OPEN_INT: is missing from this legacy",
        ),
        (
            text_of(UDIFF_HEADER.replace("NewBrdLotQty", "Lot"), UDIFF_LINES),
            "line 1, column NewBrdLotQty: is missing from this UDiFF file",
        ),
        (text_of(UDIFF_HEADER, UDIFF_LINES[3:]), "no index option of NIFTY"),
        (text_of(LEGACY_HEADER, ()), "no index option of NIFTY"),
        (text_of(LEGACY_HEADER, ('OPTIDX,"NIFTY,',)), "no CSV"),
        ("\x00", "line 1: "),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, text: str, why: str) -> None:
    """Another file of the exchange, one without options of ours, or none at all: named, with the reason."""
    path = tmp_path / "a.csv"
    path.write_text(text, newline="")
    with pytest.raises(DataError, match=why) as refused:
        read_bhavcopy(path, NIFTY)
    assert str(path) in refused.value.message


def test_a_file_under_a_wrong_name_is_refused(tmp_path: Path) -> None:
    """A file that is named for another day than it holds has been mixed up somewhere."""
    for path in (udiff(tmp_path, day=date(2024, 1, 2)), legacy(tmp_path, day=date(2024, 1, 2))):
        with pytest.raises(DataError, match=r"is named for 2024-01-02 and holds 2024-01-01"):
            read_bhavcopy(path, NIFTY)


def test_volume_that_is_not_in_lots_is_seen(tmp_path: Path) -> None:
    """Turnover over price says how many units a contract was: units in the place of lots are refused."""
    units = [line.replace(",160,", ",8000,").replace(",33,", ",1650,") for line in LEGACY_LINES]
    with pytest.raises(DataError, match=r"column CONTRACTS: 1\.00 units a contract by turnover"):
        read_bhavcopy(legacy(tmp_path, *units), NIFTY)
    lots = [line.replace(",F1,50,", ",F1,75,") for line in UDIFF_LINES]
    with pytest.raises(DataError, match=r"column TtlTradgVol: turnover is 0\.67 x contracts x lot x price"):
        read_bhavcopy(udiff(tmp_path, *lots), NIFTY)


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    """A wrong path says so."""
    with pytest.raises(DataError, match=r"absent.zip: no such file"):
        read_bhavcopy(tmp_path / "absent.zip", NIFTY)
    with pytest.raises(DataError, match="cannot be read"):
        read_bhavcopy(tmp_path, NIFTY)


def test_a_torn_zip_is_refused_at_every_length(tmp_path: Path) -> None:
    """A download that broke off is never half a day."""
    whole = zipped(udiff(tmp_path))
    content = whole.read_bytes()
    for length in range(0, len(content) - 1, 13):
        whole.write_bytes(content[:length])
        with pytest.raises(DataError, match=r"_F_0000.csv.zip: cannot be read"):
            read_bhavcopy(whole, NIFTY)


def test_a_rotten_zip_is_refused(tmp_path: Path) -> None:
    """A flipped bit in the packed bytes fails the checksum."""
    whole = zipped(udiff(tmp_path))
    content = bytearray(whole.read_bytes())
    content[200] ^= 4
    whole.write_bytes(content)
    with pytest.raises(DataError, match="cannot be read"):
        read_bhavcopy(whole, NIFTY)


def test_a_zip_must_hold_one_csv(tmp_path: Path) -> None:
    """Two files, none, or something else in the zip: nobody guesses which one was meant."""
    for names in ((), ("a.csv", "b.csv"), ("a.exe",), ("folder/",)):
        path = tmp_path / "a.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for name in names:
                archive.writestr(name, "" if name.endswith("/") else text_of(UDIFF_HEADER, UDIFF_LINES))
        with pytest.raises(DataError, match=r"must hold one .csv file, holds (nothing|a.csv, b.csv|a.exe)"):
            read_bhavcopy(path, NIFTY)


def test_names_inside_a_zip_are_no_paths(tmp_path: Path) -> None:
    """A member that is named to climb out of the folder is read like any other, and written nowhere."""
    folder = tmp_path / "inner"
    folder.mkdir()
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        archive.writestr("../../escaped.csv", text_of(UDIFF_HEADER, UDIFF_LINES))
    assert len(read_bhavcopy(folder / "a.zip", NIFTY).rows["NIFTY"]) == 3
    assert [path.name for path in tmp_path.rglob("*")] == ["inner", "a.zip"]


def test_size_is_bounded_packed_and_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bomb of a zip, or a huge file, is refused before it is in memory."""
    monkeypatch.setattr(bhavcopy_file, "BYTES_MAX", 1000)
    path = udiff(tmp_path)
    for huge in (path, zipped(path)):
        with pytest.raises(DataError, match=r"bytes( unpacked)?, limit 1000"):
            read_bhavcopy(huge, NIFTY)


def test_a_locked_zip_is_refused(tmp_path: Path) -> None:
    """A zip under a password is told as that."""
    whole = zipped(udiff(tmp_path))
    content = bytearray(whole.read_bytes())
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + place] |= 1
    whole.write_bytes(content)
    with pytest.raises(DataError, match="locked with a password"):
        read_bhavcopy(whole, NIFTY)
