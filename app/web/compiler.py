"""How templates become Python: as Jinja does it, without what our templates never ask for.

A page says some six thousand values, and half of its time went into how Jinja reaches and says each: a dot may also
mean an item, a function may want the context, every value becomes a Markup of its own before all are joined, and a
macro looks for arguments that it may have been given in other ways. Ours read structs, call macros and plain functions,
and are joined as texts.
"""

from collections.abc import Callable

from jinja2 import Environment, nodes
from jinja2.compiler import CodeGenerator, Frame, MacroRef
from jinja2.runtime import Macro
from jinja2.utils import missing
from markupsafe import Markup, _escape_inner, escape  # type: ignore[attr-defined]  # what `escape` makes a Markup of

_MOST_KEPT = 16_384  # floats, as texts


class PlainCodeGenerator(CodeGenerator):
    """A dot is an attribute, brackets hold an index or a key, a call is a call; `is none` is a word of Python."""

    def visit_Getattr(self, node: nodes.Getattr, frame: Frame) -> None:  # noqa: N802  # jinja2's name
        self.write("(")
        self.visit(node.node, frame)
        self.write(f").{node.attr}")

    def visit_Getitem(self, node: nodes.Getitem, frame: Frame) -> None:  # noqa: N802  # jinja2's name
        self.write("(")
        self.visit(node.node, frame)
        self.write(")[")
        self.visit(node.arg, frame)
        self.write("]")

    def visit_Call(self, node: nodes.Call, frame: Frame, forward_caller: bool = False) -> None:  # noqa: N802  # jinja2's name
        if forward_caller or node.dyn_args or node.dyn_kwargs:
            self.fail("our templates call with arguments that are written out", node.lineno)
        self.write("(")
        self.visit(node.node, frame)
        self.write(")(")
        for given in (*node.args, *node.kwargs):
            self.visit(given, frame)
            self.write(", ")
        self.write(")")

    def visit_Test(self, node: nodes.Test, frame: Frame) -> None:  # noqa: N802  # jinja2's name
        if node.name != "none":
            super().visit_Test(node, frame)
            return
        self.write("((")
        self.visit(node.node, frame)
        self.write(") is None)")

    def visit_CondExpr(self, node: nodes.CondExpr, frame: Frame) -> None:  # noqa: N802  # jinja2's name
        # without an else it is nothing: Jinja makes something undefined of it, and that costs more than all the rest
        other = node.expr2 or nodes.Const("", lineno=node.lineno)
        super().visit_CondExpr(nodes.CondExpr(node.test, node.expr1, other, lineno=node.lineno), frame)

    def write_commons(self) -> None:
        super().write_commons()
        self.writeline("says = environment.says")

    def _output_child_pre(self, *_: object) -> None:
        self.write("says[type(said := ")

    def _output_child_post(self, *_: object) -> None:
        self.write(")](said)")

    def _import_common(self, node: nodes.Import | nodes.FromImport, frame: Frame) -> None:
        if node.with_context:
            self.fail("our macros read what they are given", node.lineno)
        self.write("environment.get_template(")
        self.visit(node.template, frame)
        self.write(f", {self.name!r})._get_default_module()")

    def macro_def(self, macro_ref: MacroRef, frame: Frame) -> None:
        if macro_ref.accesses_kwargs or macro_ref.accesses_varargs or macro_ref.accesses_caller:
            self.fail("our macros name their arguments", macro_ref.node.lineno)
        self.write("environment.")  # Macro
        super().macro_def(macro_ref, frame)


class _Says(dict[type, Callable[..., str]]):
    """What makes HTML of a value, by its very type: a Markup is a str as well."""

    def __missing__(self, kind: type) -> Callable[..., str]:
        return escape


class _Written(dict[float, str]):
    """Floats as texts, kept: a page says thousands of lengths, and most of them again and again."""

    def __missing__(self, value: float) -> str:
        text = str(value)
        if value and value == value:  # 0.0 and -0.0 are one key, and no nan is found again
            if len(self) >= _MOST_KEPT:
                self.clear()
            self[value] = text
        return text


class PlainMacro(Macro):
    """Hands on what it is called with as it is, where that comes in order, as it mostly does."""

    def __call__(self, *args: object, **kwargs: object) -> str:
        absent = self._argument_count - len(args)
        if kwargs or absent < 0:
            return super().__call__(*args, **kwargs)
        text = self._func(*args, *(missing,) * absent) if absent else self._func(*args)
        return str.__new__(Markup, text)  # not Markup(…): that looks first whether it was given one


class PlainEnvironment(Environment):
    """Compiles its templates so, and escapes every value in all of them."""

    code_generator_class = PlainCodeGenerator
    Macro = PlainMacro
    says = _Says({str: _escape_inner, Markup: str, int: str, float: _Written().__getitem__})
