"""OpenAPI 2.0 to 3.2 as operations: whatever can be read is, and what cannot is a defect with its place. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urljoin

from app.probes.scanning.contracts import Contracts
from app.probes.scanning.models import (
    METHODS,
    DeclaredResponse,
    DocumentKind,
    DocumentScan,
    Operation,
    OperationParameter,
    ParameterLocation,
    RequestContent,
)
from app.probes.scanning.references import Allowance, DefectList, Node, OpenPart, References, SourceFile, TooMuch
from app.probes.scanning.servers import host_of, is_absolute, servers_of
from app.probes.scanning.values.bodies import RequestBodies
from app.probes.scanning.values.parameters import AUTHORIZED_ELSEWHERE, read_parameter

STEPS = 2_000_000
MOST_OPERATIONS = 20_000
LONGEST_TEXT = 500
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_PATTERN = re.compile(r"\{(?:[+*]{1,2}([\w.-]+)|([\w.-]+)(?:\*|\s*:[^{}]*))\}")
"""Placeholders as routers write them: `{+rest}`, `{*rest}`, `{id:int}`."""
_NO_OPERATIONS = frozenset({"parameters", "servers", "summary", "description", "$ref", "additionalOperations"})


def is_openapi(file: SourceFile) -> bool:
    return isinstance(file.value, dict) and ("openapi" in file.value or "swagger" in file.value)


def read_openapi(file: SourceFile, open_part: OpenPart) -> DocumentScan:
    """What an OpenAPI document says; nothing where the file is none."""
    defects = DefectList()
    defects.add_problems(file.name, file.problems)
    if not is_openapi(file):
        defects.add(Node(file, "", None).place, "this is no OpenAPI document: it has neither openapi nor swagger")
        return DocumentScan(file.name, defects=defects.listed(file.name), complete=file.complete)
    walk = _Walk(Node(file, "#", file.value), References(open_part, defects, Allowance(STEPS)))
    return walk.scan()


class _Walk:
    """Reads one document."""

    def __init__(self, root: Node, references: References) -> None:
        self._root = root
        self._references = references
        self._defects = references.defects
        self._contracts = Contracts(references)
        self._bodies = RequestBodies(references)
        self._version = self._read_version()
        self._is_2 = self._version.startswith("2")
        self._operations: dict[str, Operation] = {}
        self._complete = root.file.complete

    def scan(self) -> DocumentScan:
        try:
            self._read_paths()
        except TooMuch:
            self._complete = False
            self._defects.add(self._root.place, "this document asks for more work than is done for one; split it")
        self._check_names()
        return DocumentScan(
            file=self._root.file.name,
            kind=DocumentKind.OPENAPI,
            version=self._version,
            title=(self._root.mapping("info") or self._root).text("title")[:LONGEST_TEXT],
            operations=tuple(self._operations.values()),
            webhooks=len(list(self._root.entries("webhooks"))),
            schemes=tuple(self._schemes()),
            defects=self._defects.listed(self._root.file.name),
            complete=self._complete and self._references.complete,
        )

    def _read_version(self) -> str:
        name = "openapi" if "openapi" in self._root.value else "swagger"
        version = self._root.text(name)[:LONGEST_TEXT]
        node = self._root.at(name) or self._root
        if not re.fullmatch(r"(2\.0|3\.[0-2](\.\d+)?(-\w+)?)", version):
            self._defects.add(node.place, f"the version {version[:50]!r} is not known; it is read like the newest")
        elif type(node.value) is not str:
            self._defects.add(node.place, "the version is a number; write it in quotes")
        return version

    def _read_paths(self) -> None:
        written = self._root.at("paths")
        paths = self._references.resolve(written) if written is not None else None
        if paths is not None and not isinstance(paths.value, dict):
            self._defects.add(paths.place, "this must be a mapping of paths")
        if written is None and self._root.at("webhooks") is None and self._root.at("components") is None:
            self._defects.add(self._root.place, "the document has no paths")
        for path in paths.value if paths is not None and isinstance(paths.value, dict) else ():
            node = paths.at(path) if paths is not None else None
            if node is not None and not path.startswith("x-"):
                self._read_path(path, node)

    def _read_path(self, written: str, node: Node) -> None:
        self._references.allowance.spend()
        path = _PATTERN.sub(lambda match: f"{{{match[1] or match[2]}}}", written)
        if path != written:
            self._defects.add(node.place, f"placeholders are names alone; this is read as {path[:200]}")
        if not path.startswith("/"):
            self._defects.add(node.place, "a path must begin with /; it is read as if it did")
        items = self._path_items(node)
        twice = [name for name, count in Counter(_PLACEHOLDER.findall(path)).items() if count > 1]
        for name in twice:
            self._defects.add(node.place, f"{{{name[:100]}}} stands in the path twice")
        for item in items:
            if not isinstance(item.value, dict):
                self._defects.add(item.place, "this must be a mapping of methods")
                continue
            for method, operation in self._methods(item):
                self._read_operation(method, path, operation, items)

    def _path_items(self, node: Node) -> list[Node]:
        """The path's own item, and the one that it refers to."""
        found = self._references.resolve(node)
        own = [node] if found is not node and len(node.value) > 1 else []
        return own if found is None else [*own, found]

    def _methods(self, item: Node) -> Iterator[tuple[str, Node]]:
        for name in item.value:
            if name in _NO_OPERATIONS or name.startswith("x-"):
                continue
            method, node = name.upper(), item.at(name)
            if method not in METHODS:
                place = node.place if node else item.place
                self._defects.add(place, f"{name[:100]!r} is no method")
                continue
            if name != name.lower() and node is not None:
                self._defects.add(node.place, "methods are written in small letters; it is read all the same")
            yield from self._checked(method, node, item)
        for name, node in item.entries("additionalOperations"):
            yield from self._checked(name, node, item)

    def _checked(self, method: str, node: Node | None, item: Node) -> Iterator[tuple[str, Node]]:
        # The specification knows no references here, and large documents have nothing else.
        found = self._references.resolve(node) if node is not None else None
        if node is None or (found is not None and not isinstance(found.value, dict)):
            self._defects.add(node.place if node else item.place, f"{method[:100]} has no fields; it is left out")
        elif found is not None:
            yield method, found

    def _read_operation(self, method: str, path: str, node: Node, items: list[Node]) -> None:
        self._references.allowance.spend()
        if len(self._operations) >= MOST_OPERATIONS:
            raise TooMuch
        parameters, body, unread = self._parameters(path, node, items)
        operation = Operation(
            method=method,
            path=path,
            place=node.place,
            operation_id=node.text("operationId")[:LONGEST_TEXT],
            summary=(node.text("summary") or node.text("description").partition("\n")[0])[:LONGEST_TEXT],
            tags=tuple(tag.value for tag in node.elements("tags") if isinstance(tag.value, str)),
            deprecated=node.flag("deprecated"),
            base_urls=self._base_urls(node, items),
            parameters=parameters,
            body=body,
            security=self._security(node),
            responses=self._responses(node),
            unread=unread,
        )
        if operation.name in self._operations:
            self._defects.add(node.place, f"{operation.name[:200]} stands twice; the first one counts")
        else:
            self._operations[operation.name] = operation

    def _parameters(
        self, path: str, node: Node, items: list[Node]
    ) -> tuple[tuple[OperationParameter, ...], RequestContent | None, tuple[str, ...]]:
        """The parameters by name and place, those of the operation before those of its path; the body; what is unread."""
        found: dict[tuple[str, ParameterLocation], OperationParameter] = {}
        body, unread = self._body(node)
        for written in (one for place in (node, *items) for one in place.elements("parameters")):
            self._references.allowance.spend(8)
            resolved = self._references.resolve(written)
            if resolved is not None and resolved.text("in") == "body":
                body = body or self._body_of_2(resolved, node)
                continue
            parameter = read_parameter(resolved, self._references) if resolved is not None else None
            if parameter is None:
                unread.append(written.pointer)
            elif self._is_2 or not _ignored(parameter):
                found.setdefault((parameter.name, parameter.location), parameter)
        for name in dict.fromkeys(_PLACEHOLDER.findall(path.partition("#")[0])):
            if (name, ParameterLocation.PATH) not in found:
                self._defects.add(node.place, f"{{{name[:100]}}} of the path is described nowhere")
                found[name, ParameterLocation.PATH] = OperationParameter(name, ParameterLocation.PATH, required=True)
        return tuple(found.values()), body, tuple(unread)

    def _body(self, node: Node) -> tuple[RequestContent | None, list[str]]:
        written = node.mapping("requestBody")
        if written is None:
            return None, []
        resolved = self._references.resolve(written)
        if resolved is None:
            return None, [written.pointer]
        content = resolved.mapping("content")
        body = self._bodies.of_3(resolved)
        if body is None or content is None:
            return body, []
        return replace(body, contract=self._contracts.digest(content)), []

    def _body_of_2(self, node: Node, operation: Node) -> RequestContent:
        listed = operation.elements("consumes") or self._root.elements("consumes")
        consumes = [one.value for one in listed if isinstance(one.value, str)]
        json = next((name for name in consumes if "json" in name.lower()), "")
        schema = node.mapping("schema")
        body = self._bodies.of(json or next(iter(consumes), "application/json"), node, required=node.flag("required"))
        return replace(body, contract=self._contracts.digest(schema) if schema is not None else "")

    def _base_urls(self, node: Node, items: list[Node]) -> tuple[str, ...]:
        if self._is_2:
            return host_of(self._root, node, self._defects)
        written = next((one for one in (node, *items, self._root) if one.elements("servers")), None)
        found = ("/",) if written is None else servers_of(written, self._defects)
        # Since 3.2 a document may say where it is to be found, and relative servers count from there.
        own = self._root.text("$self")
        return tuple(urljoin(own, url) if is_absolute(own) else url for url in found)

    def _security(self, node: Node) -> tuple[tuple[str, ...], ...]:
        source = node if node.at("security") is not None else self._root
        return tuple(tuple(one.value) for one in source.elements("security") if isinstance(one.value, dict))

    def _responses(self, node: Node) -> tuple[DeclaredResponse, ...]:
        found = []
        for status, written in node.entries("responses"):
            resolved = self._references.resolve(written)
            if not status.startswith("x-"):
                found.append(DeclaredResponse(status, self._contract(resolved)))
        return tuple(found)

    def _contract(self, response: Node | None) -> str:
        """The digest of an answer's schemas; empty where it promises none."""
        content = response.mapping("schema" if self._is_2 else "content") if response is not None else None
        return self._contracts.digest(content) if content is not None else ""

    def _schemes(self) -> Iterator[tuple[str, str]]:
        place = self._root if self._is_2 else self._root.mapping("components")
        for name, node in place.entries("securityDefinitions" if self._is_2 else "securitySchemes") if place else ():
            scheme = self._references.resolve(node)
            if scheme is not None:
                detail = scheme.text("scheme") or " ".join(filter(None, (scheme.text("in"), scheme.text("name"))))
                yield name[:LONGEST_TEXT], f"{scheme.text('type')} {detail}".strip()[:LONGEST_TEXT]

    def _check_names(self) -> None:
        first: dict[str, Operation] = {}
        for operation in self._operations.values():
            known = first.setdefault(operation.operation_id, operation)
            if operation.operation_id and known is not operation:
                reason = f"the operationId {operation.operation_id[:200]!r} is that of {known.name[:200]} too"
                self._defects.add(operation.place, reason)


def _ignored(parameter: OperationParameter) -> bool:
    return parameter.location is ParameterLocation.HEADER and parameter.name.lower() in AUTHORIZED_ELSEWHERE
