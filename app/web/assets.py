"""The files under static/: read once, addressed by what they hold, and kept by browsers for a year.

The address of a file carries a digest of all of them (`/static/<version>/css/base.css`), so that what files
say to each other in relative addresses (a module's imports, a font of a style sheet) is versioned too.
"""

import gzip
import mimetypes
import re
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

ROOT = Path(__file__).parents[2] / "static"
# Sheets that one page asks for together go as one: fewer requests before the first paint, and a quarter less to send.
BUNDLES = {
    "css/bench.css": tuple(f"css/{name}.css" for name in "editor page fixes timeline figure tape gradients".split()),
    "css/versus.css": tuple(
        f"css/{name}.css" for name in "editor page timeline figure tape gradients reading compare".split()
    ),
}
KEPT = "public, max-age=31536000, immutable"
_COMMENT = re.compile(rb"/\*.*?\*/\n?", re.DOTALL)
_COMPRESSED = ("text/", "application/json", "image/svg+xml")


class Asset(NamedTuple):
    """One file as it is sent; `compressed` is None where compressing gains nothing."""

    body: bytes
    compressed: bytes | None
    media_type: str


class Assets:
    """All files that pages may ask for. `version` changes with any of them."""

    def __init__(self, root: Path = ROOT) -> None:
        self._assets = {name: _read(path) for name, path in sorted(_shipped(root))}
        for name, parts in BUNDLES.items():
            if all(part in self._assets for part in parts):
                self._assets[name] = _sent(b"".join(self._assets[part].body for part in parts), "text/css")
        digest = sha256()
        for name, asset in self._assets.items():
            digest.update(name.encode() + b"\0" + sha256(asset.body).digest())
        self.version = digest.hexdigest()[:12]

    def url(self, name: str) -> str:
        """The address of `name`, a path below static/. Raises KeyError where there is no such file."""
        if name not in self._assets:
            raise KeyError(name)
        return f"/static/{self.version}/{name}"

    async def serve(self, request: Request) -> Response:
        """The file that the address names; one of another version only until the browser asks again."""
        asset = self._assets.get(request.path_params["name"])
        if asset is None:
            raise HTTPException(404)
        current = request.path_params["version"] == self.version
        headers = {"Cache-Control": KEPT if current else "no-cache"}
        body = asset.body
        if asset.compressed is not None:
            headers["Vary"] = "Accept-Encoding"
            if "gzip" in request.headers.get("Accept-Encoding", ""):
                body = asset.compressed
                headers["Content-Encoding"] = "gzip"
        return Response(body, media_type=asset.media_type, headers=headers)


@cache
def assets() -> Assets:
    """The site's files."""
    return Assets()


def _shipped(root: Path) -> list[tuple[str, Path]]:
    source = root / "vendor" / "src"
    files = (path for path in root.rglob("*") if path.is_file() and source not in path.parents)
    return [(path.relative_to(root).as_posix(), path) for path in files]


def _read(path: Path) -> Asset:
    # Not by the system's table: browsers refuse a module that comes as anything but JavaScript.
    media_type = {".js": "text/javascript", ".woff2": "font/woff2"}.get(path.suffix)
    media_type = media_type or mimetypes.guess_type(path.name)[0] or "text/plain"
    body = path.read_bytes()
    if path.suffix == ".css":
        body = _COMMENT.sub(b"", body)  # reasons for who works on it: a tenth of what a first visit would fetch
    return _sent(body, media_type)


def _sent(body: bytes, media_type: str) -> Asset:
    compressed = gzip.compress(body, mtime=0) if media_type.startswith(_COMPRESSED) else None
    return Asset(body, compressed, media_type)
