"""Markdown as operations: tables, headings and lists with `GET /path`; curl and raw HTTP in code. Pure.

A request in code that fits an operation named elsewhere (`/users/42` and `/users/{id}`) is an example of it: it gives its
parameters values, and the operation a host.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from app.probes.scanning.markdown_requests import DocumentedRequest, NoRequest, read_curl, read_raw, read_target
from app.probes.scanning.models import (
    METHODS,
    DocumentKind,
    DocumentPlace,
    DocumentScan,
    Operation,
    OperationParameter,
    ParameterLocation,
    ParameterValue,
    RequestContent,
    ValueOrigin,
)
from app.probes.scanning.references import Allowance, DefectList, SourceFile, TooMuch
from app.probes.scanning.servers import usable_url
from app.probes.scanning.values.bodies import FORM
from app.probes.scanning.values.parameters import is_usable

STEPS = 2_000_000
LONGEST_TEXT = 4_000_000
LONGEST_LINE = 10_000
LONGEST_SUMMARY = 500
LONGEST_REQUEST = 200
_METHOD = "(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)"
_TARGET = r"(?:https?://|/)[^\s`*|\"')]*"
_MARKS = "`*_ \t"
_BEFORE = f"{_MARKS}#>+-0123456789.)"
"""What a heading, an element of a list or a quotation begins with."""
_NAMED = re.compile(rf"({_METHOD})[`*_]*:?\s+[`*_\"]*({_TARGET})[`*_\"]*(.*)")
_FENCE = re.compile(r"\s{0,12}(`{3,}|~{3,})")
_HEADING = re.compile(r" {0,3}#{1,6}\s+(.*)")
_BASE = re.compile(r"(?i)\bbase[ _-]?ur[li]\b.{0,40}?(https?://[^\s`*|\"'<>)]+)")
_CURL = re.compile(r"\s*(?:[$>%#]\s*)?curl\s")
_NAME = re.compile(r"\{([^{}]*)\}")
_LINK = re.compile(r"!?\[([^\[\]]{0,500})\](?:\([^()]{0,2000}\)|\[[^\[\]]{0,200}\])")
_TAG = re.compile(r"(?i)</?(?:code|strong|b|em|i|tt|kbd|samp|span|a)\b[^<>]{0,500}>")
_NO_PARAMETERS = frozenset({"accept", "content-type", "host", "user-agent", "content-length", "connection", "cookie"})
_SECRET = re.compile(r"(?i)auth|token|secret|api-?key|session")


@dataclass(frozen=True, slots=True)
class _Mention:
    """A request that one place of the text names; `example` is one in code."""

    request: DocumentedRequest
    line: int
    summary: str
    section: str
    example: bool


@dataclass(slots=True)
class _Documented:
    """An operation, with all that several places say of it."""

    mention: _Mention
    bases: dict[str, None] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)
    examples: list[DocumentedRequest] = field(default_factory=list)


def read_markdown(file: SourceFile) -> DocumentScan:
    """What a text says of an interface."""
    defects = DefectList()
    defects.add_problems(file.name, file.problems)
    reading = _Reading(file.name, defects)
    operations: tuple[Operation, ...] = ()
    complete = len(file.text) <= LONGEST_TEXT
    if not complete:
        defects.add(DocumentPlace(file.name), f"only the first {LONGEST_TEXT:,} characters are read; split the text")
    try:
        reading.read(file.text[:LONGEST_TEXT].split("\n"))
        operations = tuple(reading.operations())
    except TooMuch:
        complete = False
        defects.add(DocumentPlace(file.name), "this text names more requests than are read of one; split it")
    if not operations:
        defects.add(DocumentPlace(file.name), "this text names no request such as GET /path")
    return DocumentScan(
        file=file.name,
        kind=DocumentKind.MARKDOWN if operations else None,
        title=reading.title,
        operations=operations,
        defects=defects.listed(file.name),
        complete=complete,
    )


class _Reading:
    """Reads one text from top to bottom."""

    def __init__(self, name: str, defects: DefectList) -> None:
        self._name = name
        self._defects = defects
        self._allowance = Allowance(STEPS)
        self._mentions: list[_Mention] = []
        self._bases: dict[str, None] = {}
        self._section = ""
        self.title = ""

    def read(self, lines: Sequence[str]) -> None:
        place = 0
        while place < len(lines):
            self._allowance.spend()
            line = lines[place][:LONGEST_LINE].rstrip()
            fence = _FENCE.match(line)
            if fence is not None:
                end = _end_of_fence(lines, place + 1, fence[1])
                self._read_code(lines[place + 1 : end], place + 2)
                place = end
            elif line.startswith(("    ", "\t")) and not line.lstrip().startswith(("-", "*", "+")):
                end = _end_of_indented(lines, place)
                self._read_code(lines[place:end], place + 1)
                place = end - 1
            else:
                self._read_text(line, place + 1)
            place += 1

    def _read_text(self, written: str, number: int) -> None:
        line = _TAG.sub("", _LINK.sub(r"\1", written))
        if (base := _BASE.search(line)) is not None:
            self._add_base(base[1].rstrip("/.,"))
        if line.lstrip().startswith("|") or line.count("|") > 1:
            self._read_row([cell.strip() for cell in line.strip().strip("|").split("|")], number)
        elif (match := _NAMED.fullmatch(line.lstrip(_BEFORE))) is not None:
            self._mention(match[1], match[2], number, match[3])
        elif (heading := _HEADING.fullmatch(line)) is not None:
            self._section = heading[1].strip("# `*")[:LONGEST_SUMMARY]
            self.title = self.title or self._section

    def _read_row(self, cells: list[str], number: int) -> None:
        """A row with a method and a path in one cell, or in two of them."""
        method = path = ""
        others = []
        for cell in cells:
            text = cell.strip(_MARKS)
            if (both := _NAMED.fullmatch(text)) is not None and not path:
                method, path = both[1], both[2]
            elif text in METHODS and not method:
                method = text
            elif re.fullmatch(_TARGET, text) is not None and not path:
                path = text
            else:
                others.append(cell)
        if method and path:
            self._mention(method, path, number, next(filter(None, others), ""))

    def _read_code(self, lines: Sequence[str], number: int) -> None:
        place = 0
        while place < len(lines):
            self._allowance.spend()
            if _CURL.match(lines[place]) is not None:
                end = _end_of_command(lines, place)
                command = "\n".join(lines[place:end]).replace("\\\n", " ")
                self._example(command[command.index("curl") :], number + place)
                place = end
            else:
                request = self._raw(lines[place : place + LONGEST_REQUEST], number + place)
                if request is not None and request.method in METHODS:
                    self._mentions.append(_Mention(request, number + place, "", self._section, example=True))
                    place = len(lines) if request.headers or request.body else place
                place += 1

    def _example(self, command: str, number: int) -> None:
        try:
            request = read_curl(command)
        except NoRequest as error:
            self._defects.add(DocumentPlace(self._name, line=number), str(error))
        else:
            self._mentions.append(_Mention(request, number, "", self._section, example=True))

    def _raw(self, lines: Sequence[str], number: int) -> DocumentedRequest | None:
        try:
            return read_raw(lines)
        except NoRequest as error:
            self._defects.add(DocumentPlace(self._name, line=number), str(error))
            return None

    def _add_base(self, url: str) -> None:
        if usable_url(url) is not None:
            self._bases[url] = None

    def _mention(self, method: str, target: str, number: int, rest: str) -> None:
        try:
            base, path = read_target(target.rstrip(".,;:"))
        except NoRequest as error:
            self._defects.add(DocumentPlace(self._name, line=number), str(error))
            return
        summary = rest.strip(" -\u2013\u2014:*_`#|")[:LONGEST_SUMMARY]
        self._mentions.append(
            _Mention(DocumentedRequest(method, base, path), number, summary, self._section, example=False)
        )

    def operations(self) -> Iterator[Operation]:
        """The operations of all mentions, in the order in which they are named first."""
        found: dict[tuple[str, str], _Documented] = {}
        for mention in sorted(self._mentions, key=lambda one: one.example):
            self._add(mention, found)
        bases = tuple(self._bases) or tuple(dict.fromkeys(base for one in found.values() for base in one.bases))
        for documented in sorted(found.values(), key=lambda one: one.mention.line):
            yield _operation(documented, bases or ("/",), self._name)

    def _add(self, mention: _Mention, found: dict[tuple[str, str], _Documented]) -> None:
        request = self._below_base(mention.request)
        key = (request.method, request.path)
        prefix, values = "", dict[str, str]()
        if mention.example and key not in found:
            for template in found.values():
                self._allowance.spend()
                fit = _fit(template.mention.request, request)
                if fit is not None:
                    prefix, values = fit
                    key = (request.method, template.mention.request.path)
                    break
        documented = found.setdefault(key, _Documented(replace(mention, request=request)))
        if request.base:
            documented.bases[f"{request.base}{prefix}"] = None
        documented.values = {**values, **documented.values}
        if mention.example:
            documented.examples.append(request)

    def _below_base(self, request: DocumentedRequest) -> DocumentedRequest:
        """The request as one below the base URL that the text names, where it is one."""
        for base in self._bases:
            # Where the text names the base's path again, it is not meant twice.
            before = base if request.base else urlsplit(base).path
            url = f"{request.base}{request.path}"
            if before and url.startswith(f"{before}/"):
                return replace(request, base=base, path=url.removeprefix(before))
        return request


def _fit(template: DocumentedRequest, request: DocumentedRequest) -> tuple[str, dict[str, str]] | None:
    """The path before a template and the values of its placeholders, where a request is one of it."""
    wanted, given = _segments(template.path), _segments(request.path)
    before = len(given) - len(wanted)
    if template.method != request.method or before < 0 or (before and template.base):
        return None
    values: dict[str, str] = {}
    for part, text in zip(wanted, given[before:], strict=True):
        name = _NAME.fullmatch(part)
        if name is None and part != text:
            return None
        if name is not None and not _NAME.search(text):
            values[name[1]] = text
    if all(_NAME.fullmatch(part) for part in wanted):
        return None
    return "".join(f"/{part}" for part in given[:before]), values


def _segments(path: str) -> list[str]:
    return path.partition("?")[0].strip("/").split("/")


def _operation(documented: _Documented, bases: tuple[str, ...], name: str) -> Operation:
    mention, examples = documented.mention, documented.examples
    request = mention.request
    headers = list({header.lower(): (header, value) for one in examples for header, value in one.headers}.values())
    secret = tuple(header for header, _ in headers if _SECRET.search(header))
    body = next((one.body for one in examples if one.body is not None), None)
    usual = "application/json" if body is None or body.lstrip()[:1] in {"{", "["} else FORM
    media_type = next((value for header, value in headers if header.lower() == "content-type"), usual)
    return Operation(
        method=request.method,
        path=request.path,
        place=DocumentPlace(name, line=mention.line),
        summary=mention.summary,
        tags=(mention.section,) if mention.section else (),
        base_urls=tuple(documented.bases) or bases,
        parameters=(
            *(_in_path(one, documented.values) for one in dict.fromkeys(_NAME.findall(request.path))),
            *(_in_header(header, value) for header, value in headers if _is_parameter(header)),
        ),
        body=RequestContent(required=True, media_type=media_type, text=body) if body is not None else None,
        security=(secret,) if secret else (),
    )


def _is_parameter(header: str) -> bool:
    return header.lower() not in _NO_PARAMETERS and not _SECRET.search(header)


def _in_path(name: str, values: dict[str, str]) -> OperationParameter:
    return OperationParameter(name, ParameterLocation.PATH, required=True, value=_example_of(values.get(name, "")))


def _in_header(name: str, text: str) -> OperationParameter:
    """A header of an example; one that the text leaves open is not sent."""
    value = _example_of(text)
    return OperationParameter(name, ParameterLocation.HEADER, required=value is not None, value=value)


def _example_of(text: str) -> ParameterValue | None:
    if not text or re.search(r"[<>{}$]", text) or not is_usable(ParameterLocation.HEADER, text):
        return None
    return ParameterValue((text,), ValueOrigin.EXAMPLE)


def _end_of_fence(lines: Sequence[str], start: int, fence: str) -> int:
    """The line that ends a block of code; the end of the text where none does."""
    for place in range(start, len(lines)):
        line = lines[place].strip()
        if line.startswith(fence) and not line.strip(fence[0]):
            return place
    return len(lines)


def _end_of_indented(lines: Sequence[str], start: int) -> int:
    place = start
    while place < len(lines) and (lines[place].startswith(("    ", "\t")) or not lines[place].strip()):
        place += 1
    return place


def _end_of_command(lines: Sequence[str], start: int) -> int:
    """The line after a command: it goes on after a backslash, and within quotes."""
    place, quote = start, ""
    while place < len(lines):
        for sign in lines[place][:LONGEST_LINE]:
            if sign in "'\"" and quote in {"", sign}:
                quote = "" if quote else sign
        place += 1
        if not quote and not lines[place - 1].rstrip().endswith("\\"):
            break
    return place
