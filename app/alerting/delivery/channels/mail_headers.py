"""Headers of mails that arrive letter for letter, under every version of Python."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from email.headerregistry import HeaderRegistry
from email.policy import SMTP, EmailPolicy
from typing import Any

LONGEST_WORD = 45
"""Bytes of one encoded word: as base64 and with its marks at most 75 characters, as RFC 2047 asks."""
FIRST_WORD = 36
"""The first one shares its line with the name of the header."""
LONGEST_PLAIN = 900
"""A line may have 998 characters; what is plain and shorter is not folded, so that no space is lost or added."""


class _Subject(str):
    """A subject that is folded by us: the library drops and doubles spaces between encoded words."""

    __slots__ = ("name",)

    name: str
    max_count = 1

    def fold(self, *, policy: EmailPolicy) -> str:
        return f"{self.name}: {encode_header(str(self), policy.linesep)}{policy.linesep}"


class _Headers(HeaderRegistry):
    def __call__(self, name: str, value: Any) -> Any:
        if name.lower() != "subject":
            return super().__call__(name, value)
        subject = _Subject(value)
        subject.name = name
        return subject


def encode_header(text: str, linesep: str = "\r\n") -> str:
    """The text as it is where it is plain ASCII, else as encoded words, of which each holds whole characters."""
    plain = all(" " <= character <= "~" for character in text) and text == text.strip()
    if plain and "=?" not in text and len(text) <= LONGEST_PLAIN:
        return text
    words = (f"=?utf-8?b?{base64.b64encode(piece).decode()}?=" for piece in _pieces(text))
    return f"{linesep} ".join(words)


def _pieces(text: str) -> Iterable[bytes]:
    held, longest = b"", FIRST_WORD
    for character in text:
        one = character.encode("utf-8", "replace")
        if len(held) + len(one) > longest:
            yield held
            held, longest = b"", LONGEST_WORD
        held += one
    yield held


MAIL_POLICY = SMTP.clone(cte_type="7bit", header_factory=_Headers())
"""Eight bits may be sent only to a server that says so, and be changed on the way."""
