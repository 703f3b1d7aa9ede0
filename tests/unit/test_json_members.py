"""Members are cut out of a JSON object as the bytes that they are; what cannot be cut is left for the reader."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.errors import InputRefused
from sync.json_input import read_json
from sync.json_members import cut_out, members

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.sampled_from(["kind", "data", "id", '"', "d\\"]) | st.text(), VALUES, max_size=5)


@given(OBJECTS, st.sampled_from([None, 2]), st.booleans())
def test_what_is_cut_out_is_what_stood_there(
    whole: dict[str, object], indent: int | None, plain: bool
) -> None:
    source = json.dumps(whole, indent=indent, ensure_ascii=not plain).encode("utf-8", "surrogatepass")
    rest, cut = cut_out(source, ("data",))
    assert set(cut) == set(whole) & {"data"}
    assert {name: json.loads(value) for name, value in cut.items()} == {name: whole[name] for name in cut}
    assert json.loads(rest) == {name: 0 if name in cut else value for name, value in whole.items()}
    assert [len(line) for line in rest.splitlines()] == [len(line) for line in source.splitlines()]


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1,"a":2}',
        b'{"a":NaN}',
        b'{"a":"\\ud800"}',
        b"[" * 5000 + b"]" * 5000,
        b"1" * 5000,
        b'"\xff\xfe"',
        b'{ "a" :\r\n [1 , 2 ] }',
    ],
    ids=["key twice", "NaN", "half a character", "deep", "long number", "not UTF-8", "spaces"],
)
def test_value_is_cut_out_as_it_came(data: bytes) -> None:
    rest, cut = cut_out(b'{"kind": "curative", "data": ' + data + b' , "id": null}', ("data",))
    assert cut == {"data": data}
    assert read_json(rest) == {"kind": "curative", "data": 0, "id": None}


def test_name_in_disguise_is_the_same_name() -> None:
    _, cut = cut_out(b'{"d\\u0061ta": {"x": 1}}', ("data",))
    assert cut == {"data": b'{"x": 1}'}


def test_names_are_read_as_the_text_that_they_are() -> None:
    text = '{"é": 1, "\\u00e9\\"": 2}'.encode().decode("latin-1")
    assert [name for name, _, _ in members(text) or ()] == ["é", 'é"']


def test_member_that_stands_there_twice_is_refused_by_the_reader() -> None:
    rest, _ = cut_out(b'{"data": {"x": 1}, "data": {"x": 2}}', ("data",))
    with pytest.raises(InputRefused) as refusal:
        read_json(rest)
    assert [(each.path, each.code) for each in refusal.value.problems] == [("$.data", "duplicate_key")]


@pytest.mark.parametrize(
    "source",
    [
        b"", b"[]", b'{"data": {"x": 1}', b'{"data": {"x": 1}} {}', b'{"data": {"x": 1},}', b'{"data" {"x": 1}}',
        b'{"data": , "x": 1}', b'{"data": ]}', b"{data: 1}", b'{"data": "\\', b'\xff\xfe{\x00"\x00', b'{"\\x": 1}',
    ],
)  # fmt: skip
def test_what_is_no_object_is_left_as_it_is(source: bytes) -> None:
    assert cut_out(source, ("data",)) == (source, {})
    with pytest.raises(InputRefused):
        read_json(source)


def test_byte_order_mark_is_no_part_of_the_text() -> None:
    rest, cut = cut_out(b'\xef\xbb\xbf{"data": 5}', ("data",))
    assert (rest, cut) == (b'\xef\xbb\xbf{"data": 0}', {"data": b"5"})
