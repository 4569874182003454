"""Templates say the same as Jinja's own would, and fail where those would."""

import pytest
from jinja2 import DictLoader, Environment, StrictUndefined, TemplateSyntaxError, UndefinedError
from markupsafe import Markup
from msgspec import Struct

from app.web.compiler import PlainEnvironment


class Thing(Struct):
    name: object
    parts: tuple[int, ...] = (3, 4)


def environment(kind: type[Environment], source: str) -> Environment:
    return kind(loader=DictLoader({"it": source}), autoescape=True, undefined=StrictUndefined)


SOURCES = [
    '<p title="{{ thing.name }}">{{ thing.name }}</p>',
    "{{ thing.name | upper }}{{ thing.name ~ '<' }}",
    "{% macro item(one, mark='&') %}{{ mark }}{{ one }}{% endmacro %}{{ item(thing.name) }}{{ item(1, mark='<') }}",
    "{% for part in thing.parts %}{{ loop.index0 }}:{{ part }}{{ ', ' if not loop.last }}{% endfor %}",
    "{{ thing.parts[0] }}{{ thing.parts[1:] | join('<') }}",
    "{{ {'a<': 'b<'}['a<'] }}{{ '{:,}'.format(thing.parts[0] * 1000) }}",
    "{{ thing.name if thing.name }}{{ '<' if not thing.name }}{% set one = 1 if not thing.name %}{{ one }}",
    "{% set name %}<b>{{ thing.name }}</b>{% endset %}{{ name }}",
]
NAMES = [
    "plain",
    "<&>'\"",
    "",
    "é…\u2028",
    Markup("<b>safe</b>"),
    7,
    2.5,
    0.0,
    -0.0,
    float("nan"),
    True,
    None,
    ("<", 1),
]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("name", NAMES)
def test_templates_say_what_jinja_says(source: str, name: object) -> None:
    ours, theirs = environment(PlainEnvironment, source), environment(Environment, source)
    thing = Thing(name)
    assert ours.get_template("it").render(thing=thing) == theirs.get_template("it").render(thing=thing)


@pytest.mark.parametrize(
    "source", ["{{ nothing }}", "{{ nothing.name }}", "{{ thing.no_such }}", "{{ thing.parts[9] }}"]
)
def test_what_is_not_there_raises(source: str) -> None:
    with pytest.raises((UndefinedError, AttributeError, IndexError)):
        environment(PlainEnvironment, source).get_template("it").render(thing=Thing("x"))


@pytest.mark.parametrize(
    "call", ["item('<')", "item('<', '&')", "item('<', mark='&')", "item(mark='&', one=1)", "item()"]
)
def test_macros_take_arguments_as_jinja_has_them_do(call: str) -> None:
    source = f"{{% macro item(one='>', mark='+') %}}{{{{ one }}}}{{{{ mark }}}}{{% endmacro %}}{{{{ {call} }}}}"
    ours, theirs = environment(PlainEnvironment, source), environment(Environment, source)
    assert ours.get_template("it").render() == theirs.get_template("it").render()


@pytest.mark.parametrize("call", ["item(1, 2)", "item(other=1)"])
def test_macros_refuse_arguments_that_they_have_not(call: str) -> None:
    source = f"{{% macro item(one) %}}{{{{ one }}}}{{% endmacro %}}{{{{ {call} }}}}"
    with pytest.raises(TypeError):
        environment(PlainEnvironment, source).get_template("it").render()


def test_macros_that_name_no_arguments_do_not_compile() -> None:
    with pytest.raises(TemplateSyntaxError, match="name their arguments"):
        environment(PlainEnvironment, "{% macro item() %}{{ varargs }}{% endmacro %}").get_template("it")


def test_calls_that_are_not_written_out_do_not_compile() -> None:
    with pytest.raises(TemplateSyntaxError, match="written out"):
        environment(PlainEnvironment, "{{ thing.parts.count(*[3]) }}").get_template("it")
