"""Where the sun stands: whether it is night all over an area."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.quality.models import DAY
from app.timeseries.rolling import Flags, Values

J2000 = 946_728_000
"""2000-01-01T12:00Z in seconds since 1970."""
NIGHT = -4.0
"""Degrees of elevation below which no photovoltaic plant yields anything; refraction and the boxes' errors included."""

# West, east, south and north ends of each country's mainland in degrees.
_BOXES = """
AL 19.2 21.1 39.6 42.7, AT 9.5 17.2 46.3 49.1, BA 15.7 19.7 42.5 45.3, BE 2.5 6.5 49.5 51.6, BG 22.3 28.7 41.2 44.3,
BY 23.1 32.8 51.2 56.2, CH 5.9 10.5 45.8 47.9, CY 32.2 34.7 34.5 35.8, CZ 12.0 18.9 48.5 51.1, DE 5.8 15.1 47.2 55.1,
DK 8.0 15.2 54.5 57.8, EE 21.7 28.3 57.5 59.8, ES -9.4 4.4 35.9 43.9, FI 20.5 31.6 59.7 70.1, FR -5.2 9.6 41.3 51.2,
GB -8.2 1.8 49.8 61.0, GE 40.0 46.8 41.0 43.6, GR 19.3 28.3 34.8 41.8, HR 13.4 19.5 42.3 46.6, HU 16.1 22.9 45.7 48.6,
IE -10.6 -5.4 51.4 55.4, IT 6.6 18.6 35.4 47.1, LT 20.9 26.9 53.8 56.5, LU 5.7 6.6 49.4 50.2, LV 20.9 28.3 55.6 58.1,
MD 26.6 30.2 45.4 48.5, ME 18.4 20.4 41.8 43.6, MK 20.4 23.1 40.8 42.4, MT 14.1 14.6 35.7 36.1, NIE -8.2 -5.4 54.0 55.4,
NL 3.3 7.3 50.7 53.6, NO 4.5 31.2 57.9 71.2, PL 14.1 24.2 49.0 54.9, PT -9.6 -6.1 36.9 42.2, RO 20.2 29.8 43.6 48.3,
RS 18.8 23.1 42.2 46.2, SE 10.9 24.2 55.3 69.1, SI 13.3 16.7 45.4 46.9, SK 16.8 22.6 47.7 49.7, TR 25.6 44.9 35.8 42.2,
UA 22.1 40.3 44.3 52.4, UK -8.2 1.8 49.8 61.0, XK 20.0 21.8 41.8 43.3
"""
BOXES = {
    name: (float(west), float(east), float(south), float(north))
    for name, west, east, south, north in (line.split() for line in _BOXES.split(","))
}


def night(starts: NDArray[np.int64], step: int, country: str) -> Flags:
    """Units that begin and end in the dark at every corner of the country; none where its place is not known."""
    box = BOXES.get(country)
    if box is None or step >= DAY:
        return np.zeros(len(starts), np.bool_)
    west, east, south, north = box
    corners = [(longitude, latitude) for longitude in (west, east) for latitude in (south, north)]
    dark = np.ones(len(starts), np.bool_)
    for instants in (starts, starts + step // 2, starts + step):
        for longitude, latitude in corners:
            dark &= elevation(instants, longitude, latitude) < NIGHT
    return dark


def elevation(instants: NDArray[np.int64], longitude: float, latitude: float) -> Values:
    """The sun's elevation in degrees, to about a hundredth of one between 1950 and 2050.

    The approximate solar position of the Astronomical Almanac (Michalsky 1988, doi:10.1016/0038-092X(88)90045-X).
    """
    days = (instants - J2000) / DAY
    anomaly = np.radians(357.528 + 0.9856003 * days)
    ecliptic = np.radians(280.460 + 0.9856474 * days + 1.915 * np.sin(anomaly) + 0.020 * np.sin(2 * anomaly))
    obliquity = np.radians(23.439 - 0.0000004 * days)
    ascension = np.arctan2(np.cos(obliquity) * np.sin(ecliptic), np.cos(ecliptic))
    declination = np.arcsin(np.sin(obliquity) * np.sin(ecliptic))
    sidereal = np.radians(280.46061837 + 360.98564736629 * days)
    hour_angle, north = sidereal + np.radians(longitude) - ascension, np.radians(latitude)
    height = np.sin(north) * np.sin(declination) + np.cos(north) * np.cos(declination) * np.cos(hour_angle)
    degrees: Values = np.degrees(np.arcsin(height))
    return degrees
