"""Who counts as one reader."""

import pytest
from fastapi.testclient import TestClient
from starlette.types import Scope

from app.main import create_app
from app.sandbox.asking import asking
from app.settings import Settings
from app.web.readers import neighbourhood, reader_of


@pytest.mark.parametrize(
    ("address", "counts_as"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "testclient"),
    ],
)
def test_neighbourhoods(address: str, counts_as: str) -> None:
    assert neighbourhood(address) == counts_as


def scope(page: bytes) -> Scope:
    return {"type": "http", "client": ("192.0.2.7", 1), "headers": [(b"tapescope-page", page)]}


@pytest.mark.parametrize(
    ("sent", "page"),
    [
        (b"2f6c1d1e-5f5a-4f4e-9b3a-6d9e1b0c7a55", "2f6c1d1e-5f5a-4f4e-9b3a-6d9e1b0c7a55"),
        (b"k3j9x", "k3j9x"),
        (b"", ""),
        (b"a" * 41, ""),
        (b"a b", ""),
        (b"\xff", ""),
        (b"a\n", ""),
    ],
)
def test_a_page_names_itself_by_a_short_word(sent: bytes, page: str) -> None:
    assert reader_of(scope(sent)).page == page


@pytest.mark.parametrize(
    ("trusted", "forwarded", "address"),
    [
        ("", "203.0.113.9", "192.0.2.1"),  # anybody can send the header
        ("198.51.100.1", "203.0.113.9", "192.0.2.1"),
        ("192.0.2.1", "203.0.113.9", "203.0.113.9"),
        ("192.0.2.0/24", "203.0.113.9", "203.0.113.9"),
        ("192.0.2.1", "203.0.113.9, 203.0.113.10", "203.0.113.10"),  # what the reader itself sent stands before
        ("192.0.2.1, 203.0.113.10", "203.0.113.9, 203.0.113.10", "203.0.113.9"),
    ],
)
def test_a_proxy_is_believed_where_it_is_trusted(trusted: str, forwarded: str, address: str) -> None:
    app = create_app(Settings(trusted_proxies=trusted))
    seen: list[str] = []
    app.state.tapescope = type(app.state.tapescope)(
        runs=app.state.tapescope.runs,
        fixing=app.state.tapescope.fixing,
        limits=app.state.tapescope.limits,
        version="",
        place=lambda: seen.append(asking().address),
    )
    client = TestClient(app, client=("192.0.2.1", 1))
    assert client.get("/traces/place", headers={"X-Forwarded-For": forwarded}).status_code == 204
    assert seen == [address]
