"""Settings: read, validated, explained, documented."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.errors import ConfigurationError
from app.settings import Origin, load_settings, variables

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in variables():
        monkeypatch.delenv(name, raising=False)


def test_without_any_variable_the_defaults_are_valid() -> None:
    settings = load_settings()
    assert settings.collection.areas == ("DE_LU", "FR", "NL")
    assert str(settings.entsoe.base_url) == "https://web-api.tp.entsoe.eu/api"
    assert settings.data_dir.is_absolute()
    assert settings.origin is Origin.PLATFORM


def test_lists_are_written_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRIDKEEPER_COLLECTION__AREAS", "FR, DE_LU>FR,10YNL----------L")
    monkeypatch.setenv("GRIDKEEPER_COLLECTION__ITEMS", "load_actual")
    settings = load_settings()
    assert settings.collection.areas == ("FR", "DE_LU>FR", "10YNL----------L")
    assert settings.collection.items == ("load_actual",)


def test_a_file_beside_the_program_is_read(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("GRIDKEEPER_ENTSOE__TOKEN=from-file\nOTHER=1\n")
    token = load_settings().entsoe.token
    assert token is not None
    assert token.get_secret_value() == "from-file"


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("GRIDKEEPER_COLLECTION__AREAS", "DE_LX", "did you mean DE_LU"),
        ("GRIDKEEPER_COLLECTION__ITEMS", "load_actuel", "did you mean load_actual"),
        ("GRIDKEEPER_DATABASE__URL", "mysql://root:hunter2@db/x", "postgresql://user:password@host"),
        ("GRIDKEEPER_DATABASE__PORT", "0", "it must be 1 or more"),
        ("GRIDKEEPER_DATABASE__PORT", "65536", "it must be 65535 or less"),
        ("GRIDKEEPER_ENTSOE__BASE_URL", "nowhere", "valid URL"),
        ("GRIDKEEPER_ENTSOE__REQUESTS_PER_MINUTE", "400", "it must be 370 or less"),
        ("GRIDKEEPER_ENTSOE__BURST", "0", "it must be 1 or more"),
        ("GRIDKEEPER_ENTSOE__ATTEMPTS", "5", "it must be 6 or more"),
        ("GRIDKEEPER_ENTSOE__TOKEN", "two words hunter2", "visible ASCII"),
        ("GRIDKEEPER_SANDBOX", "perhaps", "write true or false"),
        ("GRIDKEEPER_LOG__LEVEL", "loud", "'debug'"),
    ],
)
def test_a_wrong_value_is_named_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, remedy: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=f"(?s){name}: .*{remedy}") as caught:
        load_settings()
    assert "hunter2" not in str(caught.value)


def test_a_port_is_for_the_embedded_database_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRIDKEEPER_DATABASE__PORT", "")
    assert load_settings().database.port is None
    monkeypatch.setenv("GRIDKEEPER_DATABASE__PORT", "5433")
    assert load_settings().database.port == 5433
    monkeypatch.setenv("GRIDKEEPER_DATABASE__URL", "postgresql://u:hunter2@db/x")
    with pytest.raises(ConfigurationError, match=r"GRIDKEEPER_DATABASE__PORT: .*it is for the embedded") as caught:
        load_settings()
    assert "hunter2" not in str(caught.value)


def test_an_unknown_variable_is_an_error_with_a_suggestion(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GRIDKEEPER_ENTSOE__TOKNE", "x")
    with pytest.raises(ConfigurationError, match="did you mean GRIDKEEPER_ENTSOE__TOKEN"):
        load_settings()
    monkeypatch.delenv("GRIDKEEPER_ENTSOE__TOKNE")
    monkeypatch.setenv("GRIDKEEPER_API__PORT", "8081")
    with pytest.raises(ConfigurationError, match="did you mean GRIDKEEPER_WEB__PORT"):
        load_settings()
    monkeypatch.delenv("GRIDKEEPER_API__PORT")
    (tmp_path / ".env").write_text("GRIDKEEPER_NOTHING_LIKE_IT=1\n")
    with pytest.raises(ConfigurationError, match="GRIDKEEPER_NOTHING_LIKE_IT is no setting"):
        load_settings()


def test_everything_wrong_with_the_settings_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRIDKEEPER_ENTSOE__TOKNE", "x")
    monkeypatch.setenv("GRIDKEEPER_NOTHING_LIKE_IT", "1")
    monkeypatch.setenv("GRIDKEEPER_COLLECTION__AREAS", "DE_LX")
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    assert [line.split(" ")[0].rstrip(":") for line in str(caught.value).splitlines()] == [
        "GRIDKEEPER_ENTSOE__TOKNE",
        "GRIDKEEPER_NOTHING_LIKE_IT",
        "GRIDKEEPER_COLLECTION__AREAS",
    ]


def test_a_line_of_the_file_that_sets_nothing_is_named_and_not_shown(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("# a comment\nGRIDKEEPER_INSTANCE=here\n\nSECRET='hunter2\nOTHER=1\n")
    with pytest.raises(ConfigurationError, match=r"\.env, line 4: this is no NAME=value") as caught:
        load_settings()
    assert "hunter2" not in str(caught.value)


def test_secrets_do_not_show_in_a_representation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRIDKEEPER_ENTSOE__TOKEN", "hunter2")
    monkeypatch.setenv("GRIDKEEPER_DATABASE__URL", "postgresql://a:hunter2@db/x")
    settings = load_settings()
    assert "hunter2" not in repr(settings) + str(settings) + settings.model_dump_json()


def test_an_empty_token_or_url_means_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRIDKEEPER_ENTSOE__TOKEN", " ")
    monkeypatch.setenv("GRIDKEEPER_DATABASE__URL", "")
    settings = load_settings()
    assert settings.entsoe.token is None
    assert settings.database.url is None


def test_the_example_file_names_every_variable_and_no_other() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    named = {line.lstrip("# ").partition("=")[0] for line in lines if "GRIDKEEPER_" in line.partition("=")[0]}
    assert named == set(variables())


def test_every_setting_is_described() -> None:
    assert [name for name, field in variables().items() if not field.description] == []


@pytest.mark.parametrize(
    "written",
    [
        "DE_LU,FR>NL",
        "DE_LU, FR > NL",
        "DE_LU FR>NL",
        "DE_LU; FR>NL",
        "DE_LU\nFR>NL",
        '["DE_LU", "FR>NL"]',
        "'DE_LU','FR>NL'",
    ],
)
def test_a_list_is_understood_in_every_usual_form(written: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRIDKEEPER_COLLECTION__AREAS", written)
    assert load_settings().collection.areas == ("DE_LU", "FR>NL")


@pytest.mark.parametrize("written", ["[DE_LU", "[1, 2]", '["DE_LU", ["FR"]]'])
def test_a_list_that_is_no_json_is_refused_with_both_forms(written: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRIDKEEPER_COLLECTION__AREAS", written)
    with pytest.raises(ConfigurationError, match=r"COLLECTION__AREAS: .*write DE_LU,FR or"):
        load_settings()


def test_a_file_of_settings_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.mkdir()
    with pytest.raises(ConfigurationError, match=r"\.env is a folder"):
        load_settings()
    file.rmdir()
    for content in ("# ok\nA=\xe9\n".encode("latin-1"), "# ok\nA=\u00e9".encode("utf-16")):
        file.write_bytes(content)
        with pytest.raises(ConfigurationError, match=r"\.env, line \d: this is not UTF-8; save the file as UTF-8"):
            load_settings()


def test_a_file_of_settings_that_this_user_may_not_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("A=1\n")

    def refuse(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")

    # Root, who runs some of these tests, may read everything.
    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(ConfigurationError, match=r"\.env cannot be read \(Permission denied\); let user \d+ read it"):
        load_settings()


def test_a_mark_at_the_begin_of_the_file_of_settings_hides_nothing(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes("\ufeffGRIDKEEPER_INSTANCE=here\n".encode())
    assert load_settings().instance_name == "here"


@pytest.mark.parametrize(
    ("token", "doubted"),
    [("01234567-89ab-cdef-0123-456789ABCDEF", False), ("se3cret", True), ("01234567-89ab-cdef-0123-456789abcde", True)],
)
def test_a_token_that_is_no_uuid_is_doubted_without_showing_it(token: str, doubted: bool) -> None:
    doubt = load_settings(entsoe={"token": token}).entsoe.doubt
    assert bool(doubt) == doubted
    assert doubt is None or (token not in doubt and "copy it again" in doubt)
    assert load_settings(entsoe={"token": token, "base_url": "http://127.0.0.1:1/api"}).entsoe.doubt is None
