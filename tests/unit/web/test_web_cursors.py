"""Cursors of pages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.web.api.cursors import CursorPart, decode_cursor, encode_cursor

PARTS = st.one_of(
    st.integers(-(2**63) + 1, 2**63 - 1), st.text(st.characters(codec="utf-8", exclude_characters="\x1f"), max_size=50)
)


@given(st.lists(PARTS, min_size=1, max_size=4))
def test_a_cursor_reads_back_as_the_key_it_was_made_of(key: list[CursorPart]) -> None:
    text = encode_cursor(key)
    assert text.isascii()
    assert decode_cursor(text, [type(part) for part in key]) == tuple(key)


@given(st.text(max_size=80))
def test_whatever_else_a_client_sends_is_refused_as_no_cursor(text: str) -> None:
    try:
        decoded = decode_cursor(text, (int,))
    except ValueError:
        return
    assert decode_cursor(encode_cursor(decoded), (int,)) == decoded


def test_a_number_that_no_row_has_is_no_cursor() -> None:
    with pytest.raises(ValueError, match="no cursor"):
        decode_cursor(encode_cursor([2**63]), (int,))
