"""The colours of maps and charts as people see them who do not tell all of them apart."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

STATIC = Path(__file__).parents[3] / "app" / "web" / "static"
STYLE = (STATIC / "style.css").read_text(encoding="utf-8")
# How linear light is seen, by Machado, Oliveira and Fernandes (2009), for the whole lack of one kind of cone.
SIGHTS = {
    "all": np.eye(3),
    "protanopia": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
    "deuteranopia": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]]),
    "tritanopia": np.array([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]]),
}  # fmt: skip
_TO_XYZ = np.array([[0.4339, 0.3762, 0.1899], [0.2126, 0.7152, 0.0722], [0.0178, 0.1095, 0.8729]])
"""Relative to the white of D65."""
APART, UNLIKE = 5.0, 15.0
"""Distances in CIELAB: of neighbours on a scale in lightness, and of what has to be told apart by its colour alone."""


def seen(colour: str, sight: str) -> NDArray[np.float64]:
    """A colour in CIELAB as it is seen."""
    coded = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    light = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    x, y, z = np.cbrt(_TO_XYZ @ np.clip(SIGHTS[sight] @ light, 1e-6, 1))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def scale(before: str) -> list[str]:
    return [
        found[1] for found in re.finditer(rf"^{re.escape(before)}\.step-\d \{{ --step: (#\w{{6}})", STYLE, re.MULTILINE)
    ]


@pytest.mark.parametrize("sight", SIGHTS)
def test_scales_keep_their_order(sight: str) -> None:
    lightness = [seen(colour, sight)[0] for colour in scale("")]
    assert len(lightness) == 7
    assert all(paler - darker > APART for paler, darker in itertools.pairwise(lightness))
    both_ways = [seen(colour, sight) for colour in scale(".diverging ")]
    middle = len(both_ways) // 2
    for way in (both_ways[middle::-1], both_ways[middle:]):
        assert all(paler[0] - darker[0] > APART / 2 for paler, darker in itertools.pairwise(way))
    for low, high in zip(both_ways[:middle], reversed(both_ways[middle + 1 :]), strict=True):
        assert np.linalg.norm(low - high) > UNLIKE


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize("theme", [0, 1])
def test_lines_that_look_alike_have_other_dashes(sight: str, theme: int) -> None:
    script = (STATIC / "chart.js").read_text(encoding="utf-8")
    dashes = re.findall(r"null|\[[\d, ]+\]", re.findall(r"const DASHES = \[(.*)\];", script)[0])
    names = re.findall(r'"(\w+)"', re.findall(r"const COLOURS = \[(.*)\];", script)[0])
    pairs = dict(re.findall(r"--(series|second): light-dark\(([^)]+)\)", STYLE))
    pairs |= dict(re.findall(r"\.probe-(\w+) \{ color: light-dark\(([^)]+)\)", STYLE))
    lines = [(seen(pairs[name].split(", ")[theme], sight), dash) for name, dash in zip(names, dashes, strict=True)]
    for (one, dash), (other, other_dash) in itertools.combinations(lines, 2):
        assert dash != other_dash or np.linalg.norm(one - other) > UNLIKE
