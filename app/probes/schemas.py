"""Scanned documents as programs read them."""

from __future__ import annotations

from typing import Self

from pydantic import Field

from app.kit.yaml.tree import Problem
from app.probes.interface_file import InterfacesCheck, ScannedService
from app.probes.scanning.differences import OperationEvent
from app.probes.scanning.models import DocumentScan, Operation, OperationParameter, ScanDefect
from app.probes.scanning.selection import PlannedProbe, ProbeSelection, SkippedOperation
from app.schemas import Resource


class ScanDefectResource(Resource):
    """What could not be read; the line and the JSON pointer are null where they are not known."""

    file: str
    line: int | None
    pointer: str | None
    reason: str

    @classmethod
    def of(cls, defect: ScanDefect) -> Self:
        place = defect.place
        return cls(file=place.file, line=place.line or None, pointer=place.pointer or None, reason=defect.reason)


class OperationParameterResource(Resource):
    """A parameter, and the value that the document has for it with its origin: example, default or enum."""

    name: str
    location: str = Field(serialization_alias="in")
    required: bool
    type: str
    value: list[str] | None
    origin: str | None

    @classmethod
    def of(cls, parameter: OperationParameter) -> Self:
        value = parameter.value
        return cls(
            name=parameter.name,
            location=parameter.location.value,
            required=parameter.required,
            type=parameter.kind,
            value=list(value.texts) if value is not None else None,
            origin=value.origin.value if value is not None else None,
        )


class OperationName(Resource):
    method: str
    path: str
    operation_id: str


class OperationResource(OperationName):
    """An operation as the document describes it, with the place where it does."""

    summary: str
    tags: list[str]
    deprecated: bool
    base_urls: list[str]
    parameters: list[OperationParameterResource]
    body: str | None
    """The media type of its body."""
    security: list[list[str]]
    """Alternatives, each of security schemes that are needed together."""
    responses: list[str]
    file: str
    line: int | None
    pointer: str | None

    @classmethod
    def of(cls, operation: Operation) -> Self:
        return cls(
            method=operation.method,
            path=operation.path,
            operation_id=operation.operation_id,
            summary=operation.summary,
            tags=list(operation.tags),
            deprecated=operation.deprecated,
            base_urls=list(operation.base_urls),
            parameters=[OperationParameterResource.of(parameter) for parameter in operation.parameters],
            body=operation.body.media_type if operation.body is not None else None,
            security=[list(schemes) for schemes in operation.security],
            responses=[response.status for response in operation.responses],
            file=operation.place.file,
            line=operation.place.line or None,
            pointer=operation.place.pointer or None,
        )


class PlannedProbeResource(OperationName):
    """An operation that is probed; `url` is null while a value of an earlier answer is to come."""

    url: str | None

    @classmethod
    def of(cls, probe: PlannedProbe) -> Self:
        operation = probe.operation
        return cls(method=operation.method, path=operation.path, operation_id=operation.operation_id, url=probe.url)


class SkipReasonResource(Resource):
    """`reason` is one of method, parameter, body, base_url, unreadable, excluded."""

    reason: str
    detail: str


class SkippedOperationResource(OperationName):
    """An operation that is not probed, and every reason why."""

    reasons: list[SkipReasonResource]

    @classmethod
    def of(cls, skipped: SkippedOperation) -> Self:
        operation = skipped.operation
        return cls(
            method=operation.method,
            path=operation.path,
            operation_id=operation.operation_id,
            reasons=[SkipReasonResource(reason=reason.value, detail=detail) for reason, detail in skipped.reasons],
        )


class SecuritySchemeResource(Resource):
    name: str
    kind: str


class DocumentScanResource(Resource):
    """A document with its operations, each of which is either probed or skipped.

    `kind` is openapi, markdown, or null where the file describes no interface. Where it is not `complete`, the document
    breaks off or is too large: what is not listed may exist all the same.
    """

    file: str
    kind: str | None
    version: str | None
    title: str
    complete: bool
    webhooks: int
    security_schemes: list[SecuritySchemeResource]
    operations: list[OperationResource]
    probed: list[PlannedProbeResource]
    skipped: list[SkippedOperationResource]
    defects: list[ScanDefectResource]

    @classmethod
    def of(cls, selection: ProbeSelection) -> Self:
        document: DocumentScan = selection.document
        return cls(
            file=document.file,
            kind=document.kind.value if document.kind is not None else None,
            version=document.version or None,
            title=document.title,
            complete=document.complete,
            webhooks=document.webhooks,
            security_schemes=[SecuritySchemeResource(name=name, kind=kind) for name, kind in document.schemes],
            operations=[OperationResource.of(operation) for operation in document.operations],
            probed=[PlannedProbeResource.of(probe) for probe in selection.probed],
            skipped=[SkippedOperationResource.of(skipped) for skipped in selection.skipped],
            defects=[ScanDefectResource.of(defect) for defect in document.defects],
        )


class ContractChangeResource(Resource):
    """A part of an operation that is another now: parameter, body, response, security, base_url, deprecated, operation_id."""

    part: str
    text: str
    breaking: bool


class OperationEventResource(OperationName):
    """What became of an operation: added, removed or changed; `breaking` where callers may fail."""

    event: str
    breaking: bool
    changes: list[ContractChangeResource]
    file: str
    line: int | None
    pointer: str | None

    @classmethod
    def of(cls, event: OperationEvent) -> Self:
        operation = event.operation
        return cls(
            event=event.kind.value,
            method=operation.method,
            path=operation.path,
            operation_id=operation.operation_id,
            breaking=event.breaking,
            changes=[
                ContractChangeResource(part=change.part.value, text=change.text, breaking=change.breaking)
                for change in event.changes
            ],
            file=operation.place.file,
            line=operation.place.line or None,
            pointer=operation.place.pointer or None,
        )


class InterfaceProblemResource(Resource):
    """What is wrong in the file of interfaces, and where."""

    file: str
    line: int
    field: str
    message: str

    @classmethod
    def of(cls, problem: Problem) -> Self:
        return cls.model_validate(problem)


class InterfaceServiceResource(Resource):
    """A service of the file, with what its documents describe and how much of it would be probed."""

    name: str
    base_urls: list[str]
    documents: list[str]
    interval_seconds: int
    auth: str
    group: str
    parent: str
    operations: int
    probes: int
    skipped: int
    defects: int
    suites: list[str]

    @classmethod
    def of(cls, service: ScannedService) -> Self:
        config = service.config
        return cls(
            name=config.name,
            base_urls=list(config.base_urls),
            documents=[document.file for document in service.documents],
            interval_seconds=int(config.interval.total_seconds()),
            auth=config.auth,
            group=config.group,
            parent=config.parent,
            operations=service.operations,
            probes=len(service.probes),
            skipped=service.skipped,
            defects=service.defects,
            suites=[suite.name for suite in config.suites],
        )


class InterfacesCheckResource(Resource):
    """Whether a file of interfaces is valid, its services, and everything that is wrong."""

    file: str
    valid: bool
    services: list[InterfaceServiceResource]
    problems: list[InterfaceProblemResource]

    @classmethod
    def of(cls, check: InterfacesCheck) -> Self:
        return cls(
            file=check.file,
            valid=not check.problems,
            services=[InterfaceServiceResource.of(service) for service in check.services],
            problems=[InterfaceProblemResource.of(problem) for problem in check.problems],
        )
