"""Addresses that carry a snippet: its text, compressed, as one word that an address can hold."""

import base64
import binascii
import zlib
from urllib.parse import quote

from msgspec import Struct

from app.diagram.pictures import Folds
from app.errors import UserFacingError
from app.explain.pitfalls import with_example
from app.lessons.catalog import catalog

MOST_OPENED = 500
MOST_IN_FIGURES = 2_000  # characters of an address that is said some hundred times
MOST_SAID = 100_000  # characters of a page, of one address said again and again
MOST_PACKED = 100_000  # characters; no source within the limit comes near


class DamagedLink(UserFacingError):  # noqa: N818  # it says what happened
    """An address whose `code` is no snippet."""

    status = 422

    def __init__(self) -> None:
        super().__init__(
            "The snippet in this address cannot be read: a part of it is missing or was changed on the way. "
            "Ask for the whole link, or start from an example."
        )


class LinkTooLarge(UserFacingError):  # noqa: N818  # it says what happened
    """An address whose snippet is longer than the server takes."""

    status = 413

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"The snippet in this address has more than the {limit_bytes:,} bytes that can be run.")


class Address(Struct, frozen=True, kw_only=True):
    """Where a run can be seen again: the path of a page, the snippet in its query if it is not the page's own."""

    path: str
    code: str | None = None
    opened: str = ""  # ids of folds shown open, apart by commas

    @property
    def base(self) -> str:
        """It ends where `moment=5` can follow."""
        return f"{self._plain}open={quote(self.opened, safe=',:')}&" if self.opened else self._plain

    @property
    def in_figures(self) -> str:
        """The same for the many links of figures; of a snippet too long for that, one that leads nowhere."""
        return self.base if len(self.base) <= MOST_IN_FIGURES else "#"

    def suits(self, count: int) -> bool:
        """Whether a page can say it so often."""
        return count * len(self.base) <= MOST_SAID

    @property
    def unfold(self) -> str:
        """It ends where the ids of folds can follow."""
        return f"{self._plain}open="

    @property
    def _plain(self) -> str:
        return f"{self.path}?code={self.code}&" if self.code else f"{self.path}?"


def address_of(source: str, opened: Folds) -> Address:
    """The path of the lesson or the pitfall whose snippet `source` is, else one that carries `source`."""
    lesson, pitfall = catalog().with_source(source), with_example(source)
    if lesson is not None and lesson.source == source.rstrip():
        return Address(path=lesson.path, opened=in_words(opened))
    if pitfall is not None and pitfall.example == source.rstrip():
        return Address(path=pitfall.path, opened=in_words(opened))
    return Address(path="/", code=pack(source), opened=in_words(opened))


def compare_address(left: str, right: str) -> str:
    """Where two snippets stand side by side. It ends where `moment=5` can follow."""
    return f"/compare?left={pack(left)}&right={pack(right)}&"


def folds_in(words: str) -> Folds:
    """The ids of folds in a form field or an address; those of no fold do nothing."""
    return frozenset(filter(None, words.split(",")[:MOST_OPENED]))


def in_words(folds: Folds) -> str:
    """The same, the other way round."""
    return ",".join(sorted(folds))


def pack(source: str) -> str:
    """`source` as letters, digits, "-" and "_"."""
    packed = zlib.compress(source.encode(errors="replace"), 9)
    return base64.urlsafe_b64encode(packed).decode("ascii").rstrip("=")


def unpack(code: str, limit_bytes: int) -> str:
    """The source in `code`. Raises DamagedLink, or LinkTooLarge where it has more than `limit_bytes`."""
    if len(code) > MOST_PACKED:
        raise DamagedLink
    try:
        packed = base64.b64decode(code + "=" * (-len(code) % 4), altchars=b"-_", validate=True)
        opening = zlib.decompressobj()
        source = opening.decompress(packed, limit_bytes + 1)  # never more, whatever it would grow to
        if len(source) > limit_bytes:
            raise LinkTooLarge(limit_bytes)
        if not opening.eof or opening.unused_data:
            raise DamagedLink
        return source.decode()
    except (binascii.Error, zlib.error, ValueError) as error:
        raise DamagedLink from error
