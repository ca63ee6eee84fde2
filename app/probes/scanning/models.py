"""What a scan finds in a document: its operations, and what could not be read of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY")
READING = frozenset({"GET", "HEAD"})
"""Methods that change nothing: the only ones that are probed without being allowed by name."""


class DocumentKind(StrEnum):
    OPENAPI = "openapi"
    MARKDOWN = "markdown"


class ParameterLocation(StrEnum):
    PATH = "path"
    QUERY = "query"
    HEADER = "header"
    COOKIE = "cookie"
    FORM = "form"


class ValueOrigin(StrEnum):
    """Where the value of a parameter comes from, in the order in which a document is asked."""

    EXAMPLE = "example"
    DEFAULT = "default"
    ENUM = "enum"
    FIXED = "fixed"
    ENVIRONMENT = "environment"
    ANSWER = "answer"


@dataclass(frozen=True, slots=True)
class DocumentPlace:
    """Where something stands: a file, and in it a line (0 where none is known) or a JSON pointer."""

    file: str
    pointer: str = ""
    line: int = 0

    def __str__(self) -> str:
        line = f", line {self.line}" if self.line else ""
        return f"{self.file}{line}{f' {self.pointer}' if self.pointer else ''}"


@dataclass(frozen=True, slots=True)
class ScanDefect:
    """What a document says that cannot be read, or breaks its own rules."""

    place: DocumentPlace
    reason: str


@dataclass(frozen=True, slots=True)
class AnswerSource:
    """Where in the answer of another operation a value stands."""

    operation: str
    """By its operationId, or as `GET /path`."""
    path: str
    """A JSONPath."""


@dataclass(frozen=True, slots=True)
class ParameterValue:
    """What is sent for a parameter, unencoded; several texts repeat it."""

    texts: tuple[str, ...] = field(repr=False)
    """May be secret where they come from the environment; none where an answer is to give them."""
    origin: ValueOrigin
    source: AnswerSource | None = None
    names: tuple[str, ...] = ()
    """Of an object: what each text is sent under in place of the parameter's name."""


@dataclass(frozen=True, slots=True)
class OperationParameter:
    name: str
    location: ParameterLocation
    required: bool
    kind: str = ""
    """The type of its values as the document says it, such as `integer`."""
    value: ParameterValue | None = None
    style: str = ""
    """How it stands in a path: `label` or `matrix`; empty: as it is."""
    reserved: bool = False
    """Whether signs such as / and : stand in a query as they are."""


@dataclass(frozen=True, slots=True)
class RequestContent:
    """The body of a request; `text` is an example of it or the least that is asked for, None where there is neither."""

    required: bool
    media_type: str
    text: str | None = None
    contract: str = ""
    lacks: str = ""
    """What there is no value for."""


@dataclass(frozen=True, slots=True)
class DeclaredResponse:
    """A status as the document writes it (`200`, `2XX`, `default`), and a digest of what it promises."""

    status: str
    contract: str = ""


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path. `base_urls` may be relative; `security` lists alternatives, each of schemes by name."""

    method: str
    path: str
    place: DocumentPlace
    operation_id: str = ""
    summary: str = ""
    tags: tuple[str, ...] = ()
    deprecated: bool = False
    base_urls: tuple[str, ...] = ()
    parameters: tuple[OperationParameter, ...] = ()
    body: RequestContent | None = None
    security: tuple[tuple[str, ...], ...] = ()
    responses: tuple[DeclaredResponse, ...] = ()
    unread: tuple[str, ...] = ()
    """Parts that may be needed and could not be read."""

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def names(self) -> frozenset[str]:
        """What it can be called by, to allow it or to give its parameters values."""
        return frozenset({self.name, self.operation_id} - {""})


@dataclass(frozen=True, slots=True)
class DocumentScan:
    """One document as it was read. `kind` is None where it describes no interface.

    Not `complete`: it breaks off, or is too large, so that what is not in it may exist all the same.
    """

    file: str
    kind: DocumentKind | None = None
    version: str = ""
    title: str = ""
    operations: tuple[Operation, ...] = ()
    webhooks: int = 0
    schemes: tuple[tuple[str, str], ...] = ()
    """Security schemes by name, and what each is."""
    defects: tuple[ScanDefect, ...] = ()
    complete: bool = True
