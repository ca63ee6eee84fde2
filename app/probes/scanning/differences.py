"""What changed between two scans of a document, as events; each part says whether callers may break. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.probes.scanning.contracts import UNKNOWN
from app.probes.scanning.models import DocumentScan, Operation, OperationParameter, ParameterLocation

_NAME = re.compile(r"\{[^{}]*\}")


class OperationEventKind(StrEnum):
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


class ContractPart(StrEnum):
    PARAMETER = "parameter"
    BODY = "body"
    RESPONSE = "response"
    SECURITY = "security"
    BASE_URL = "base_url"
    DEPRECATED = "deprecated"
    OPERATION_ID = "operation_id"


@dataclass(frozen=True, slots=True)
class ContractChange:
    """One part of an operation that is another now; `breaking` where who calls it as before may fail."""

    part: ContractPart
    text: str
    breaking: bool


@dataclass(frozen=True, slots=True)
class OperationEvent:
    """What became of an operation; `operation` is the newest that is known of it."""

    kind: OperationEventKind
    operation: Operation
    changes: tuple[ContractChange, ...] = ()

    @property
    def breaking(self) -> bool:
        return self.kind is OperationEventKind.REMOVED or any(change.breaking for change in self.changes)


def compare_scans(old: DocumentScan, new: DocumentScan) -> tuple[OperationEvent, ...]:
    """The events between two scans, in the order of the documents.

    Nothing is removed from a document that could not be read to its end, and nothing added to what was not.
    """
    before, after = _by_name(old), _by_name(new)
    same = {name: name for name in before if name in after} | dict(_renamed(before, after))
    events = [
        OperationEvent(OperationEventKind.REMOVED, operation)
        for name, operation in before.items()
        if name not in same and new.complete
    ]
    before_of = {after_name: before[before_name] for before_name, after_name in same.items()}
    for name, operation in after.items():
        if name not in before_of:
            if old.complete:
                events.append(OperationEvent(OperationEventKind.ADDED, operation))
        elif changes := tuple(_changes(before_of[name], operation)):
            events.append(OperationEvent(OperationEventKind.CHANGED, operation, changes))
    return tuple(events)


def pair_documents(
    old: Sequence[DocumentScan], new: Sequence[DocumentScan]
) -> Iterator[tuple[DocumentScan, DocumentScan]]:
    """Documents of two sets that are the same one: both where each set is one, else by what follows the common folder.

    One that has no counterpart is compared with an empty one.
    """
    if len(old) == len(new) == 1:
        yield old[0], new[0]
        return
    before, after = _by_file(old), _by_file(new)
    for file in dict.fromkeys((*before, *after)):
        known = before.get(file) or after[file]
        yield before.get(file) or DocumentScan(known.file), after.get(file) or DocumentScan(known.file)


def _by_file(documents: Sequence[DocumentScan]) -> dict[str, DocumentScan]:
    parts = [document.file.split("/") for document in documents]
    common = min((len(part) - 1 for part in parts), default=0)
    while common and len({tuple(part[:common]) for part in parts}) > 1:
        common -= 1
    return {"/".join(part[common:]): document for part, document in zip(parts, documents, strict=True)}


def _by_name(document: DocumentScan) -> dict[str, Operation]:
    return {operation.name: operation for operation in document.operations}


def _renamed(before: dict[str, Operation], after: dict[str, Operation]) -> Iterator[tuple[str, str]]:
    """Operations of which only names of placeholders differ: callers do not see those."""
    gone, come = _by_shape(set(before) - set(after)), _by_shape(set(after) - set(before))
    yield from ((gone[shape], come[shape]) for shape in gone if shape in come)


def _by_shape(names: Iterable[str]) -> dict[str, str]:
    shapes = {name: _NAME.sub("{}", name) for name in sorted(names)}
    counts = Counter(shapes.values())
    return {shape: name for name, shape in shapes.items() if counts[shape] == 1}


def _changes(old: Operation, new: Operation) -> Iterator[ContractChange]:
    yield from _parameters(old, new)
    yield from _body(old, new)
    yield from _responses(old, new)
    if old.security != new.security:
        text = f"needs {_security(new)} in the place of {_security(old)}"
        yield ContractChange(ContractPart.SECURITY, text, breaking=bool(new.security) and () not in new.security)
    if old.base_urls != new.base_urls:
        text = f"{', '.join(new.base_urls) or 'nothing'} in the place of {', '.join(old.base_urls) or 'nothing'}"
        yield ContractChange(ContractPart.BASE_URL, text, breaking=not set(old.base_urls) <= set(new.base_urls))
    if old.deprecated != new.deprecated:
        text = "is deprecated" if new.deprecated else "is deprecated no more"
        yield ContractChange(ContractPart.DEPRECATED, text, breaking=False)
    if old.operation_id != new.operation_id:
        text = f"is called {new.operation_id or 'nothing'} in the place of {old.operation_id or 'nothing'}"
        yield ContractChange(ContractPart.OPERATION_ID, text, breaking=False)


def _parameters(old: Operation, new: Operation) -> Iterator[ContractChange]:
    before, after = _by_place(old), _by_place(new)
    for key, parameter in before.items():
        name = f"{parameter.location} {parameter.name}"
        now = after.get(key)
        if now is None:
            yield ContractChange(ContractPart.PARAMETER, f"{name} is gone", breaking=True)
            continue
        if parameter.required != now.required:
            text = f"{name} is {'required' if now.required else 'optional'} now"
            yield ContractChange(ContractPart.PARAMETER, text, breaking=now.required)
        if parameter.kind != now.kind:
            text = f"{name} is {now.kind or 'of any type'} in the place of {parameter.kind or 'any type'}"
            yield ContractChange(ContractPart.PARAMETER, text, breaking=True)
    for key, parameter in after.items():
        if key not in before:
            text = f"{parameter.location} {parameter.name} is new{' and required' if parameter.required else ''}"
            yield ContractChange(ContractPart.PARAMETER, text, breaking=parameter.required)


def _by_place(operation: Operation) -> dict[tuple[str, str], OperationParameter]:
    """Parameters by location and name; those of the path by their position in it."""
    positions = {name: str(place) for place, name in enumerate(_NAME.findall(operation.path))}
    return {
        (
            one.location.value,
            positions.get(f"{{{one.name}}}", one.name) if one.location is ParameterLocation.PATH else one.name,
        ): one
        for one in operation.parameters
    }


def _body(old: Operation, new: Operation) -> Iterator[ContractChange]:
    before, after = old.body, new.body
    if before is None or after is None:
        if after is not None:
            text = f"takes a body{', which is required' if after.required else ''}"
            yield ContractChange(ContractPart.BODY, text, breaking=after.required)
        elif before is not None:
            yield ContractChange(ContractPart.BODY, "takes no body any more", breaking=True)
        return
    if before.required != after.required:
        text = f"the body is {'required' if after.required else 'optional'} now"
        yield ContractChange(ContractPart.BODY, text, breaking=after.required)
    if before.media_type != after.media_type:
        text = f"the body is {after.media_type} in the place of {before.media_type}"
        yield ContractChange(ContractPart.BODY, text, breaking=True)
    elif _differ(before.contract, after.contract):
        yield ContractChange(ContractPart.BODY, "the body has another schema", breaking=True)


def _responses(old: Operation, new: Operation) -> Iterator[ContractChange]:
    before = {response.status: response.contract for response in old.responses}
    after = {response.status: response.contract for response in new.responses}
    for status, contract in before.items():
        if status not in after:
            yield ContractChange(ContractPart.RESPONSE, f"{status} is gone", breaking=status.startswith(("2", "3")))
        elif _differ(contract, after[status]):
            text = f"{status} has another schema"
            yield ContractChange(ContractPart.RESPONSE, text, breaking=status.startswith(("2", "3", "default")))
    for status in after:
        if status not in before:
            yield ContractChange(ContractPart.RESPONSE, f"{status} is new", breaking=False)


def _differ(old: str, new: str) -> bool:
    return old != new and UNKNOWN not in {old, new}


def _security(operation: Operation) -> str:
    alternatives = [" and ".join(schemes) or "nothing" for schemes in operation.security]
    return " or ".join(alternatives) or "nothing"
