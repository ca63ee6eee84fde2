"""What people may not mean, although it can be taken."""

from __future__ import annotations

from app.probes.configured.reading import read_probes
from app.probes.remarks import remark_on_labels, remark_on_parent, remarks_on_website
from app.probes.websites.models import WebsiteDraft


def draft(**labels: str) -> WebsiteDraft:
    return WebsiteDraft("https://shop.example/", "Shop", labels=labels)


def test_what_is_clear_is_not_remarked_on() -> None:
    assert remarks_on_website(draft(), [], []) == ()
    assert remarks_on_website(draft(depends_on="Gate"), [], [3]) == ()
    bare = WebsiteDraft("http://shop.example/", "Shop", conditions=("certificate > 14 d",))
    assert remarks_on_website(bare, [], [])[0].startswith("the address is http; only a redirect")
    assert remark_on_parent(draft(depends_on="Gate"), {"Gate"}) == ""


def test_names_that_several_have_and_names_that_nobody_has_are_remarked_on() -> None:
    assert remarks_on_website(draft(depends_on="Gate"), [9, 4], []) == (
        "the name 'Shop' is that of websites 4 and 9 too; commands take its number",
        "no website is called 'Gate' yet; until one is, depends_on explains nothing",
    )
    assert remark_on_parent(draft(depends_on="Shop"), ()).startswith("depends_on=Shop names the website itself")
    assert remark_on_labels({"tier": "1", "group": "x"}).startswith("no website has the labels group=x, tier=1 yet")


def test_a_file_is_told_of_a_parent_that_it_lacks_and_is_right_all_the_same() -> None:
    text = """
websites:
  Shop: {url: "https://shop.example/", labels: {depends_on: Gate}}
  Mail:
    url: https://mail.example/
    labels:
      depends_on: Shop
"""
    found = read_probes(text.encode(), "probes.yaml")
    assert (len(found.drafts), found.problems) == (2, ())
    [warning] = found.warnings
    assert (warning.line, warning.field) == (3, "websites.Shop.labels.depends_on")
    assert (
        warning.message == "no website is called 'Gate' yet; until one is, depends_on explains nothing (in this file)"
    )
