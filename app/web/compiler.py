"""How templates become Python: as Jinja does it, without what our templates never ask for.

A page says some five thousand values, and half of its time went into how Jinja reaches and says each: a dot may also
mean an item, a function may want the context, and every value becomes a Markup of its own before all are joined. Ours
read structs, call macros and plain functions, and are joined as texts.
"""

import re

from jinja2 import Environment, nodes
from jinja2.compiler import CodeGenerator, Frame
from markupsafe import Markup, escape

_special = re.compile(r"[&<>'\"]").search


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

    def _output_child_pre(self, *_: object) -> None:
        self.write("environment.said(")


class PlainEnvironment(Environment):
    """Compiles its templates so, and escapes every value in all of them."""

    code_generator_class = PlainCodeGenerator

    @staticmethod
    def said(value: object) -> str:
        """`value` as HTML; a text or a number, as nearly all are, without the way around."""
        # not isinstance: a Markup is a str as well
        if type(value) is str:
            return escape(value) if _special(value) else value
        if type(value) is Markup:  # out of a macro
            return value
        return str(value) if type(value) in (int, float) else escape(value)
