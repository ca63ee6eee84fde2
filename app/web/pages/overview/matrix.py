"""What the cells of the matrix say. Pure.

A page has thousands of them: each text is looked up once for all cells of a page, and each length is written once.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from app.kit.language import found_text, gettext_noop
from app.market.time import iso
from app.monitoring.summary import FreshCell
from app.web.pages.rendering import age

_LATE = gettext_noop("%(length)s late")
_DUE = gettext_noop("due in %(length)s")
_NONE = gettext_noop("no deadline")
_LATE_BORDERS = gettext_noop("%(late)s of %(pairs)s borders")
_BORDERS = gettext_noop("%(pairs)s borders")
_TITLE = gettext_noop("newest of %(area)s: %(newest)s, the next due %(due)s")
_TITLE_OF_NONE = gettext_noop("newest of %(area)s: %(newest)s, the next due at no known time")


class CellTexts:
    """The texts of the cells of one page, in the language of who reads; `at` is when everything was looked at."""

    def __init__(self, at: datetime) -> None:
        self._at = at
        self._said = {
            text: found_text(text) for text in (_LATE, _DUE, _NONE, _LATE_BORDERS, _BORDERS, _TITLE, _TITLE_OF_NONE)
        }
        self._ages: dict[tuple[str, timedelta], str] = {}
        self._instants: dict[datetime, str] = {}

    def text(self, cell: FreshCell) -> str:
        """How late the cell is, or when its next value is due."""
        leading = cell.leading
        if leading.late:
            return self._with_length(_LATE, leading.late)
        return self._with_length(_DUE, leading.due_at - self._at) if leading.due_at else self._said[_NONE]

    def note(self, cell: FreshCell) -> str:
        """How many borders it stands for, "" where it is no border's."""
        pairs = len(cell.pairs)
        if pairs < 2:
            return ""
        late = cell.late_pairs
        return self._said[_LATE_BORDERS if late else _BORDERS] % {"late": late, "pairs": pairs}

    def title(self, cell: FreshCell) -> str:
        """The instants of the one that is most behind."""
        leading = cell.leading
        newest = self._instant(leading.newest_start)
        if leading.due_at is None:
            return self._said[_TITLE_OF_NONE] % {"area": leading.area, "newest": newest}
        return self._said[_TITLE] % {"area": leading.area, "newest": newest, "due": self._instant(leading.due_at)}

    def _with_length(self, text: str, length: timedelta) -> str:
        key = (text, length)
        if key not in self._ages:
            self._ages[key] = self._said[text] % {"length": age(length)}
        return self._ages[key]

    def _instant(self, instant: datetime) -> str:
        if instant not in self._instants:
            self._instants[instant] = iso(instant)
        return self._instants[instant]
