"""A child is untrusted: what a Trace says is refused, or shown without an error and without markup of its own."""

import re
from functools import cache
from itertools import cycle
from random import Random
from typing import Any

import msgspec
from bs4 import BeautifulSoup
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.diagram.pictures import draw
from app.explain import explain
from app.lessons.catalog import catalog
from app.trace import contract
from app.trace.model import Trace
from app.trace.wire import ForgedAnswer, decode_trace, encode
from app.web.address import Address
from app.web.outcome import Limits
from app.web.respond import templates
from app.web.run import Run
from app.web.shown import show
from app.web.views import BenchView, Site, opening_of, result_of
from app.web.visible import visible_page
from tests.fuzzing import EXAMPLES
from tests.tracing import trace_of

LIMITS = Limits(time_s=5.0, memory_bytes=2**30, output_bytes=2**16, source_bytes=20_000)
SITE = Site(lessons=catalog().listed, limits=LIMITS, layers=(), version="0")
SOURCES = [
    *(lesson.source for lesson in catalog().listed),
    "import torch\nw = torch.ones(3, requires_grad=True)\nfor _ in range(3):\n    y = (w * w).sum()\n    y.backward()",
    "import torch\ndef f(x): return x.sin()\nw = torch.ones(2, 2, requires_grad=True)\nf(w.t())[0].sum().backward()",
]
MOST_CHARACTERS = 5_000_000
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</textarea></pre></svg><svg onload=alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    "`code` line 4 `",
    "\u202e\u2066abc\u200f",
    "\x00\x07\x1b[31m\x7f\x85",
    "javascript:alert(1)",
    "a" * 200,
    "",
    "\ufeff\u2028\u2029",
]
_plain = msgspec.msgpack.Decoder().decode


def page(trace: Trace, moment: int | None = None) -> str:
    """The whole page of `trace`, and its JSON."""
    source = "import torch\n" * 12
    diagnoses = explain(trace)
    run = Run(trace=trace, diagnoses=diagnoses)
    shown = show(run, draw(trace), source)
    place = Address(path="/")
    view = BenchView(
        site=SITE, opening=opening_of(source), source=source, result=result_of(shown, place, moment, LIMITS, source)
    )
    msgspec.json.encode(contract.public(trace, diagnoses))
    return visible_page(templates.get_template("pages/bench.html").render(view=view)).decode()


def tags(html: str) -> set[tuple[str, tuple[str, ...]]]:
    """The elements of a page that could do something, each with its attributes' names."""
    found = BeautifulSoup(html, "html.parser")
    return {
        (tag.name, tuple(sorted(tag.attrs))) for tag in found.find_all(["script", "img", "iframe", "object", "embed"])
    }


def handlers(html: str) -> list[str]:
    """Attributes that would run something."""
    found = BeautifulSoup(html, "html.parser").find_all(True)
    return [name for tag in found for name in tag.attrs if name.startswith("on") or name == "style"]


@cache
def answers() -> list[bytes]:
    """What the worker really sends."""
    return [encode(trace_of(source)) for source in SOURCES]


def places(thing: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The ways to every value inside of `thing`, itself left out."""
    inside = thing.items() if isinstance(thing, dict) else enumerate(thing) if isinstance(thing, list) else ()
    found = []
    for key, value in inside:
        found += [(*at, key), *places(value, (*at, key))]
    return found


KINDS = ("replace", "replace", "drop", "double", "reverse")
NUMBERS: tuple[Any, ...] = (
    None,
    True,
    0,
    1,
    2,
    -1,
    5,
    2**31,
    2**62,
    -(2**62),
    float("nan"),
    float("inf"),
    1e308,
    b"",
    b"\xff" * 9,
    [],
    [1],
)


def changed(thing: Any, random: Random) -> None:
    """Change one value somewhere inside of `thing`."""
    *way, last = random.choice(places(thing))
    parent = thing
    for key in way:
        parent = parent[key]
    kind = random.choice(KINDS)
    if kind == "replace" or isinstance(parent, dict):
        of_ours = f"{random.choice('tsvn')}{random.randrange(30)}"
        parent[last] = random.choice((random.choice(HOSTILE), of_ours, random.choice(NUMBERS), random.randrange(12)))
    elif kind == "drop":
        del parent[last]
    elif kind == "double":
        parent.append(parent[last])
    else:
        parent.reverse()


@settings(derandomize=True, max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32))
def test_a_changed_answer_is_refused_or_shown(seed: int) -> None:
    random = Random(seed)  # noqa: S311  # no secret
    thing = _plain(random.choice(answers()))
    for _ in range(random.randint(1, 3)):
        changed(thing, random)
    try:
        trace = decode_trace(encode(thing))
    except ForgedAnswer:
        return
    html = page(trace, random.choice([None, 1, 3]))
    assert handlers(html) == []
    assert len(html) < MOST_CHARACTERS


CHOSEN = ("kind", "reason", "owner", "packing", "call", "mode", "dtype")  # one of a few words, or refused
ID = re.compile("[tsvn][0-9]+")


def test_hostile_texts_everywhere_are_shown_as_texts() -> None:
    texts = cycle(HOSTILE)
    for answer in answers():
        calm = decode_trace(answer)
        thing = _plain(answer)
        for *way, last in places(thing):
            parent = thing
            for key in way:
                parent = parent[key]
            if isinstance(parent[last], str) and last not in CHOSEN and not ID.fullmatch(parent[last]):
                parent[last] = next(texts)
        html = page(decode_trace(encode(thing)))
        assert tags(html) == tags(page(calm))
        assert handlers(html) == []


def test_the_page_shows_no_control_or_direction_characters() -> None:
    source = "import torch\nprint('\\x00\\x1b[31m\\u202e\\u2066\\ufeff\\x08')\nraise ValueError('\\u202etxt.exe\\x07')"
    html = page(trace_of(source))
    for character in "\x00\x1b\u202e\u2066\x08\x07":
        assert character not in html, hex(ord(character))
