"""What the codes of production types mean, as `psr_types` of the database has it. Pure."""

from __future__ import annotations

from collections.abc import Mapping

PRODUCTION_TYPES: Mapping[str, str] = {
    "B01": "Biomass",
    "B02": "Fossil brown coal",
    "B03": "Fossil coal-derived gas",
    "B04": "Fossil gas",
    "B05": "Fossil hard coal",
    "B06": "Fossil oil",
    "B07": "Fossil oil shale",
    "B08": "Fossil peat",
    "B09": "Geothermal",
    "B10": "Hydro pumped storage",
    "B11": "Hydro run-of-river",
    "B12": "Hydro reservoir",
    "B13": "Marine",
    "B14": "Nuclear",
    "B15": "Other renewable",
    "B16": "Solar",
    "B17": "Waste",
    "B18": "Wind offshore",
    "B19": "Wind onshore",
    "B20": "Other",
    "B25": "Energy storage",
}


def production_type(code: str) -> str:
    """The code in words, and itself where it is none that we know."""
    return PRODUCTION_TYPES.get(code, code)
