"""What somebody wants to see of the overview, as the address says it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from app.kit.language import gettext, gettext_noop, pgettext
from app.kit.suggest import did_you_mean
from app.market.areas import areas
from app.market.series import DataItem
from app.monitoring.summary import AreaFreshness, Standing


@dataclass(frozen=True, slots=True)
class OverviewFilter:
    """Areas, items and conditions; nothing named is everything."""

    area: tuple[str, ...] = ()
    item: tuple[str, ...] = ()
    state: tuple[str, ...] = ()

    @classmethod
    def of(cls, area: Sequence[str], item: Sequence[str], state: Sequence[str]) -> OverviewFilter:
        return cls(tuple(filter(None, area)), tuple(filter(None, item)), tuple(filter(None, state)))

    @property
    def narrow(self) -> bool:
        return bool(self.area or self.item or self.state)

    def columns(self, items: Sequence[str]) -> list[str]:
        return [name for name in items if not self.item or name in self.item]

    def rows(self, found: Sequence[AreaFreshness], columns: Sequence[str]) -> list[AreaFreshness]:
        return [
            one
            for one in found
            if (not self.area or one.area in self.area)
            and (not self.state or one.condition in self.state)
            and any(name in one.cells for name in columns)
        ]

    def problems(self, collected_areas: Collection[str], collected_items: Collection[str]) -> Iterator[str]:
        """What of it names nothing, or nothing that is collected."""
        for name in self.area:
            if name not in collected_areas:
                yield _unknown("area", name, areas(), collected_areas)
        for name in self.item:
            if name not in collected_items:
                yield _unknown("item", name, list(DataItem), collected_items)
        for name in self.state:
            if name not in list(Standing):
                yield gettext(
                    "There is no state %(name)s; there are %(known)s.", name=repr(name[:60]), known=", ".join(Standing)
                )


def _unknown(kind: str, name: str, known: Collection[str], collected: Collection[str]) -> str:
    if name in known:
        text = gettext_noop("Nothing of the area %(name)s has been collected in the last day.")
        if kind == "item":
            text = gettext_noop("Nothing of the item %(name)s has been collected in the last day.")
        return gettext(text, name=name)
    text = gettext_noop("There is no area %(name)s") if kind == "area" else gettext_noop("There is no item %(name)s")
    hint = did_you_mean(name, {*known, *collected}, otherwise=pgettext("end of a sentence", "."))
    return f"{gettext(text, name=repr(name[:60]))}{hint}"
