"""The pitfalls as their pages tell them: what each rule's file says, in order."""

from functools import cache
from inspect import cleandoc

from msgspec import Struct

from app.explain.diagnosis import Severity
from app.explain.rule import Rule
from app.explain.rules import GROUPS


class Pitfall(Struct, frozen=True, kw_only=True):
    """One rule, told. Texts are plain, as in a Diagnosis: code stands in backticks, "line 4" is one of `example`."""

    rule: str
    title: str
    severity: Severity
    summary: str
    why: str
    see: str
    mend: str
    example: str
    source: str

    @property
    def path(self) -> str:
        """Its address on this site."""
        return f"/pitfalls/{self.rule}"


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


def with_example(source: str) -> Pitfall | None:
    """The pitfall whose example this is, unchanged but for white space around it."""
    return _by_example().get(source.strip())


@cache
def _by_example() -> dict[str, Pitfall]:
    return {pitfall.example.strip(): pitfall for pitfall in by_rule().values()}


def _pitfall(rule: Rule) -> Pitfall:
    summary, _, why = (" ".join(part.split()) for part in cleandoc(rule.__doc__ or "").partition("\n\n"))
    page = rule.PAGE
    return Pitfall(
        rule=name_of(rule),
        title=page.title,
        severity=page.severity,
        summary=summary,
        why=why,
        see=page.see,
        mend=page.mend,
        example=page.example.rstrip(),
        source=page.source,
    )
