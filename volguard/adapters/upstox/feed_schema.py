"""Frames of the market feed V3 as protobuf messages, from a descriptor that is built here.

The descriptor lives in a pool of its own: a vendor's SDK in the same process registers the same names
elsewhere and clashes with nothing. proto3 leaves defaults out: an absent price and a price of zero are one.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, Final

from google.protobuf import message_factory, wrappers_pb2
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool

PACKAGE: Final = "com.upstox.marketdatafeederv3udapi.rpc.proto"
FILE: Final = "volguard/adapters/upstox/market_feed_v3.proto"


class FrameType(IntEnum):
    """What a frame is: last known values after a subscription, changes, or states of segments."""

    initial_feed = 0
    live_feed = 1
    market_info = 2


class RequestMode(IntEnum):
    """How much of an instrument a subscription shows; full_d5 is what `full` comes back as."""

    ltpc = 0
    full_d5 = 1
    option_greeks = 2
    full_d30 = 3


class MarketStatus(IntEnum):
    """State of a segment."""

    PRE_OPEN_START = 0
    PRE_OPEN_END = 1
    NORMAL_OPEN = 2
    NORMAL_CLOSE = 3
    CLOSING_START = 4
    CLOSING_END = 5


ENUMS: Final[dict[str, type[IntEnum]]] = {
    "Type": FrameType,
    "RequestMode": RequestMode,
    "MarketStatus": MarketStatus,
}

# One row per field: its type, its name, its number. `map X` is a map from text to X, `list X` is repeated,
# `one of NAME: X` belongs to the union of that name.
MESSAGES: Final = {
    "FeedResponse": """
        Type type 1; map Feed feeds 2; int64 currentTs 3; MarketInfo marketInfo 4""",
    "Feed": """
        one of FeedUnion: LTPC ltpc 1; one of FeedUnion: FullFeed fullFeed 2;
        one of FeedUnion: FirstLevelWithGreeks firstLevelWithGreeks 3; RequestMode requestMode 4""",
    "FullFeed": """
        one of FullFeedUnion: MarketFullFeed marketFF 1; one of FullFeedUnion: IndexFullFeed indexFF 2""",
    "LTPC": """
        double ltp 1; int64 ltt 2; int64 ltq 3; double cp 4; google.protobuf.DoubleValue iep 5""",
    "MarketFullFeed": """
        LTPC ltpc 1; MarketLevel marketLevel 2; OptionGreeks optionGreeks 3; MarketOHLC marketOHLC 4;
        double atp 5; int64 vtt 6; double oi 7; double iv 8; double tbq 9; double tsq 10; double iep 11;
        double rp 12; int64 ieq 13; int64 iiqTotal 14; int64 iiqM 15; bool casEligible 16""",
    "IndexFullFeed": """
        LTPC ltpc 1; MarketOHLC marketOHLC 2""",
    "FirstLevelWithGreeks": """
        LTPC ltpc 1; Quote firstDepth 2; OptionGreeks optionGreeks 3; int64 vtt 4; double oi 5;
        double iv 6""",
    "MarketLevel": """
        list Quote bidAskQuote 1""",
    "Quote": """
        int64 bidQ 1; double bidP 2; int64 askQ 3; double askP 4""",
    "OptionGreeks": """
        double delta 1; double theta 2; double gamma 3; double vega 4; double rho 5""",
    "MarketOHLC": """
        list OHLC ohlc 1""",
    "OHLC": """
        string interval 1; double open 2; double high 3; double low 4; double close 5; int64 vol 6;
        int64 ts 7""",
    "MarketInfo": """
        map MarketStatus segmentStatus 1; map StatusInfo casMarketStatus 2;
        map StatusInfo preOpenSessionStatus 3""",
    "StatusInfo": """
        string status 1; int64 updatedTime 2""",
}

SCALARS: Final = {
    "double": FieldDescriptorProto.TYPE_DOUBLE,
    "int64": FieldDescriptorProto.TYPE_INT64,
    "bool": FieldDescriptorProto.TYPE_BOOL,
    "string": FieldDescriptorProto.TYPE_STRING,
}


def file_descriptor() -> FileDescriptorProto:
    """The whole schema as a descriptor, proto3."""
    file = FileDescriptorProto(name=FILE, package=PACKAGE, syntax="proto3")
    file.dependency.append(wrappers_pb2.DESCRIPTOR.name)
    for enum_name, words in ENUMS.items():
        enum = file.enum_type.add(name=enum_name)
        for word in words:
            enum.value.add(name=word.name, number=word.value)
    for message_name, rows in MESSAGES.items():
        message = file.message_type.add(name=message_name)
        for row in rows.split(";"):
            _add_field(message, row)
    return file


def _add_field(message: DescriptorProto, row: str) -> None:
    *kind, name, number = row.split()
    field = message.field.add(name=name, number=int(number), label=FieldDescriptorProto.LABEL_OPTIONAL)
    match kind:
        case ["one", "of", union, type_name]:
            field.oneof_index = _union(message, union.removesuffix(":"))
        case ["list", type_name]:
            field.label = FieldDescriptorProto.LABEL_REPEATED
        case ["map", value_type]:
            field.label = FieldDescriptorProto.LABEL_REPEATED
            type_name = _add_entry(message, name, value_type)
        case [type_name]:
            pass
        case _:
            raise ValueError(f"{message.name} has a row that is no field: {row.strip()!r}")
    _set_type(field, type_name)


def _union(message: DescriptorProto, name: str) -> int:
    names = [union.name for union in message.oneof_decl]
    if name not in names:
        message.oneof_decl.add(name=name)
        return len(names)
    return names.index(name)


# A map is a list of {key = 1, value = 2} messages, named after the field.
def _add_entry(message: DescriptorProto, field_name: str, value_type: str) -> str:
    entry = message.nested_type.add(name=f"{field_name[0].upper()}{field_name[1:]}Entry")
    entry.options.map_entry = True
    _add_field(entry, "string key 1")
    _add_field(entry, f"{value_type} value 2")
    return f"{message.name}.{entry.name}"


def _set_type(field: FieldDescriptorProto, type_name: str) -> None:
    if type_name in SCALARS:
        field.type = SCALARS[type_name]
        return
    is_enum = type_name in ENUMS
    field.type = FieldDescriptorProto.TYPE_ENUM if is_enum else FieldDescriptorProto.TYPE_MESSAGE
    field.type_name = f".{type_name}" if type_name.startswith("google.") else f".{PACKAGE}.{type_name}"


def _make_pool() -> DescriptorPool:
    pool = DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file_descriptor().SerializeToString())
    return pool


_POOL: Final = _make_pool()


# What the fields are is known at run time alone, so these are Any to a type checker.
def _message(name: str) -> Any:
    return message_factory.GetMessageClass(_POOL.FindMessageTypeByName(f"{PACKAGE}.{name}"))


FeedResponse: Final = _message("FeedResponse")
Feed: Final = _message("Feed")
FullFeed: Final = _message("FullFeed")
LTPC: Final = _message("LTPC")
MarketFullFeed: Final = _message("MarketFullFeed")
IndexFullFeed: Final = _message("IndexFullFeed")
FirstLevelWithGreeks: Final = _message("FirstLevelWithGreeks")
MarketLevel: Final = _message("MarketLevel")
Quote: Final = _message("Quote")
OptionGreeks: Final = _message("OptionGreeks")
MarketOHLC: Final = _message("MarketOHLC")
OHLC: Final = _message("OHLC")
MarketInfo: Final = _message("MarketInfo")
StatusInfo: Final = _message("StatusInfo")
