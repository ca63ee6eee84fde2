"""Secrets of files that people edit: they stand in the environment, or in files that it names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from pydantic import SecretStr

from app.errors import ConfigurationError
from app.kit.files import read_bytes
from app.kit.yaml.fields import Fields

_REFERENCE = re.compile(r"\$\{([^}]*)\}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WITHOUT_SECRETS: ContextVar[bool] = ContextVar("without_secrets", default=False)


def read_secret(
    entry: Fields, name: str, *, required: bool = False, literal: bool = False, example: str = "secret"
) -> SecretStr | None:
    """The field as a secret that shows nowhere; None where it is absent or was reported as wrong.

    Its secret parts are `${NAME}` of the environment; a text without one is refused unless `literal`. Where files are
    read without secrets, `example` stands for one with which the text begins.
    """
    text = entry.written(name, "a text with ${NAME} of the environment in it", required=required)
    if text is None:
        return None
    if not literal and not _REFERENCE.search(text):
        entry.wrong("a secret does not stand in a file; write ${NAME} and set NAME in the environment", name)
        return None
    if _WITHOUT_SECRETS.get():
        return _example(entry, name, text, example)
    try:
        return SecretStr(resolve_secret(text, os.environ))
    except ConfigurationError as error:
        entry.wrong(str(error), name)
        return None


def _example(entry: Fields, name: str, text: str, example: str) -> SecretStr | None:
    unknown = [variable for variable in _REFERENCE.findall(text) if not _VARIABLE.fullmatch(variable)]
    for variable in unknown:
        entry.wrong(f"${{{variable}}} names no variable; write it as ${{NAME}}", name)
    begun = _REFERENCE.sub(example, text, count=1) if text.startswith("${") else text
    return None if unknown else SecretStr(_REFERENCE.sub("secret", begun))


@contextmanager
def without_secrets() -> Iterator[None]:
    """Files are read without the secrets they refer to, as where they are checked before they are rolled out."""
    token = _WITHOUT_SECRETS.set(True)
    try:
        yield
    finally:
        _WITHOUT_SECRETS.reset(token)


def resolve_secret(text: str, environment: Mapping[str, str]) -> str:
    """The text with each `${NAME}` replaced; `${NAME_FILE}`, or NAME_FILE where NAME is not set, names a file."""
    return _REFERENCE.sub(lambda match: _value_of(match[1], environment), text)


def secret_files(text: str, environment: Mapping[str, str]) -> dict[str, bytes]:
    """The content of each file that `${NAME}` within the text stands for; of one that cannot be read, none."""
    found: dict[str, bytes] = {}
    for match in _REFERENCE.finditer(text):
        name = match[1]
        variable = name if name.endswith("_FILE") else f"{name}_FILE"
        file = environment.get(variable)
        if not file or (not name.endswith("_FILE") and environment.get(name)):
            continue
        try:
            found[file] = read_bytes(Path(file))
        except ConfigurationError:
            found[file] = b""
    return found


def _value_of(name: str, environment: Mapping[str, str]) -> str:
    if not _VARIABLE.fullmatch(name):
        raise ConfigurationError(f"${{{name}}} names no variable; write it as ${{NAME}}")
    if not name.endswith("_FILE") and environment.get(name):
        return environment[name]
    variable = name if name.endswith("_FILE") else f"{name}_FILE"
    file = environment.get(variable)
    if not file:
        raise ConfigurationError(f"the environment has no {name}; set it, or {name.removesuffix('_FILE')}_FILE")
    try:
        content = read_bytes(Path(file)).decode().strip("\r\n")
    except UnicodeDecodeError:
        raise ConfigurationError(f"the file that {variable} names is no text") from None
    if not content.strip():
        raise ConfigurationError(f"the file that {variable} names is empty; write the secret into it")
    return content
