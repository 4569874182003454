"""`/readyz` and `/metrics`: for who runs the server, not for readers."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.sandbox.run import Sandbox


def routes(sandbox: Sandbox, *, metrics: bool) -> list[Route]:
    """The addresses that probes and collectors ask; `/metrics` only where it may be read by whoever reaches us."""

    async def ready(_: Request) -> Response:
        """200 while whoever comes gets a run: not at the start, in a full queue, or on the way to the end."""
        state = "ready" if sandbox.accepting else "full, or being stopped" if sandbox.ready else "unavailable"
        return JSONResponse({"status": state}, 200 if sandbox.accepting else 503, {"Cache-Control": "no-store"})

    async def read(_: Request) -> Response:
        return Response(sandbox.meters.read(), media_type=sandbox.meters.media_type)

    found = [Route("/readyz", ready)]
    if metrics:
        found.append(Route("/metrics", read))
    return found
