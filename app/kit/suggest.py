"""The end of a message about a name that is not known."""

from __future__ import annotations

from collections.abc import Iterable

from app.kit.language import gettext


def did_you_mean(
    wrong: str, known: Iterable[str], *, otherwise: str, most: int = 3, cutoff: float = 0.6, lead: str = ", "
) -> str:
    """The known names that are spelled like the wrong one, at most so many; `otherwise` where none is."""
    # Needed after a mistake only.
    from difflib import get_close_matches

    near = get_close_matches(wrong, list(known), n=most, cutoff=cutoff)
    return lead + gettext("did you mean %(names)s?", names=gettext(" or ").join(near)) if near else otherwise
