"""Every JSON form of the reference: it is read, written back the same, and refused with a field missing."""

from __future__ import annotations

import copy
import json
import types
from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Union, get_args, get_origin

import msgspec
import pytest

from tests.adapters.upstox.samples import ERRORS, SAMPLES, Sample
from volguard.adapters.upstox.failures import ApiFailure
from volguard.adapters.upstox.wire import data_of, whole_of
from volguard.adapters.upstox.wire_errors import ErrorRow
from volguard.model.broker import ErrorClass

REFERENCE = Path(__file__).resolve().parents[4] / "shared" / "reference" / "upstox_api.md"
READ = [sample for sample in SAMPLES if sample.kind not in (dict, bool, list[str])]
# What the reference leaves open stands in the samples with a value of the right form.
GAPS = ("...", "\\u2026", "<", "ENABLE|DISABLE", "ACTIVE|INACTIVE")

Place = tuple[str | int, ...]


class Use(StrEnum):
    """What a field is to volguard."""

    REQUIRED = "required"
    OPTIONAL = "read where it is there"
    SPARE = "never read"


def read(sample: Sample, body: bytes) -> Any:
    """A body read as the client reads it."""
    reader = whole_of if sample.is_whole else data_of
    return reader(body, sample.kind, sample.name)


def value_of(sample: Sample) -> Any:
    """The JSON that the sample's type stands for."""
    return json.loads(sample.text)


def body_of(sample: Sample, value: Any) -> bytes:
    """A reply that holds a value."""
    return replace(sample, text=json.dumps(value)).body


def struct_of(kind: Any) -> Any:
    """The struct, list or mapping within an optional type."""
    if get_origin(kind) in (Union, types.UnionType):
        found = [struct_of(part) for part in get_args(kind)]
        return next((part for part in found if part is not None), None)
    if get_origin(kind) in (list, dict) or (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return kind
    return None


def fields(kind: Any, value: Any, path: Place = ()) -> Iterator[tuple[Place, Use]]:
    """(path, what it is) of every field of every object in a value."""
    kind = struct_of(kind)
    if value is None or kind is None:
        return
    if get_origin(kind) is list:
        for number, item in enumerate(value):
            yield from fields(get_args(kind)[0], item, (*path, number))
    elif get_origin(kind) is dict:
        for key, item in value.items():
            yield from fields(get_args(kind)[1], item, (*path, key))
    elif not kind.__struct_config__.array_like:
        hints = {field.encode_name: field for field in msgspec.structs.fields(kind)}
        for key, item in value.items():
            is_spare = hints[key].type is Any
            use = Use.REQUIRED if hints[key].required else Use.SPARE if is_spare else Use.OPTIONAL
            yield (*path, key), use
            yield from fields(hints[key].type, item, (*path, key))


def without(value: Any, path: Place) -> Any:
    """A value with one field taken out."""
    changed = copy.deepcopy(value)
    place = changed
    for step in path[:-1]:
        place = place[step]
    del place[path[-1]]
    return changed


def with_stranger(value: Any) -> Any:
    """A value with a field that nobody knows in every object."""
    if isinstance(value, dict):
        return {**{key: with_stranger(item) for key, item in value.items()}, "zz_new": {"a": [1, None]}}
    return [with_stranger(item) for item in value] if isinstance(value, list) else value


def pruned(value: Any) -> Any:
    """A value without its nulls and empty lists, which say the same as nothing."""
    if isinstance(value, dict):
        return {key: pruned(item) for key, item in value.items() if item not in (None, [])}
    return [pruned(item) for item in value] if isinstance(value, list) else value


FIELDS = [
    (use, pytest.param(sample, path, id=f"{sample.name}: {'.'.join(map(str, path))}"))
    for sample in READ
    for path, use in fields(sample.kind, value_of(sample))
]


def of(*uses: Use) -> list[Any]:
    """The fields of some uses, of every sample."""
    return [field for use, field in FIELDS if use in uses]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_every_form_of_the_reference_survives_reading_and_writing(sample: Sample) -> None:
    """Read, written and read again a form is the same value, and no field of it is lost on the way."""
    first = read(sample, sample.body)
    written = msgspec.json.encode(first)
    again = whole_of(written, sample.kind, sample.name)
    assert again == first
    assert msgspec.json.encode(again) == written
    assert pruned(json.loads(written)) == pruned(value_of(sample))


@pytest.mark.parametrize(("sample", "path"), of(Use.REQUIRED))
def test_a_missing_required_field_is_refused_by_name(sample: Sample, path: Place) -> None:
    """Without a field that a value needs the answer is unreadable, and says whose and which."""
    with pytest.raises(ApiFailure) as caught:
        read(sample, body_of(sample, without(value_of(sample), path)))
    assert caught.value.error_class is ErrorClass.UNKNOWN
    assert caught.value.message.startswith(f"{sample.name}: the answer cannot be read")
    assert f"`{path[-1]}`" in caught.value.message


@pytest.mark.parametrize(("sample", "path"), of(Use.OPTIONAL, Use.SPARE))
def test_a_missing_field_that_is_not_needed_is_passed_over(sample: Sample, path: Place) -> None:
    """What volguard can do without may be absent: all other fields are read as before."""
    found = read(sample, body_of(sample, without(value_of(sample), path)))
    told = pruned(json.loads(msgspec.json.encode(found)))
    assert told == pruned(without(value_of(sample), path))


@pytest.mark.parametrize(("sample", "path"), of(Use.SPARE))
def test_a_field_that_is_never_read_may_have_any_form(sample: Sample, path: Place) -> None:
    """Nonsense where nobody looks stops nothing."""
    value = value_of(sample)
    place = value
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = {"odd": ["-", None]}
    assert pruned(json.loads(msgspec.json.encode(read(sample, body_of(sample, value))))) == pruned(value)


@pytest.mark.parametrize("sample", READ, ids=lambda sample: sample.name)
def test_fields_that_are_not_known_change_nothing(sample: Sample) -> None:
    """The broker may add fields anywhere: the value stays the same."""
    value = value_of(sample)
    grown = (
        {key: with_stranger(row) for key, row in value.items()} if is_map(sample) else with_stranger(value)
    )
    assert read(sample, body_of(sample, grown)) == read(sample, sample.body)


def is_map(sample: Sample) -> bool:
    return get_origin(sample.kind) is dict


def as_texts(value: Any) -> Any:
    """A value with every number as a text, as some of the broker's services write them."""
    if isinstance(value, dict):
        return {key: as_texts(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_texts(item) for item in value]
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


@pytest.mark.parametrize("sample", READ, ids=lambda sample: sample.name)
def test_numbers_may_come_as_texts(sample: Sample) -> None:
    """A number in quotes is that number; an id keeps the form it came in."""
    told = json.loads(msgspec.json.encode(read(sample, body_of(sample, as_texts(value_of(sample))))))
    assert as_texts(told) == as_texts(json.loads(msgspec.json.encode(read(sample, sample.body))))


def json_objects(text: str) -> Iterator[Any]:
    """Every JSON object that stands in a text, whole."""
    decoder, start = json.JSONDecoder(), text.find("{")
    while start >= 0:
        try:
            value, end = decoder.raw_decode(text, start)
            yield value
        except json.JSONDecodeError:
            end = start + 1
        start = text.find("{", end)


def parts(value: Any) -> Iterator[str]:
    """A value and everything within it, each as canonical text."""
    yield json.dumps(value, sort_keys=True)
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for item in inner:
        yield from parts(item)


def test_no_json_of_the_reference_is_forgotten() -> None:
    """Every object that the reference prints without a gap is among the samples."""
    if not REFERENCE.is_file():
        pytest.skip("the broker's reference is not beside the project")
    known = {part for sample in (*SAMPLES, ERRORS) for part in parts(json.loads(sample.body))}
    shown = [json.dumps(value, sort_keys=True) for value in json_objects(REFERENCE.read_text())]
    told = [text for text in shown if not any(gap in text for gap in GAPS)]
    assert len(told) >= 24
    assert [text for text in told if text not in known] == []


def test_the_error_envelope_of_the_reference_survives() -> None:
    """An error in both spellings is read as one and written in both."""
    (row,) = json.loads(ERRORS.body)["errors"]
    read_row = msgspec.json.decode(json.dumps(row), type=ErrorRow)
    assert json.loads(msgspec.json.encode(read_row)) == row
    assert json.loads(msgspec.json.encode(ErrorRow.of(read_row.read()))) == row
