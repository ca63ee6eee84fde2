"""A certificate authority for tests, in pure Python: ECDSA over P-256 and the few forms of DER that certificates need."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import secrets
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

_P = 2**256 - 2**224 + 2**192 + 2**96 - 1
_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
Point = tuple[int, int] | None


def _add(one: Point, other: Point) -> Point:
    if one is None or other is None:
        return one or other
    if one[0] == other[0]:
        if (one[1] + other[1]) % _P == 0:
            return None
        slope = (3 * one[0] * one[0] - 3) * pow(2 * one[1], -1, _P) % _P
    else:
        slope = (other[1] - one[1]) * pow(other[0] - one[0], -1, _P) % _P
    x = (slope * slope - one[0] - other[0]) % _P
    return x, (slope * (one[0] - x) - one[1]) % _P


def _times(factor: int, point: Point) -> Point:
    found: Point = None
    while factor:
        if factor & 1:
            found = _add(found, point)
        point, factor = _add(point, point), factor >> 1
    return found


def der(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    if len(content) < 0x80:
        return bytes((tag, len(content))) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def _sequence(*parts: bytes) -> bytes:
    return der(0x30, *parts)


def _integer(value: int) -> bytes:
    return der(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


_ECDSA_SHA256 = _sequence(der(0x06, bytes.fromhex("2a8648ce3d040302")))
_EC_KEY, _P256 = der(0x06, bytes.fromhex("2a8648ce3d0201")), der(0x06, bytes.fromhex("2a8648ce3d030107"))


def _name(common: str) -> bytes:
    return _sequence(der(0x31, _sequence(der(0x06, b"\x55\x04\x03"), der(0x0C, common.encode()))))


def _extension(number: int, content: bytes, *, critical: bool = False) -> bytes:
    return _sequence(der(0x06, bytes((0x55, 0x1D, number))), *([der(0x01, b"\xff")] * critical), der(0x04, content))


def _instant(when: datetime) -> bytes:
    if 1950 <= when.year < 2050:
        return der(0x17, f"{when:%y%m%d%H%M%SZ}".encode())
    return der(0x18, f"{when:%Y%m%d%H%M%SZ}".encode())


@dataclass(frozen=True)
class KeyPair:
    secret: int

    @cached_property
    def public(self) -> bytes:
        point = _times(self.secret, _G)
        assert point is not None
        return b"\x00\x04" + point[0].to_bytes(32, "big") + point[1].to_bytes(32, "big")

    @property
    def identifier(self) -> bytes:
        return hashlib.sha1(self.public[1:]).digest()

    def sign(self, data: bytes) -> bytes:
        digest, once = int.from_bytes(hashlib.sha256(data).digest(), "big"), secrets.randbelow(_N - 1) + 1
        point = _times(once, _G)
        assert point is not None
        first = point[0] % _N
        return _sequence(_integer(first), _integer(pow(once, -1, _N) * (digest + first * self.secret) % _N))

    def pem(self) -> str:
        private = _sequence(
            _integer(1), der(0x04, self.secret.to_bytes(32, "big")), der(0xA0, _P256), der(0xA1, der(0x03, self.public))
        )
        return _pem("EC PRIVATE KEY", private)


def _pem(kind: str, content: bytes) -> str:
    text = base64.encodebytes(content).decode()
    return f"-----BEGIN {kind}-----\n{text}-----END {kind}-----\n"


@dataclass(frozen=True)
class Issued:
    """A certificate with its key, and a file that holds both."""

    certificate: bytes
    file: Path

    def server_context(self, client_ca: Path | None = None) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.file)
        if client_ca is not None:
            context.load_verify_locations(client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


class CertificateAuthority:
    def __init__(self, folder: Path, name: str = "Test authority") -> None:
        self._folder, self._authority_name = folder, name
        self._key = _new_key()
        now = datetime.now(UTC)
        constraints = _extension(19, _sequence(der(0x01, b"\xff")), critical=True)
        usage = _extension(15, der(0x03, b"\x02\x04"), critical=True)
        certificate = self._signed(
            name, self._key, now - timedelta(days=400), now + timedelta(days=400), constraints + usage
        )
        self.file = folder / f"{name}.pem"
        self.file.write_text(_pem("CERTIFICATE", certificate))

    def issue(self, *names: str, days: float = 30) -> Issued:
        """A certificate for the names that ends in so many days, or ended where they are negative."""
        key, now = _new_key(), datetime.now(UTC)
        alternatives = _extension(17, _sequence(*map(_alternative, names)))
        certificate = self._signed(names[0], key, now - timedelta(days=90), now + timedelta(days=days), alternatives)
        file = self._folder / f"{self._authority_name}-{names[0]}-{days:g}.pem".replace("*", "any")
        file.write_text(_pem("CERTIFICATE", certificate) + key.pem())
        return Issued(certificate, file)

    def _signed(self, name: str, key: KeyPair, begins: datetime, ends: datetime, extensions: bytes) -> bytes:
        identifiers = _extension(14, der(0x04, key.identifier)) + _extension(
            35, _sequence(der(0x80, self._key.identifier))
        )
        content = _sequence(
            der(0xA0, _integer(2)),
            _integer(secrets.randbits(120)),
            _ECDSA_SHA256,
            _name(self._authority_name),
            _sequence(_instant(begins), _instant(ends)),
            _name(name),
            _sequence(_sequence(_EC_KEY, _P256), der(0x03, key.public)),
            der(0xA3, _sequence(extensions, identifiers)),
        )
        return _sequence(content, _ECDSA_SHA256, der(0x03, b"\x00", self._key.sign(content)))


def _alternative(name: str) -> bytes:
    try:
        return der(0x87, ipaddress.ip_address(name).packed)
    except ValueError:
        return der(0x82, name.encode())


def _new_key() -> KeyPair:
    return KeyPair(secrets.randbelow(_N - 1) + 1)
