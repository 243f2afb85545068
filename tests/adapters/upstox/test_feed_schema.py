"""The feed's frames: our descriptor is the published one, byte for byte, and clashes with nobody's."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import grpc_tools
import pytest
from google.protobuf import message_factory, wrappers_pb2
from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto, FileDescriptorSet
from google.protobuf.descriptor_pool import Default, DescriptorPool
from grpc_tools import protoc
from hypothesis import given, settings
from hypothesis import strategies as st

from volguard.adapters.upstox import feed_schema
from volguard.adapters.upstox.feed_schema import FeedResponse, FrameType, MarketStatus, RequestMode

PROTO = Path(__file__).with_name("market_feed_v3.proto")
MARKET_INFO = "080218d39ec4dcd432220c0a0a0a064e53455f464f1002"
INITIAL_FEED = (
    "12320a134e53455f494e4445587c496e64696120564958121b0a19090000000000802c4010c8fec4dcd43221"
    "0000000000002c4018d786c5dcd432"
)
LIVE_FULL = (
    "080112eb010a0c4e53455f464f7c343534353012da0112d5010ad2010a1b099a99999999696b4010deefdedb"
    "d432184b219a99999999d17c40121a0a18088d04113333333333636b4018e10121cdcccccccc6c6b401a2d09"
    "36ab3e575bb1df3f119a99999999992dc019613255302aa9433f216666666666662d40299a99999999990940"
    "22360a340a023164110000000000107840193333333333db784021cdcccccccca46940299a99999999696b40"
    "309ea1d20438c0e8b0c5d43229ec51b81e85d77140309ea1d20439000000001b033e4141ce88d2dee00bc33f"
    "4900000000386309415100000000804200412001189487c5dcd432"
)


@cache
def compiled() -> FileDescriptorProto:
    """The .proto beside this test, compiled by protoc."""
    with TemporaryDirectory() as folder:
        out = Path(folder) / "set.pb"
        include = Path(grpc_tools.__file__).parent / "_proto"
        words = ["protoc", f"-I{PROTO.parent}", f"-I{include}", f"--descriptor_set_out={out}", PROTO.name]
        assert protoc.main(words) == 0
        (file,) = FileDescriptorSet.FromString(out.read_bytes()).file
    return file


@cache
def independent() -> Any:
    """FeedResponse as protoc understands it."""
    pool = DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(compiled().SerializeToString())
    found = pool.FindMessageTypeByName("com.upstox.marketdatafeederv3udapi.rpc.proto.FeedResponse")
    return message_factory.GetMessageClass(found)


def fields_of(message: DescriptorProto) -> Iterator[tuple[object, ...]]:
    for field in message.field:
        union = message.oneof_decl[field.oneof_index].name if field.HasField("oneof_index") else ""
        yield field.number, field.name, field.type, field.label, field.type_name, union
    for entry in message.nested_type:
        yield entry.name, entry.options.map_entry, *fields_of(entry)


def test_every_field_is_as_published() -> None:
    """Names, numbers, types, unions and maps agree with the .proto that protoc compiled."""
    ours, theirs = feed_schema.file_descriptor(), compiled()
    assert ours.package == theirs.package and ours.syntax == theirs.syntax == "proto3"
    assert {m.name: sorted(fields_of(m), key=str) for m in ours.message_type} == {
        m.name: sorted(fields_of(m), key=str) for m in theirs.message_type
    }
    assert {e.name: [(v.name, v.number) for v in e.value] for e in ours.enum_type} == {
        e.name: [(v.name, v.number) for v in e.value] for e in theirs.enum_type
    }


def test_a_frame_of_segment_states_reads_as_stated() -> None:
    """The published vector of a first frame."""
    frame = FeedResponse.FromString(bytes.fromhex(MARKET_INFO))
    assert (frame.type, frame.currentTs) == (FrameType.market_info, 1740729552723)
    assert dict(frame.marketInfo.segmentStatus) == {"NSE_FO": MarketStatus.NORMAL_OPEN}


def test_an_initial_frame_has_no_type_on_the_wire() -> None:
    """The published vector of an index's last price: type and mode are left out, both being 0."""
    frame = FeedResponse.FromString(bytes.fromhex(INITIAL_FEED))
    feed = frame.feeds["NSE_INDEX|India VIX"]
    assert (frame.type, frame.currentTs) == (FrameType.initial_feed, 1740729566039)
    assert (feed.ltpc.ltp, feed.ltpc.ltt, feed.ltpc.cp) == (14.25, 1740729565000, 14.0)
    assert feed.requestMode == RequestMode.ltpc and feed.ltpc.ltq == 0


def test_a_full_frame_reads_as_stated() -> None:
    """The published vector of an option in full mode, every field of it."""
    frame = FeedResponse.FromString(bytes.fromhex(LIVE_FULL))
    feed = frame.feeds["NSE_FO|45450"]
    full = feed.fullFeed.marketFF
    (touch,), (day,), greeks = full.marketLevel.bidAskQuote, full.marketOHLC.ohlc, full.optionGreeks
    assert (frame.type, frame.currentTs) == (FrameType.live_feed, 1740729566100)
    assert feed.requestMode == RequestMode.full_d5
    assert (full.ltpc.ltp, full.ltpc.ltt, full.ltpc.ltq, full.ltpc.cp) == (219.3, 1740727891934, 75, 461.1)
    assert (touch.bidQ, touch.bidP, touch.askQ, touch.askP) == (525, 219.1, 225, 219.4)
    assert (greeks.delta, greeks.theta, greeks.gamma, greeks.vega, greeks.rho) == (
        *(0.4952, -14.8, 0.0006),
        *(14.7, 3.2),
    )
    assert (day.interval, day.open, day.high, day.low, day.close) == ("1d", 385.0, 397.7, 205.15, 219.3)
    assert (day.vol, day.ts) == (9736350, 1740681000000)
    assert (full.atp, full.vtt, full.oi, full.iv) == (285.47, 9736350, 1966875.0, 0.1488)
    assert (full.tbq, full.tsq) == (207975.0, 133200.0)


@pytest.mark.parametrize("vector", [MARKET_INFO, INITIAL_FEED, LIVE_FULL])
def test_the_published_vectors_come_out_as_they_went_in(vector: str) -> None:
    """Decoded and encoded again, by us and by the independent descriptor, each vector is itself."""
    payload = bytes.fromhex(vector)
    assert FeedResponse.FromString(payload).SerializeToString(deterministic=True) == payload
    assert independent().FromString(payload).SerializeToString(deterministic=True) == payload


numbers = st.floats(allow_nan=False, allow_infinity=False, width=64)
counts = st.integers(min_value=-(2**63), max_value=2**63 - 1)
quotes = st.tuples(counts, numbers, counts, numbers)
options = st.tuples(st.lists(quotes, max_size=5), numbers, counts, numbers, numbers, st.booleans())
keys = st.text(min_size=1, max_size=12)


@settings(derandomize=True, max_examples=80, deadline=None)
@given(
    feeds=st.dictionaries(keys, options, max_size=4),
    levels=st.dictionaries(keys, numbers, max_size=2),
    kind=st.sampled_from(list(FrameType)),
    at=counts,
)
def test_each_reads_what_the_other_writes(
    feeds: dict[str, Any], levels: dict[str, float], kind: FrameType, at: int
) -> None:
    """Any frame of our encoder decodes to the same with the independent descriptor, and the other way."""
    for write, read in ((FeedResponse, independent()), (independent(), FeedResponse)):
        frame = write(type=int(kind), currentTs=at)
        for key, level in levels.items():
            frame.feeds[key].fullFeed.indexFF.ltpc.ltp = level
        for key, (book, ltp, vtt, oi, iv, has_iep) in feeds.items():
            full = frame.feeds[key].fullFeed.marketFF
            full.ltpc.ltp, full.vtt, full.oi, full.iv = ltp, vtt, oi, iv
            full.marketLevel.SetInParent()
            if has_iep:
                full.ltpc.iep.value = ltp
            for bid_qty, bid, ask_qty, ask in book:
                full.marketLevel.bidAskQuote.add(bidQ=bid_qty, bidP=bid, askQ=ask_qty, askP=ask)
        again = read.FromString(frame.SerializeToString(deterministic=True))
        assert again.SerializeToString(deterministic=True) == frame.SerializeToString(deterministic=True)
        assert str(again) == str(frame)


def test_nothing_is_registered_where_a_vendors_sdk_would_be() -> None:
    """The process's own pool knows neither our file nor the names: an SDK may register its own."""
    for name in (feed_schema.FILE, "MarketDataFeedV3.proto"):
        with pytest.raises(KeyError):
            Default().FindFileByName(name)
    with pytest.raises(KeyError):
        Default().FindMessageTypeByName(f"{feed_schema.PACKAGE}.FeedResponse")


def test_a_row_that_is_no_field_is_refused() -> None:
    """A slip in the table stops the import, it does not become another schema."""
    with pytest.raises(ValueError, match="no field"):
        feed_schema._add_field(DescriptorProto(name="X"), "two words of nothing here 1")
