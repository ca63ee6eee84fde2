"""A website has the same fields wherever people say it, and what is secret of it shows nowhere."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields, replace
from pathlib import Path

import pytest

from app.cli.websites.changing import OPTIONS, add_command, edit_command
from app.errors import ConfigurationError
from app.probes.configured import reading
from app.probes.configured.files import read_drafts, yaml_of
from app.probes.configured.reading import read_probes
from app.probes.vault import UNREADABLE, Vault
from app.probes.websites.addresses import checked_url
from app.probes.websites.checks import request_of
from app.probes.websites.models import HIDDEN, SECRETS, WebsiteDraft, with_secrets
from app.probes.websites.schemas import WebsiteBody, WebsiteChangeBody, WebsiteResource, checked_model
from app.probes.websites.service import kept_secrets, masked
from app.probes.websites.sql import DRAFT_COLUMNS
from app.secrets import without_secrets
from app.web.pages.monitors.editing import LABELS, fields_of, said_in
from tests.support.certificate_authority import CertificateAuthority

ROOT = Path(__file__).parents[3]
FIELDS = {field.name for field in fields(WebsiteDraft)}
DRAFT = WebsiteDraft("https://shop.example/", "Shop")
LOGIN = "http://me:s3cret@proxy.example:3128"


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A certificate and its key."""
    text = CertificateAuthority(tmp_path_factory.mktemp("ca")).issue("client").file.read_text()
    end = text.index("-----BEGIN EC PRIVATE KEY")
    return text[:end].strip(), text[end:].strip()


def test_every_way_to_say_a_website_has_the_same_fields() -> None:
    said = {
        "API, made": set(WebsiteBody.model_fields),
        "API, changed": set(WebsiteChangeBody.model_fields),
        "API, shown": set(WebsiteResource.model_fields) & FIELDS,
        "file": {"name", "url", *reading._READERS},
        # Pausing and resuming are commands and buttons of their own.
        "command line": {"url", "enabled", *OPTIONS},
        "page": {"enabled", *fields_of(DRAFT)},
        "labels of the page": {"enabled", *LABELS} & FIELDS,
        "table": {{"timeout_seconds": "timeout"}.get(one, one) for one in DRAFT_COLUMNS},
    }
    assert {name: found ^ FIELDS for name, found in said.items() if found != FIELDS} == {}
    both = {"every", "header", "condition", "label", "region", "family", "follow"}
    for command in (add_command, edit_command):
        assert both | {"url", "name", "client_certificate", "client_key", "proxy", "quorum"} <= set(
            inspect.signature(command).parameters
        )
    for text in ((ROOT / "config/examples/probes.yaml").read_text(), (ROOT / "docs/websites.md").read_text()):
        assert {name for name in FIELDS - {"name", "note"} if not re.search(rf"\b{name}\b", text)} <= {
            "enabled",
            "body",
        }
    form = fields_of(replace(DRAFT, regions=("eu", "us"), quorum=1, labels={"a": "b"}))
    assert WebsiteBody(**said_in(form)).draft() == replace(DRAFT, regions=("eu", "us"), quorum=1, labels={"a": "b"})


def test_what_is_secret_is_masked_sealed_and_kept(pem: tuple[str, str]) -> None:
    certificate, key = pem
    whole = replace(DRAFT, client_certificate=certificate, client_key=key, proxy=LOGIN, method="POST", body="s3cret")
    assert request_of(whole).proxy == LOGIN
    shown = masked(whole)
    assert [getattr(shown, name) for name in SECRETS] == [HIDDEN, HIDDEN, HIDDEN, "http://***@proxy.example:3128"]
    assert masked(replace(DRAFT, proxy="http://proxy.example:3128")).proxy == "http://proxy.example:3128"
    assert masked(replace(DRAFT, proxy=UNREADABLE)).proxy == HIDDEN
    assert kept_secrets(shown, whole) == whole
    vault = Vault(b"0123456789abcdef")
    sealed = with_secrets(whole, vault.seal)
    assert not any("s3cret" in getattr(sealed, name) or key in getattr(sealed, name) for name in SECRETS)
    assert with_secrets(sealed, vault.open) == whole
    for name in SECRETS:
        with pytest.raises(ConfigurationError, match=f"{name}: .* stands for a value that is kept"):
            kept_secrets(replace(DRAFT, **{name: HIDDEN}), DRAFT)  # type: ignore[arg-type]
        with pytest.raises(ConfigurationError, match="another key"):
            request_of(replace(whole, **{name: UNREADABLE}))  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="because it is another proxy"):
        kept_secrets(replace(whole, proxy="http://***@elsewhere.example:3128"), whole)
    with pytest.raises(ConfigurationError, match="another server"):
        kept_secrets(replace(shown, url="https://elsewhere.example"), whole)
    assert not any(secret in repr(whole) for secret in (key, LOGIN))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"client_key": "KEY"}, "client_key: say the certificate"),
        ({"client_certificate": "CERTIFICATE"}, "client_certificate: certificate and key are wanted as PEM"),
        ({"client_certificate": "CERTIFICATE", "client_key": "nothing"}, "client_key: certificate and key"),
        ({"client_certificate": "CERTIFICATE", "client_key": "KEY", "url": "http://a.example"}, "http shows none"),
        ({"proxy": "socks5://me:s3cret@a:1"}, "the proxy is no address of one"),
        ({"proxy": "http://me:s3cret@a:1/path"}, "the proxy is no address of one"),
    ],
)
def test_what_cannot_be_shown_or_reached_is_refused(pem: tuple[str, str], change: dict[str, str], said: str) -> None:
    values = {name: {"CERTIFICATE": pem[0], "KEY": pem[1]}.get(text, text) for name, text in change.items()}
    with pytest.raises(ConfigurationError, match=said) as raised:
        request_of(replace(DRAFT, **values))  # type: ignore[arg-type]
    assert "s3cret" not in str(raised.value)


def test_a_file_refers_to_them(pem: tuple[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "client.pem").write_text("\r\n".join(f"{pem[0]}\n{pem[1]}".split("\n")))
    monkeypatch.setenv("SHOP_PEM_FILE", str(tmp_path / "client.pem"))
    monkeypatch.setenv("SHOP_PROXY_PASSWORD", "s3cret")
    text = b"""
websites:
  Shop:
    url: https://shop.example/
    client_certificate: ${SHOP_PEM}
    proxy: http://me:${SHOP_PROXY_PASSWORD}@proxy.example:3128
  Open: {url: https://open.example/, proxy: "http://proxy.example:3128"}
"""
    found = read_probes(text, "probes.yaml")
    assert found.problems == ()
    assert (found.drafts[0].proxy, found.drafts[1].proxy) == (LOGIN, "http://proxy.example:3128")
    assert "\r" not in found.drafts[0].client_certificate
    written = yaml_of(found.drafts)
    assert "s3cret" not in written
    assert "BEGIN" not in written
    monkeypatch.setenv("SHOP_PROXY", LOGIN)
    monkeypatch.setenv("SHOP_CLIENT_CERTIFICATE", found.drafts[0].client_certificate)
    (tmp_path / "probes.yaml").write_text(written)
    assert read_drafts(tmp_path / "probes.yaml") == list(found.drafts)
    wrong = b"""
websites:
  Shop: {url: https://shop.example/, proxy: "http://me:s3cret@proxy.example:3128", client_key: plain}
"""
    problems = [f"{one.field}: {one.message}" for one in read_probes(wrong, "probes.yaml").problems]
    assert [one.partition(":")[0] for one in problems] == ["websites.Shop.client_key", "websites.Shop.proxy"]
    assert not any("s3cret" in one for one in problems)
    for name in ("SHOP_PEM_FILE", "SHOP_PROXY_PASSWORD"):
        monkeypatch.delenv(name)
    assert len(read_probes(text, "probes.yaml").problems) == 2
    with without_secrets():
        assert read_probes(text, "probes.yaml").problems == ()


@pytest.mark.parametrize(
    ("label", "good", "bad"),
    [
        (
            "objective",
            ("99.5", "99.5%", "99.99999", "1"),
            ("abc", "150", "100", "0", "99,5", "-1", "9" * 5, "99.123456", ""),
        ),
        ("certificate_days", ("14", "1"), ("0", "1.5", "two", "1000")),
        ("slow_factor", ("5", "1.5"), ("1", "x2", "1e3")),
        ("flapping", ("20",), ("1", "2.5", "20%")),
        ("disagree_minutes", ("60",), ("0", "1h")),
    ],
)
def test_labels_that_set_limits_are_numbers_that_the_rules_read(
    label: str, good: tuple[str, ...], bad: tuple[str, ...]
) -> None:
    for text in good:
        assert WebsiteBody(url=DRAFT.url, name="Shop", labels={label: text}).labels == {label: text}
    for text in filter(None, bad):
        for model, values in ((WebsiteBody, {"url": DRAFT.url, "name": "Shop"}), (WebsiteChangeBody, {})):
            with pytest.raises(ConfigurationError, match=rf"--label: {label} sets .*write it as {label}="):
                checked_model(model, {**values, "labels": {label: text}}, OPTIONS)
        entry = f"websites: {{Shop: {{url: {DRAFT.url!r}, labels: {{{label}: {text!r}}}}}}}"
        [problem] = read_probes(entry.encode(), "probes.yaml").problems
        assert (problem.field, problem.message[: len(label)]) == ("websites.Shop.labels", label)
    kept = replace(DRAFT, labels={label: bad[0]})
    assert WebsiteBody.of(kept).labels == kept.labels, "an export holds what an earlier version let pass"


def test_a_host_that_no_resolver_takes_is_refused_where_it_is_written() -> None:
    assert checked_url(" https://xn--bcher-kva.example/ ") == "https://xn--bcher-kva.example/"
    with pytest.raises(ConfigurationError, match="the host is no name that can be looked up"):
        checked_url("https://xn--a.example/")
