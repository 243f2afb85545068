"""Bhavcopies as NSE publishes them, small: lines of 1 January 2024 and more of the same make."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path

LEGACY_HEADER = (
    "INSTRUMENT,SYMBOL,EXPIRY_DT,STRIKE_PR,OPTION_TYP,OPEN,HIGH,LOW,CLOSE,SETTLE_PR,CONTRACTS,VAL_INLAKH,"
    "OPEN_INT,CHG_IN_OI,TIMESTAMP,"
)
UDIFF_HEADER = (
    "TradDt,BizDt,Sgmt,Src,FinInstrmTp,FinInstrmId,ISIN,TckrSymb,SctySrs,XpryDt,FininstrmActlXpryDt,StrkPric,"
    "OptnTp,FinInstrmNm,OpnPric,HghPric,LwPric,ClsPric,LastPric,PrvsClsgPric,UndrlygPric,SttlmPric,OpnIntrst,"
    "ChngInOpnIntrst,TtlTradgVol,TtlTrfVal,TtlNbOfTxsExctd,SsnId,NewBrdLotQty,Rmks,Rsvd1,Rsvd2,Rsvd3,Rsvd4"
)
NEW_YEAR = date(2024, 1, 1)
# As published for 1 January 2024; the third was not traded, the others are none of ours.
UDIFF_LINES = (
    "2024-01-01,2024-01-01,FO,NSE,IDO,72884,,NIFTY,,2024-02-29,2024-02-29,21400.00,CE,NIFTY24FEB21400CE,839.00,"
    "955.00,836.10,882.85,836.10,870.55,21741.90,882.85,20450,-650,160,178251222.50,95,F1,50,,,,,",
    "2024-01-01,2024-01-01,FO,NSE,IDO,67286,,NIFTY,,2024-03-28,2024-03-28,21400.00,PE,NIFTY24MAR21400PE,350.80,"
    "350.80,302.15,322.15,338.30,326.30,21741.90,322.15,1400,-100,33,35829902.50,28,F1,50,,,,,",
    "2024-01-01,2024-01-01,FO,NSE,IDO,67999,,NIFTY,,2024-03-28,2024-03-28,31000.00,CE,NIFTY24MAR31000CE,0.00,"
    "0.00,0.00,17.00,0.00,17.00,21741.90,0.85,236800,0,0,0.00,0,F1,50,,,,,",
    "2024-01-01,2024-01-01,FO,NSE,STO,154732,,LICHSGFIN,,2024-03-28,2024-03-28,635.00,PE,LICHSGFIN24MAR635PE,"
    "0.00,0.00,0.00,105.40,0.00,105.40,563.00,73.90,0,0,0,0.00,0,F1,2000,,,,,",
    "2024-01-01,2024-01-01,FO,NSE,IDF,53001,,NIFTY,,2024-01-25,2024-01-25,,,NIFTY24JANFUT,21850.00,21901.00,"
    "21760.05,21864.40,21850.00,21820.10,21741.90,21864.40,12360525,-394350,63223,69078111000.00,45000,F1,50"
    ",,,,,",
)
LEGACY_LINES = (
    "FUTIDX,NIFTY,25-Jan-2024,0,XX,21850,21901,21760.05,21864.4,21864.4,63223,690781.11,12360525,-394350,"
    "01-JAN-2024,",
    "OPTIDX,NIFTY,29-Feb-2024,21400,CE,839,955,836.1,882.85,882.85,160,1782.51,20450,-650,01-JAN-2024,",
    "OPTIDX,NIFTY,28-Mar-2024,21400,PE,350.8,350.8,302.15,322.15,322.15,33,358.3,1400,-100,01-JAN-2024,",
    "OPTIDX,NIFTY,28-Mar-2024,31000,CE,0,0,0,17,.85,0,0,236800,0,01-JAN-2024,",
    "OPTSTK,LICHSGFIN,28-Mar-2024,635,PE,0,0,0,105.4,73.9,0,0,0,0,01-JAN-2024,",
)


def legacy_name(day: date) -> str:
    """The name that the legacy file of a day has."""
    return f"fo{day:%d}{day:%b}".upper().replace("FO", "fo", 1) + f"{day:%Y}bhav.csv"


def udiff_name(day: date) -> str:
    """The name that the UDiFF file of a day has."""
    return f"BhavCopy_NSE_FO_0_0_0_{day:%Y%m%d}_F_0000.csv"


def text_of(header: str, lines: Sequence[str]) -> str:
    """A file's text, with the line ends that the exchange writes."""
    return "\r\n".join((header, *lines, ""))


def udiff(folder: Path, *lines: str, day: date = NEW_YEAR) -> Path:
    """A UDiFF file of a day with these lines (else the sample's)."""
    path = folder / udiff_name(day)
    path.write_text(text_of(UDIFF_HEADER, lines or UDIFF_LINES), newline="")
    return path


def legacy(folder: Path, *lines: str, day: date = NEW_YEAR) -> Path:
    """A legacy file of a day with these lines (else the sample's)."""
    path = folder / legacy_name(day)
    path.write_text(text_of(LEGACY_HEADER, lines or LEGACY_LINES), newline="")
    return path


def zipped(path: Path) -> Path:
    """The zip that the exchange puts around a file."""
    target = path.with_name(f"{path.name}.zip")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(path, path.name)
    return target


def udiff_line(day: date, strike: int, *, name: str = "NIFTY", close: float = 100.0, oi: int = 650) -> str:
    """A traded call of the last expiry of the year, ten lots of 65."""
    turnover = 10 * 65 * (strike + close)
    return (
        f"{day},{day},FO,NSE,IDO,1,,{name},,{day.year}-12-31,{day.year}-12-31,{strike}.00,CE,{name}CE,{close},"
        f"{close},{close},{close},{close},{close},24500.00,{close},{oi},0,10,{turnover:.2f},5,F1,65,,,,,"
    )
