"""`gridkeeper websites try`: one check of one URL, now and without a database."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.exit_codes import FAILED, OK
from app.cli.options import AsJson
from app.cli.output import print_json
from app.cli.session import begin
from app.cli.tables import single_line
from app.cli.websites.options import said_or_file
from app.errors import ConfigurationError

if TYPE_CHECKING:
    from app.probes.models import CheckRequest, CheckResult
    from app.settings import Settings


class MethodChoice(StrEnum):
    """As `app.probes.models.CheckMethod` has it."""

    GET = "GET"
    HEAD = "HEAD"
    POST = "POST"
    PUT = "PUT"


class FamilyChoice(StrEnum):
    """As `app.probes.models.AddressFamily` has it."""

    ANY = "any"
    IPV4 = "ipv4"
    IPV6 = "ipv6"


def try_command(
    url: Annotated[str, typer.Argument(help="What to check, with http or https.", metavar="URL")],
    expect: Annotated[
        list[str] | None,
        typer.Option(
            "-e", "--expect", help="Condition, as 'status 200-299' or '$.status == up'; repeat it.", metavar="CONDITION"
        ),
    ] = None,
    method: Annotated[
        MethodChoice, typer.Option(case_sensitive=False, help="HEAD falls back to GET where it is refused.")
    ] = MethodChoice.GET,
    header: Annotated[
        list[str] | None,
        typer.Option("-H", "--header", help="'Name: value', or @FILE with one a line; repeat it.", metavar="HEADER"),
    ] = None,
    body: Annotated[Path | None, typer.Option(help="File that is sent with POST or PUT.", metavar="FILE")] = None,
    timeout: Annotated[float, typer.Option(help="Seconds for the whole check.", min=0.01, max=600)] = 30,
    retries: Annotated[int, typer.Option(help="Further attempts where a connection failed.", min=0, max=10)] = 3,
    redirects: Annotated[int, typer.Option(help="Redirects that are followed.", min=0, max=50)] = 10,
    body_cap: Annotated[int, typer.Option(help="Most bytes of the body, unpacked.", min=0)] = 4 * 1024 * 1024,
    family: Annotated[FamilyChoice, typer.Option(help="Addresses to use.")] = FamilyChoice.ANY,
    ca_file: Annotated[Path | None, typer.Option(help="Certificates to trust in place of the usual ones.")] = None,
    client_certificate: Annotated[Path | None, typer.Option(help="Certificate and key to show, as PEM.")] = None,
    client_key: Annotated[Path | None, typer.Option(help="Its key, where it stands in another file.")] = None,
    insecure: Annotated[bool, typer.Option("--insecure", help="Do not verify the certificate.")] = False,
    proxy: Annotated[
        str | None,
        typer.Option(
            help="http(s)://[user:password@]host:port to go through, or @FILE where it stands in a file.", metavar="URL"
        ),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Check a URL once and show what came of it, without a database.

    docs/probes.md says what is measured, which conditions there are and what each reason of a failure means.

    Example: gridkeeper websites try https://example.org -e 'status 200' -e 'certificate > 21 d'

    Exit code: 0 up, 3 not.
    """
    from app.probes.checking.conditions.possible import check_reachable, check_together, possible_condition
    from app.probes.models import AddressFamily, CheckMethod, CheckRequest, TlsOptions

    request = CheckRequest(
        url=url if "://" in url else f"https://{url}",
        method=CheckMethod(method),
        headers=dict(pair for text in header or [] for pair in _headers(text)),
        body=_content(body) if body is not None else b"",
        timeout=timeout,
        retries=retries,
        redirects=redirects,
        body_cap=body_cap,
        conditions=tuple(map(possible_condition, expect or [])),
        family=AddressFamily(family),
        tls=TlsOptions(
            verify=not insecure, ca_file=ca_file, client_certificate=client_certificate, client_key=client_key
        ),
        proxy=said_or_file(proxy),
    )
    check_together([one.text for one in request.conditions])
    check_reachable(request)
    result = _checked(begin(), request)
    if as_json:
        from app.probes.checking.schemas import CheckResultResource

        print_json(CheckResultResource.of(result))
    else:
        for line in _lines(result):
            typer.echo(single_line(line))
    return OK if result.ok else FAILED


def _checked(settings: Settings, request: CheckRequest) -> CheckResult:
    import asyncio

    from app.probes.checking.checker import HttpChecker

    async def checked() -> CheckResult:
        checker = HttpChecker.of(settings.probes)
        try:
            return await checker.check(request)
        finally:
            checker.close()

    return asyncio.run(checked())


def _headers(text: str) -> list[tuple[str, str]]:
    """A secret in a file is seen by nobody who lists the processes."""
    lines = _content(Path(text[1:])).decode("utf-8", "replace").splitlines() if text.startswith("@") else [text]
    found = []
    for line in filter(str.strip, lines):
        name, colon, value = line.partition(":")
        if not colon:
            raise ConfigurationError(f"--header {line[:20]!r}… has no colon; write it as 'Name: value'")
        found.append((name.strip(), value.strip()))
    return found


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from None


def _lines(result: CheckResult) -> list[str]:
    state = "up" if result.ok else f"down, {result.failure}"
    answered = f"{result.status} over HTTP/{result.http_version}" if result.status else "no response"
    by = f" through the proxy {result.proxy}" if result.proxy else ""
    where = f" from {result.address}{by}" if result.address else by
    lines = [f"{result.final_url}: {state}; {answered}{where}, {result.received:,} bytes"]
    lines += [f"  {result.detail}"] if result.detail else []
    names = ("dns", "connect", "tls", "first byte", "whole")
    times = (getattr(result.phases, name.replace(" ", "_")) for name in names)
    lines.append(
        "  " + ", ".join(f"{name} {ms:.1f} ms" for name, ms in zip(names, times, strict=True) if ms is not None)
    )
    lines += [f"  redirect {hop.status}: {hop.url} -> {hop.location}" for hop in result.redirects]
    if (certificate := result.certificate) is not None:
        days = (certificate.chain_ends - result.time).days
        lines.append(
            f"  certificate of {certificate.name or 'no name'} by {certificate.issuer or 'no name'}, "
            f"ends {certificate.chain_ends:%Y-%m-%d} (in {days} days), {certificate.protocol}"
        )
        lines += [f"  for {', '.join(certificate.names)}"] if certificate.names else []
    lines += [f"  DNS: {', '.join(result.resolved)}"] if result.resolved else []
    for number, attempt in enumerate(result.attempts[:-1], start=1):
        lines.append(f"  attempt {number} failed: {attempt.failure}, {attempt.detail}")
    lines += [f"  {result.excerpt[:300]}"] if result.excerpt else []
    return lines
