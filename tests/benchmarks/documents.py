"""Synthetic documents in the platform's layout and size, for measuring: python -m tests.benchmarks.documents FILE [MINUTES]."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

TYPES = tuple(f"B{number:02d}" for number in (1, 2, 3, 4, 5, 6, 9, 10, 11, 12, 14, 15, 16, 17, 18, 19))
_START = datetime(2022, 12, 31, 23, tzinfo=UTC)

_HEAD = """<?xml version="1.0" encoding="utf-8"?>
<GL_MarketDocument xmlns="urn:iec62325.351:tc57wg16:451-6:generationloaddocument:3:0">
  <mRID>0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f</mRID>
  <revisionNumber>1</revisionNumber>
  <type>A75</type>
  <process.processType>A16</process.processType>
  <createdDateTime>2024-01-05T09:00:00Z</createdDateTime>
  <time_Period.timeInterval>
    <start>{start}</start>
    <end>{end}</end>
  </time_Period.timeInterval>
"""
_SERIES = """      <TimeSeries>
        <mRID>{number}</mRID>
        <businessType>A01</businessType>
        <objectAggregation>A08</objectAggregation>
        <inBiddingZone_Domain.mRID codingScheme="A01">10YNL----------L</inBiddingZone_Domain.mRID>
        <quantity_Measure_Unit.name>MAW</quantity_Measure_Unit.name>
        <curveType>A03</curveType>
        <MktPSRType>
          <psrType>{psr_type}</psrType>
        </MktPSRType>
        <Period>
          <timeInterval>
            <start>{start}</start>
            <end>{end}</end>
          </timeInterval>
          <resolution>PT{minutes}M</resolution>
"""
_POINT = """                        <Point>
                          <position>{}</position>
                          <quantity>{}</quantity>
                        </Point>
"""


def actual_generation(days: int = 365, minutes: int = 60, types: int = 16, omitted: float = 0.2) -> bytes:
    """Generation per type (A75) under A03, with this share of the positions left out."""
    source = random.Random(7)
    return "".join(_pieces(source, days, minutes, types, omitted)).encode()


def _pieces(source: random.Random, days: int, minutes: int, types: int, omitted: float) -> Iterator[str]:
    bounds = {"start": f"{_START:%Y-%m-%dT%H:%MZ}", "end": f"{_START + timedelta(days=days):%Y-%m-%dT%H:%MZ}"}
    yield _HEAD.format(**bounds)
    for number, psr_type in enumerate(TYPES[:types], start=1):
        yield _SERIES.format(number=number, psr_type=psr_type, minutes=minutes, **bounds)
        for position in range(1, days * 1440 // minutes + 1):
            if position == 1 or source.random() >= omitted:
                yield _POINT.format(position, f"{source.uniform(0, 20_000):.2f}")
        yield "        </Period>\n      </TimeSeries>\n"
    yield "</GL_MarketDocument>\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(actual_generation(minutes=int([*sys.argv, "60"][2])))
