"""The tape as the page has it, at any moment."""

from pathlib import Path

from bs4 import BeautifulSoup
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.diagram.film import Still
from app.diagram.tape import Tape

_LOADER = FileSystemLoader(Path(__file__).parents[2] / "templates")
_ENVIRONMENT = Environment(loader=_LOADER, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
ADDRESS = "/examples/data?"


def markup(tape: Tape, still: Still) -> str:
    """The macro's own text."""
    macro = _ENVIRONMENT.get_template("macros/tape.html").module.tape  # type: ignore[attr-defined]  # a macro
    return str(macro(tape, still, ADDRESS))


def rendered(tape: Tape, still: Still) -> BeautifulSoup:
    """The same, read."""
    return BeautifulSoup(markup(tape, still), "html.parser")
