"""Templates to responses: a whole page, or for an htmx request the parts of it that change."""

from pathlib import Path

from jinja2 import FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from app.web.assets import assets
from app.web.compiler import PlainEnvironment
from app.web.prose import code_only, plain, prose
from app.web.visible import visible_page

VARY = "HX-Request-Type"  # one address, two bodies: caches must keep both apart
TEMPLATES = Path(__file__).parents[2] / "templates"

templates = PlainEnvironment(
    loader=FileSystemLoader(TEMPLATES),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
templates.filters.update(prose=prose, code_only=code_only, plain=plain)
templates.globals.update(asset=assets().url)


def is_partial(request: Request) -> bool:
    """Whether htmx asks for a part of a page: it says "full" for a boosted link or the back button."""
    return request.headers.get("HX-Request-Type") == "partial"  # a plain browser says nothing


def respond(partial: bool, name: str, view: object, status: int = 200) -> HTMLResponse:
    """`view` as the page of that name; as its fragment where htmx asks for a part."""
    response = _html(f"{'fragments' if partial else 'pages'}/{name}.html", view, status)
    response.headers["Vary"] = "HX-Request-Type"  # one address, two bodies: caches must keep both apart
    return response


def fragment(name: str, view: object, status: int = 200) -> HTMLResponse:
    """`view` as the fragment of that name, where the page around it is another's."""
    response = _html(f"fragments/{name}.html", view, status)
    response.headers["Vary"] = "HX-Request-Type"
    return response


def page(name: str, view: object, status: int = 200) -> HTMLResponse:
    """`view` as the page of that name, which has no fragment."""
    return _html(f"pages/{name}.html", view, status)


def compile_templates() -> None:
    """All of them, so that no reader waits for it."""
    for name in templates.list_templates():
        templates.get_template(name)


def _html(template: str, view: object, status: int) -> HTMLResponse:
    body = visible_page(templates.get_template(template).render(view=view))
    return HTMLResponse(body, status, {"Cache-Control": "no-cache"})
