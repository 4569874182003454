"""No link leads nowhere: every address that a page or a document names inside the project is there."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from bs4 import BeautifulSoup
from fastapi.testclient import TestClient

from app.main import create_app
from app.settings import Settings

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted(ROOT.glob("*.md")) + sorted(ROOT.glob("tests/**/*.md")) + sorted(ROOT.glob("app/**/*.md"))
_MARKDOWN_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_ATTRIBUTES = {"a": "href", "link": "href", "script": "src", "img": "src", "form": "action", "iframe": "src"}


def addresses(html: str, page: str) -> Iterator[str]:
    """What `page` links to, loads or posts to, without fragments."""
    for tag in BeautifulSoup(html, "html.parser").find_all(list(_ATTRIBUTES)):
        for attribute in (_ATTRIBUTES[tag.name], "hx-get", "hx-post"):
            if value := tag.get(attribute):
                yield urljoin(page, str(value)).partition("#")[0]


def test_every_address_inside_the_site_answers() -> None:
    with TestClient(create_app(Settings(idle=1, running=1)), base_url="http://localhost") as client:
        seen, todo, dead = {"/"}, ["/"], []
        while todo:
            page = todo.pop()
            answer = client.get(page)
            if answer.status_code not in (200, 405):  # 405: an address for forms
                dead.append((page, answer.status_code))
            elif answer.headers.get("content-type", "").startswith("text/html"):
                for address in addresses(answer.text, f"http://localhost{page}"):
                    parts = urlsplit(address)
                    path = parts.path + (f"?{parts.query}" if parts.query else "")
                    if parts.hostname == "localhost" and path not in seen and len(seen) < 300:
                        seen.add(path)
                        todo.append(path)
        assert not dead
        assert len(seen) > 10


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_documents_link_to_files_that_exist(document: Path) -> None:
    for target in _MARKDOWN_LINK.findall(document.read_text(encoding="utf-8")):
        if not urlsplit(target).scheme and not target.startswith(("#", "/")):
            assert (document.parent / target.partition("#")[0]).exists(), target
