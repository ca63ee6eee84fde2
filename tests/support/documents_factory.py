"""Builds market documents for tests; every part can be replaced by something odd."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Mapping

NAMESPACE = "urn:iec62325.351:tc57wg16:451-6:generationloaddocument:3:0"
DAY = ("2024-01-14T23:00Z", "2024-01-15T23:00Z")


def point(position: object, value: object, *, name: str = "quantity", extra: str = "") -> str:
    return f"<Point><position>{position}</position><{name}>{value}</{name}>{extra}</Point>"


def points(values: Mapping[int, object], *, name: str = "quantity") -> str:
    return "".join(point(position, value, name=name) for position, value in values.items())


def period(
    inner: str, *, start: str = DAY[0], end: str = DAY[1], resolution: str = "PT60M", name: str = "Period"
) -> str:
    return (
        f"<{name}><timeInterval><start>{start}</start><end>{end}</end></timeInterval>"
        f"<resolution>{resolution}</resolution>{inner}</{name}>"
    )


def series(
    *periods: str,
    mrid: str = "1",
    curve_type: str | None = "A03",
    domain: str = "<inBiddingZone_Domain.mRID>10YNL----------L</inBiddingZone_Domain.mRID>",
    extra: str = "",
) -> str:
    curve = f"<curveType>{curve_type}</curveType>" if curve_type is not None else ""
    return (
        f"<TimeSeries><mRID>{mrid}</mRID><businessType>A01</businessType>{domain}"
        f"<quantity_Measure_Unit.name>MAW</quantity_Measure_Unit.name>{curve}{extra}{''.join(periods)}</TimeSeries>"
    )


def document(*parts: str, root: str = "GL_MarketDocument", namespace: str = NAMESPACE, declaration: str = "") -> bytes:
    opening = f'{root} xmlns="{namespace}"' if namespace else root
    declaration = declaration or '<?xml version="1.0" encoding="UTF-8"?>'
    head = "<mRID>d</mRID><type>A75</type><process.processType>A16</process.processType>"
    return f"{declaration}<{opening}>{head}{''.join(parts)}</{root}>".encode()


def acknowledgement(text: str, code: str = "999") -> bytes:
    reason = f"<Reason><code>{code}</code><text>{text}</text></Reason>"
    return document(reason, root="Acknowledgement_MarketDocument")


def archive(members: Iterable[tuple[str, bytes]], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", compression) as target:
        for name, body in members:
            target.writestr(name, body)
    return packed.getvalue()
