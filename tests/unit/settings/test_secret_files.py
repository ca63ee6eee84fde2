"""Secrets that stand in files, as containers hand them over."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from app.db.address import DatabaseAddress
from app.errors import ConfigurationError
from app.settings import Settings, load_settings, variables

TOKEN, TOKEN_FILE = "GRIDKEEPER_ENTSOE__TOKEN", "GRIDKEEPER_ENTSOE__TOKEN_FILE"
URL, PASSWORD_FILE = "GRIDKEEPER_DATABASE__URL", "GRIDKEEPER_DATABASE__PASSWORD_FILE"


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in variables():
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    file = tmp_path / "secret"
    file.write_text("hunter2\n")
    return file


def revealed(value: SecretStr | None) -> str | None:
    return value.get_secret_value() if value else None


def refusal() -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    return str(caught.value)


def test_a_file_holds_the_token_without_the_end_of_its_line(monkeypatch: pytest.MonkeyPatch, secret: Path) -> None:
    monkeypatch.setenv(TOKEN_FILE, str(secret))
    assert revealed(load_settings().entsoe.token) == "hunter2"


def test_a_file_wins_over_an_empty_variable(monkeypatch: pytest.MonkeyPatch, secret: Path) -> None:
    monkeypatch.setenv(TOKEN_FILE, str(secret))
    monkeypatch.setenv(TOKEN, "")
    assert revealed(load_settings().entsoe.token) == "hunter2"


def test_an_empty_name_of_a_file_means_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_FILE, "")
    monkeypatch.setenv(PASSWORD_FILE, "")
    settings = load_settings()
    assert (settings.entsoe.token_file, settings.database.password_file) == (None, None)


def test_a_token_beside_a_file_with_another_is_refused(monkeypatch: pytest.MonkeyPatch, secret: Path) -> None:
    monkeypatch.setenv(TOKEN_FILE, str(secret))
    monkeypatch.setenv(TOKEN, "different")
    message = refusal()
    assert message.startswith(f"{TOKEN}: what it says differs from what {TOKEN_FILE} holds")
    assert "hunter2" not in message + repr(message)
    assert "different" not in message


@pytest.mark.parametrize("name", [TOKEN_FILE, PASSWORD_FILE])
def test_a_missing_file_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "/nowhere/secret")
    monkeypatch.setenv(URL, "postgresql://reader@db/x")
    assert f"{name}: cannot read /nowhere/secret (No such file or directory)" in refusal()


def test_a_folder_an_empty_and_a_binary_file_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(TOKEN_FILE, str(tmp_path))
    assert "(Is a directory)" in refusal()
    file = tmp_path / "empty"
    file.write_text("\n")
    monkeypatch.setenv(TOKEN_FILE, str(file))
    assert f"{file} is empty" in refusal()
    file.write_bytes(b"\xff\xfe")
    assert f"{file} is no text" in refusal()


def test_a_token_in_a_file_is_checked_like_any_other(monkeypatch: pytest.MonkeyPatch, secret: Path) -> None:
    secret.write_text("two words")
    monkeypatch.setenv(TOKEN_FILE, str(secret))
    message = refusal()
    assert "visible ASCII" in message
    assert "two words" not in message


def test_a_password_file_completes_the_url_whatever_characters_it_holds(
    monkeypatch: pytest.MonkeyPatch, secret: Path
) -> None:
    secret.write_text("p@ss:w/o?rd#%41 \r\n")
    monkeypatch.setenv(PASSWORD_FILE, str(secret))
    monkeypatch.setenv(URL, "postgresql://keeper@db:5432/grid?sslmode=disable")
    url = revealed(load_settings().database.url)
    assert url == "postgresql://keeper:p%40ss%3Aw%2Fo%3Frd%23%2541%20@db:5432/grid?sslmode=disable"
    address = DatabaseAddress.parse(url)
    assert (address.dsn, address.name) == (url, "db:5432/grid")


def test_the_password_of_a_file_does_not_show(monkeypatch: pytest.MonkeyPatch, secret: Path) -> None:
    monkeypatch.setenv(PASSWORD_FILE, str(secret))
    monkeypatch.setenv(URL, "postgresql://keeper@db/grid")
    settings = load_settings()
    assert "hunter2" not in repr(settings) + str(settings) + settings.model_dump_json()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "a password file needs it"),
        ("postgresql://db/grid", "it names no user"),
        ("postgresql://keeper:other@db/grid", f"differs from what {PASSWORD_FILE} holds"),
    ],
)
def test_a_password_file_needs_a_url_with_a_user_and_no_other_password(
    monkeypatch: pytest.MonkeyPatch, secret: Path, url: str, reason: str
) -> None:
    monkeypatch.setenv(PASSWORD_FILE, str(secret))
    monkeypatch.setenv(URL, url)
    message = refusal()
    assert message.startswith(f"{URL}: ")
    assert reason in message
    assert "hunter2" not in message


READ_URL = "GRIDKEEPER_DATABASE__READ_URL"


def test_a_replica_has_the_password_of_its_server_or_its_own(monkeypatch: pytest.MonkeyPatch, secret: Path) -> None:
    monkeypatch.setenv(PASSWORD_FILE, str(secret))
    monkeypatch.setenv(URL, "postgresql://keeper@db/grid")
    monkeypatch.setenv(READ_URL, "postgresql://keeper@replica/grid")
    settings = load_settings()
    assert revealed(settings.database.read_url) == "postgresql://keeper:hunter2@replica/grid"
    assert "hunter2" not in repr(settings) + str(settings) + settings.model_dump_json()
    monkeypatch.setenv(READ_URL, "postgresql://reader:other@replica/grid")
    assert revealed(load_settings().database.read_url) == "postgresql://reader:other@replica/grid"
    monkeypatch.setenv(READ_URL, "replica:5432")
    assert refusal().startswith(f"{READ_URL}: write it as postgresql://")


def test_a_replica_needs_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(READ_URL, "postgresql://keeper@replica/grid")
    assert "which is not set" in refusal()
    monkeypatch.setenv(READ_URL, "")
    assert load_settings().database.read_url is None


def test_the_password_of_rules_needs_a_url(monkeypatch: pytest.MonkeyPatch, secret: Path) -> None:
    monkeypatch.setenv("GRIDKEEPER_DATABASE__RULES_PASSWORD_FILE", str(secret))
    assert "a password file needs it" in refusal()
    monkeypatch.setenv(URL, "postgresql://keeper@db/grid")
    assert load_settings().database.rules_password_file == secret


def test_the_key_of_websites_stands_in_a_file_alone(monkeypatch: pytest.MonkeyPatch, secret: Path) -> None:
    monkeypatch.setenv("GRIDKEEPER_PROBES__SECRET_KEY_FILE", str(secret))
    assert "a key has 16 characters and more" in refusal()
    secret.write_text("hunter2 and his dogs\n")
    assert revealed(load_settings().probes.secret_key) == "hunter2 and his dogs"
    monkeypatch.setenv("GRIDKEEPER_PROBES__SECRET_KEY", "another key, as long")
    assert "differs from what GRIDKEEPER_PROBES__SECRET_KEY_FILE holds" in refusal()


def test_settings_from_files_are_valid_once_more(monkeypatch: pytest.MonkeyPatch, secret: Path) -> None:
    monkeypatch.setenv(TOKEN_FILE, str(secret))
    monkeypatch.setenv(PASSWORD_FILE, str(secret))
    monkeypatch.setenv(URL, "postgresql://keeper@db/grid")
    settings = load_settings()
    assert Settings.model_validate(settings.model_dump()) == settings
