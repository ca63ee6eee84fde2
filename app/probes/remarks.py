"""What people may not mean although it can be taken: a name that several have, or that nobody has yet. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from app.probes.websites.models import WebsiteDraft

PARENT = "depends_on"
"""The label that names the website whose downtime explains that of this one."""


def remarks_on_website(draft: WebsiteDraft, same_name: Collection[int], parents: Collection[int]) -> tuple[str, ...]:
    """What is to be said of a website: `same_name` are the others of its name, `parents` those whose name it depends on."""
    found = []
    certified = any(text.lower().startswith("certificate") for text in draft.conditions)
    if certified and not draft.url.lower().startswith("https"):
        found.append("the address is http; only a redirect to https shows the certificate that a condition asks for")
    if same_name:
        *before, last = map(str, sorted(same_name))
        whose = f"websites {', '.join(before)} and {last}" if before else f"website {last}"
        found.append(f"the name {draft.name!r} is that of {whose} too; commands take its number")
    if not parents and (remark := remark_on_parent(draft, ())):
        found.append(remark)
    return tuple(found)


def remark_on_parent(draft: WebsiteDraft, names: Collection[str]) -> str:
    """That nothing has the name on which a website depends, "" where something has or it depends on none."""
    parent = draft.labels.get(PARENT, "")
    if not parent or parent in names:
        return ""
    if parent == draft.name:
        return f"{PARENT}={parent} names the website itself; name the one whose downtime explains its own"
    return f"no website is called {parent!r} yet; until one is, {PARENT} explains nothing"


PAST = "it lies in the past; what was down in it counts for no downtime"
"""Of a maintenance that is over when it is planned."""


def remark_on_labels(labels: Mapping[str, str]) -> str:
    """That a maintenance is for no website."""
    said = ", ".join(f"{name}={value}" for name, value in sorted(labels.items()))
    return f"no website has the labels {said} yet; until one has, the maintenance is for none"
