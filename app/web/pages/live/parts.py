"""The parts of a page that are kept up to date. Pure.

A template marks them with `{% call part("name") %}…{% endcall %}`; each may hold others, so that a change of a row sends
the row and not its table.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from markupsafe import Markup

EACH: Final = 60.0
"""Seconds after which a part is made anew although nothing has happened; the texts of ages and deadlines need it."""
# Nobody who writes a text that a page shows can know it.
_MARK = secrets.token_hex(16)
_PLACE = re.compile(rf"<!--{_MARK} ([\w-]+)-->")
_NAME = re.compile(r"[A-Za-z][\w-]*")


@dataclass(frozen=True, slots=True)
class PagePart:
    """A part as it is at present; `text` has marks in the places of the parts that it holds."""

    name: str
    opening: str
    text: str
    tag: str
    inner: tuple[str, ...]

    @property
    def digest(self) -> str:
        return hashlib.blake2b(f"{self.opening}{self.text}".encode(), digest_size=6).hexdigest()


@dataclass(slots=True)
class PageParts:
    """What a template calls for each of its parts."""

    found: dict[str, PagePart] = field(default_factory=dict)
    each: float = EACH
    """Seconds to the next look at the page."""
    hears: set[str] = field(default_factory=set)
    """Whose new results the page shows, as notices name them: `w7`, `s3`."""
    restless: bool = False
    """Whether some part is the business of events."""

    def __call__(
        self,
        name: str,
        tag: str = "div",
        classes: str = "",
        *,
        each: float = EACH,
        hears: str = "",
        calm: bool = False,
        caller: Callable[[], str],
    ) -> Markup:
        """A part, whose element has the name as its id; ValueError where that is no name or is taken."""
        if not _NAME.fullmatch(name) or name in self.found:
            raise ValueError(f"{name!r} is no name of a part, or this page has two of it")
        text = str(caller())
        chosen = Markup(' class="{}"').format(classes) if classes else ""
        opening = Markup('{} id="{}"{}').format(tag, name, chosen)
        self.found[name] = PagePart(name, str(opening), text, tag, tuple(_PLACE.findall(text)))
        self.each = min(self.each, each)
        self.hears.update(hears.split())
        self.restless = self.restless or not calm
        return Markup(f"<!--{_MARK} {name}-->")  # noqa: S704  the name holds letters, digits and - alone

    @property
    def calm(self) -> bool:
        """Whether events are none of its business."""
        return bool(self.found) and not self.restless

    def written(self, text: str) -> str:
        """The text with its parts in their places."""
        return _PLACE.sub(lambda place: self._element(self.found[place[1]]), text)

    def digests(self) -> dict[str, str]:
        return {name: part.digest for name, part in self.found.items()}

    def element(self, name: str) -> str:
        """A part in full."""
        return self._element(self.found[name])

    def _element(self, part: PagePart) -> str:
        return f'<{part.opening} data-part="{part.digest}">{self.written(part.text)}</{part.tag}>'


def differing(parts: PageParts, had: Mapping[str, str]) -> list[str]:
    """The parts that differ from what somebody had, the outermost alone."""
    other = [name for name, digest in parts.digests().items() if had.get(name) != digest]
    held: set[str] = set()
    waiting = list(other)
    while waiting:
        inner = parts.found[waiting.pop()].inner
        held.update(inner)
        waiting.extend(inner)
    return [name for name in other if name not in held]
