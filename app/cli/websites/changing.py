"""`gridkeeper websites add|edit|pause|resume|check|remove`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from app.cli.alerts.records import By
from app.cli.exit_codes import OK, UNAVAILABLE
from app.cli.options import AsJson
from app.cli.output import print_json, say_line
from app.cli.session import ask, begin, own_name
from app.cli.websites.options import confirmed, file_text, header_lines, label_pairs, pem_file, said_or_file
from app.cli.websites.reading import Which
from app.clock import SystemClock
from app.errors import ConfigurationError

if TYPE_CHECKING:
    from app.probes.websites.models import StatusWindow, Website
    from app.probes.websites.service import WebsiteService

NameOption = Annotated[str | None, typer.Option(help="What people call it; without it, the host.")]
Every = Annotated[
    str | None,
    typer.Option("--every", help="Time between two checks, 1 min to 1 h; a bare number is seconds.", metavar="5m"),
]
MethodOption = Annotated[str | None, typer.Option(help="GET, HEAD, POST or PUT.")]
HeaderOption = Annotated[
    list[str] | None,
    typer.Option(
        "-H",
        "--header",
        help="'Name: value', or 'Name: @FILE' for a secret that stands in a file; repeat it. All headers are replaced.",
    ),
]
BodyOption = Annotated[Path | None, typer.Option("--body", help="File that holds the body of the request.")]
TimeoutOption = Annotated[float | None, typer.Option(help="Seconds for the whole check.")]
FollowRedirects = Annotated[bool | None, typer.Option("--follow/--no-follow", help="Whether redirects are followed.")]
ConditionOption = Annotated[
    list[str] | None,
    typer.Option("-e", "--condition", help="As 'status 200', 'latency < 2 s', 'text contains \"ok\"'; repeat it."),
]
FailuresOption = Annotated[int | None, typer.Option(help="Failed checks in a row that mean down.")]
SuccessesOption = Annotated[int | None, typer.Option(help="Good checks in a row that end it.")]
LabelOption = Annotated[list[str] | None, typer.Option("--label", help="As group=shop; repeat it.")]
NoteOption = Annotated[str | None, typer.Option(help="For people.")]
RegionOption = Annotated[
    list[str] | None,
    typer.Option("--region", help="A region that checks it; repeat it. Without one, any process does. '' names none."),
]
QuorumOption = Annotated[
    int | None, typer.Option(help="How many regions have to say that it is down; 0: more than half.")
]
FamilyOption = Annotated[
    str | None, typer.Option("--family", help="Addresses of which kind are connected to: any, ipv4 or ipv6.")
]
ClientCertificate = Annotated[
    str | None,
    typer.Option(
        help="File of the certificate, with or without its key, that the server is shown; '' none.", metavar="FILE"
    ),
]
ClientKey = Annotated[str | None, typer.Option(help="File of the key of that certificate; '' none.", metavar="FILE")]
ProxyOption = Annotated[
    str | None,
    typer.Option(
        "--proxy",
        help="http(s)://[user:password@]host:port, or @FILE where it stands in a file; '' none.",
        metavar="URL",
    ),
]


OPTIONS = {
    "client_certificate": "--client-certificate", "client_key": "--client-key", "proxy": "--proxy",
    "check_interval": "--every", "follow_redirects": "--follow", "conditions": "--condition", "headers": "--header",
    "labels": "--label", "regions": "--region", "address_family": "--family",
    **{name: f"--{name}" for name in ("name", "method", "body", "timeout", "failures", "successes", "note", "quorum")},
}  # fmt: skip
"""What people say for a field."""


def add_command(
    url: Annotated[str, typer.Argument(help="Address, http or https with a host.")],
    name: NameOption = None,
    every: Every = None,
    method: MethodOption = None,
    header: HeaderOption = None,
    body: BodyOption = None,
    timeout: TimeoutOption = None,
    follow: FollowRedirects = None,
    condition: ConditionOption = None,
    failures: FailuresOption = None,
    successes: SuccessesOption = None,
    label: LabelOption = None,
    note: NoteOption = None,
    region: RegionOption = None,
    quorum: QuorumOption = None,
    family: FamilyOption = None,
    client_certificate: ClientCertificate = None,
    client_key: ClientKey = None,
    proxy: ProxyOption = None,
    paused: Annotated[bool, typer.Option("--paused", help="Do not check it before it is resumed.")] = False,
    as_json: AsJson = False,
) -> int:
    """Check a website from now on.

    Example: gridkeeper websites add https://example.com --name 'Example Site' --every 300

    Exit code: 0 added, 1 the address is checked already.
    """
    from app.probes.websites.schemas import WebsiteBody, checked_model

    said = _said(
        name=name or _host_of(url), check_interval=_seconds(every), method=method, headers=header_lines(header),
        body=file_text(body), timeout=timeout, follow_redirects=follow, conditions=condition, failures=failures,
        successes=successes, labels=label_pairs(label), note=note, enabled=not paused,
        regions=_named(region), quorum=quorum, address_family=family, client_certificate=pem_file(client_certificate),
        client_key=pem_file(client_key), proxy=said_or_file(proxy),
    )  # fmt: skip
    draft = checked_model(WebsiteBody, {"url": url, **said}, OPTIONS).draft()

    async def add(service: WebsiteService) -> tuple[Website, tuple[str, ...]]:
        found = await service.add(draft)
        return found, await service.remarks(found)

    found, remarks = ask(begin(), lambda wiring: add(wiring.probes().websites()), made=True)
    return _show(found, "is checked", as_json, remarks)


def edit_command(
    website: Which,
    url: Annotated[str | None, typer.Option(help="Another address.")] = None,
    name: NameOption = None,
    every: Every = None,
    method: MethodOption = None,
    header: HeaderOption = None,
    body: BodyOption = None,
    timeout: TimeoutOption = None,
    follow: FollowRedirects = None,
    condition: ConditionOption = None,
    failures: FailuresOption = None,
    successes: SuccessesOption = None,
    label: LabelOption = None,
    note: NoteOption = None,
    region: RegionOption = None,
    quorum: QuorumOption = None,
    family: FamilyOption = None,
    client_certificate: ClientCertificate = None,
    client_key: ClientKey = None,
    proxy: ProxyOption = None,
    as_json: AsJson = False,
) -> int:
    """Change how a website is checked; what is left out stays.

    Exit code: 0 changed, 1 there is no such website, or another one has the address.
    """
    from app.probes.websites.schemas import WebsiteChangeBody, checked_model

    said = _said(
        url=url, name=name, check_interval=_seconds(every), method=method, headers=header_lines(header), body=file_text(body),
        timeout=timeout, follow_redirects=follow, conditions=condition, failures=failures, successes=successes,
        labels=label_pairs(label), note=note, regions=_named(region), quorum=quorum,
        address_family=family, client_certificate=pem_file(client_certificate), client_key=pem_file(client_key),
        proxy=said_or_file(proxy),
    )  # fmt: skip
    if not said:
        raise ConfigurationError("nothing is said that would change; name an option, as --every 10m")
    change = checked_model(WebsiteChangeBody, said, OPTIONS)

    async def edit(service: WebsiteService) -> tuple[Website, tuple[str, ...]]:
        found = await service.edit((await service.find(website)).website_id, change.applied)
        return found, await service.remarks(found)

    found, remarks = ask(begin(), lambda wiring: edit(wiring.probes().websites()))
    return _show(found, "is changed", as_json, remarks)


def pause_command(website: Which, as_json: AsJson = False) -> int:
    """Check a website no more until it is resumed."""
    return _changed(website, lambda service, number: service.enable(number, enabled=False), "is paused", as_json)


def resume_command(website: Which, as_json: AsJson = False) -> int:
    """Check a website again, at once."""
    return _changed(website, lambda service, number: service.enable(number, enabled=True), "is checked again", as_json)


def check_command(website: Which, as_json: AsJson = False) -> int:
    """Let the running service check a website now.

    It is asked for within a second, also while its checks pause after failures; `websites show` has the result.
    """
    return _changed(website, lambda service, number: service.check_now(number), "is due now", as_json)


def acknowledge_command(
    website: Which,
    window: Annotated[int | None, typer.Option(min=1, help="Number of the downtime; default: the last one.")] = None,
    note: Annotated[str | None, typer.Option(help="What people should know of it.")] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Nobody looks after it.")] = False,
    by: By = None,
    as_json: AsJson = False,
) -> int:
    """Say that a downtime is being looked after, and what is known of it.

    Exit code: 0 kept, 1 there is no such website or downtime.
    """
    from app.probes.websites.schemas import WebsiteWindowResource, WindowChangeBody, checked_model

    body = checked_model(WindowChangeBody, _said(note=note))

    async def annotate(service: WebsiteService) -> StatusWindow:
        number = (await service.find(website)).website_id
        return await service.annotate(number, window, by or own_name(), acknowledged=not undo, note=body.note)

    found = ask(begin(), lambda wiring: annotate(wiring.probes().websites()))
    if as_json:
        print_json(WebsiteWindowResource.of(found, SystemClock().now()))
    else:
        say_line(f"downtime {found.window_id} is looked after by {found.acknowledged_by or 'nobody'}")
    return OK


def remove_command(
    website: Which, yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask whether it is meant.")] = False
) -> int:
    """Forget a website with its results and windows; it asks first.

    Exit code: 0 removed, 1 there is no such website, a file owns it, or the answer was no.
    """

    async def owned_by_nobody(service: WebsiteService) -> Website:
        return await service.changeable((await service.find(website)).website_id)

    found = ask(begin(), lambda wiring: owned_by_nobody(wiring.probes().websites()))
    said = f"website {found.website_id} ({found.draft.name}, {found.draft.url}) with its results and downtimes"
    if not yes and not confirmed(f"Forget {said} for good?", f"{said} would be gone for good; say --yes"):
        say_line("nothing is removed")
        return UNAVAILABLE
    ask(begin(), lambda wiring: wiring.probes().websites().delete(found.website_id))
    return _show(found, "is removed", as_json=False)


def _changed(website: str, act: Callable[[WebsiteService, int], Awaitable[Website]], done: str, as_json: bool) -> int:
    async def change(service: WebsiteService) -> Website:
        return await act(service, (await service.find(website)).website_id)

    return _show(ask(begin(), lambda wiring: change(wiring.probes().websites())), done, as_json)


def _show(found: Website, done: str, as_json: bool, remarks: Sequence[str] = ()) -> int:
    from app.probes.websites.schemas import WebsiteResource

    if as_json:
        print_json(WebsiteResource.of(found, SystemClock().now()))
    else:
        say_line(f"website {found.website_id} ({found.draft.name}) {done}")
    for one in remarks:
        say_line(f"warning: {one}")
    return OK


def _seconds(text: str | None) -> int | None:
    from app.kit.durations import parse_duration

    if text is None:
        return None
    try:
        return round(parse_duration(text, bare="s").total_seconds())
    except ConfigurationError as error:
        raise ConfigurationError(f"--every: {error}") from None


def _named(texts: list[str] | None) -> list[str] | None:
    return None if texts is None else [text for text in texts if text]


def _host_of(url: str) -> str:
    """The host, as a name; the address as it stands where none can be read, which is refused with a reason later."""
    try:
        return urlsplit(url).hostname or url
    except ValueError:
        return url


def _said(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}
