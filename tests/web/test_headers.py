"""What every response carries."""

import gzip

import pytest
from fastapi.testclient import TestClient

from app.web.assets import assets
from tests.web.conftest import PAGES, PARTIAL, soup

STRICT = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "font-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
}


@pytest.mark.parametrize(
    "path", [*PAGES, "/healthz", "/api/openapi.json", "/api/v1/schema", "/api/none", "/static/x/none"]
)
def test_security_headers(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy == STRICT
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"


def test_security_headers_of_a_form_post(client: TestClient) -> None:
    for headers in ({}, PARTIAL):
        response = client.post("/traces", data={"source": "x = 1"}, headers=headers)
        assert "content-security-policy" in response.headers


def test_files_are_kept_for_a_year_under_their_version_only(client: TestClient) -> None:
    address = assets().url("css/base.css")
    assert client.get(address).headers["cache-control"] == "public, max-age=31536000, immutable"
    assert client.get("/static/older/css/base.css").headers["cache-control"] == "no-cache"
    assert client.get("/").headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("js/frame.js", "text/javascript; charset=utf-8"),
        ("css/base.css", "text/css; charset=utf-8"),
        ("favicon.svg", "image/svg+xml"),
        ("vendor/source-sans-3/source-sans-3-latin-wght-normal.woff2", "font/woff2"),
    ],
)
def test_kinds_of_files(client: TestClient, name: str, kind: str) -> None:
    assert client.get(assets().url(name)).headers["content-type"] == kind


def test_files_come_compressed_to_who_takes_that(client: TestClient) -> None:
    address = assets().url("vendor/codemirror/codemirror.js")
    plain = client.get(address, headers={"Accept-Encoding": "identity"})
    packed = client.get(address, headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == plain.content
    assert int(packed.headers["content-length"]) == len(gzip.compress(plain.content, mtime=0))


@pytest.mark.parametrize(
    "name", ["../pyproject.toml", "..%2fpyproject.toml", "/etc/passwd", "vendor/src/build.js", "css"]
)
def test_only_what_is_shipped_is_served(client: TestClient, name: str) -> None:
    assert client.get(f"/static/x/{name}").status_code == 404


@pytest.mark.parametrize("path", PAGES)
def test_every_file_that_a_page_asks_for_is_there(client: TestClient, path: str) -> None:
    page = soup(client.get(path))
    wanted = [str(tag.get("href") or tag.get("src")) for tag in page.select("link[href], script[src]")]
    assert wanted
    assert {address: client.get(address).status_code for address in wanted} == dict.fromkeys(wanted, 200)


@pytest.mark.parametrize("path", ["/", "/examples/detach", "/healthz", "/api/v1/schema"])
def test_head_is_get_without_the_body(client: TestClient, path: str) -> None:
    head, get = client.head(path), client.get(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == get.headers["content-type"]
