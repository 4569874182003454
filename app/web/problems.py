"""Errors to responses: a page for a reader, a notice for an htmx request, JSON below /api."""

from collections.abc import Sequence
from http import HTTPStatus

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.errors import UserFacingError
from app.web.headers import HEADERS
from app.web.notices import BODY_TOO_LARGE, BROKEN, retry_after_s
from app.web.respond import page
from app.web.site import state_of
from app.web.traces import notice_page
from app.web.views import PageView

_SENTENCES = {
    404: ("There is no such page.", "The address may be mistyped. The examples are a good place to start again."),
    405: ("This address does not answer that.", "It is there for another kind of request."),
    500: ("This page could not be made.", "That is a fault of Tapescope. Loading it again may help."),
}


def install(app: FastAPI) -> None:
    """Make `app` answer its errors in this way."""

    @app.exception_handler(HTTPException)
    async def on_http_error(request: Request, error: HTTPException) -> Response:
        return _answer(request, error.status_code, dict(error.headers or {}))

    @app.exception_handler(RequestValidationError)
    async def on_bad_body(_: Request, error: RequestValidationError) -> Response:
        return _bad_body(", ".join(sorted({_place(each["loc"]) for each in error.errors()})))

    @app.exception_handler(UserFacingError)
    async def on_user_facing(_: Request, error: UserFacingError) -> Response:
        headers = {"Retry-After": str(seconds)} if (seconds := retry_after_s(error)) else {}
        return _problem(error.status, _kebab(type(error).__name__), str(error), headers)

    @app.exception_handler(Exception)
    async def on_fault(request: Request, _error: Exception) -> Response:
        response = _answer(request, 500, {})
        response.headers.update(HEADERS)  # starlette answers this one outside of all middleware
        return response


def _answer(request: Request, status: int, headers: dict[str, str]) -> Response:
    if status == 400 and request.url.path.startswith("/api/"):
        return _bad_body("body")  # bytes that are no text at all
    if status == 413 and request.url.path.startswith("/api/"):
        limit = state_of(request).limits.source
        message = f"The body was not read: it is far over the {limit} that a source may have. Shorten it."
        return _problem(status, "source-too-large", message)
    if request.url.path.startswith("/api/") or request.url.path == "/healthz":
        return _problem(
            status, _kebab(HTTPStatus(status).phrase.replace(" ", "")), HTTPStatus(status).phrase + ".", headers
        )
    if request.url.path == "/fixes" and request.headers.get("HX-Request-Type") == "partial":
        return Response(status_code=status, media_type="text/html")  # the advice stands without it
    bench = state_of(request)
    if request.url.path == "/traces" and status in (413, 500):
        source = getattr(request.state, "source", "")
        return notice_page(request, bench, source, BODY_TOO_LARGE if status == 413 else BROKEN, status)
    title, text = _SENTENCES.get(status, (HTTPStatus(status).phrase + ".", "The examples are a good place to go on."))
    response = page("error", PageView(site=bench.site(), title=title, text=text, status=status), status)
    response.headers.update(headers)
    return response


def _place(location: Sequence[str | int]) -> str:
    """Where in a body something is missing or wrong: a key; for what is no JSON at all the whole, not a character."""
    return ".".join(str(part) for part in location if isinstance(part, str)) or "body"


def _bad_body(places: str) -> Response:
    message = f'The body is not what is asked for: {places}. Send JSON like {{"source": "import torch"}}.'
    return _problem(422, "bad-body", message)


def _problem(status: int, error: str, message: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error": error, "message": message}, status, headers)


def _kebab(name: str) -> str:
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name).strip("-")
