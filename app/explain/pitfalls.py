"""The pitfalls as their pages show them: what each rule's file says, in order."""

from functools import cache
from inspect import cleandoc

from msgspec import Struct

from app.explain.diagnosis import Severity
from app.explain.rule import Rule
from app.explain.rules import GROUPS


class Pitfall(Struct, frozen=True, kw_only=True):
    """One rule, told. `summary`, `why`, `see` and `mend` are Markdown."""

    rule: str
    title: str
    severity: Severity
    summary: str
    why: str
    see: str
    mend: str
    example: str
    source: str


class Chapter(Struct, frozen=True, kw_only=True):
    """Pitfalls of one kind."""

    title: str
    pitfalls: tuple[Pitfall, ...]


def name_of(rule: Rule) -> str:
    """A rule's name in the list of pitfalls: "write-hidden-by-data"."""
    return rule.__name__.rpartition(".")[2].replace("_", "-")


@cache
def chapters() -> tuple[Chapter, ...]:
    """All pitfalls, by kind."""
    return tuple(Chapter(title=group.title, pitfalls=tuple(map(_pitfall, group.rules))) for group in GROUPS)


@cache
def by_rule() -> dict[str, Pitfall]:
    """All pitfalls, by their rules' names."""
    return {pitfall.rule: pitfall for chapter in chapters() for pitfall in chapter.pitfalls}


def _pitfall(rule: Rule) -> Pitfall:
    summary, _, why = cleandoc(rule.__doc__ or "").partition("\n\n")
    page = rule.PAGE
    return Pitfall(
        rule=name_of(rule),
        title=page.title,
        severity=page.severity,
        summary=summary,
        why=why,
        see=page.see,
        mend=page.mend,
        example=page.example,
        source=page.source,
    )
