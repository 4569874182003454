"""A snippet's concrete syntax tree: what stands on a line, and the source again with a few nodes changed.

libcst keeps every space and comment. It takes long for brackets within brackets and for long chains, and this runs in
the server: a source that is longer, or nested deeper, than what people write has no tree here.
"""

import ast
import io
import tokenize
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from functools import lru_cache
from typing import TypeVar

import libcst as cst

from app.trace.model import Operation, Trace

MOST_CHARACTERS = 8_000
MOST_BRACKETS = 8  # within one another
MOST_NESTED = 60  # syntax nodes within one another
MOST_EXPRESSION = 200  # characters of an expression in a Trace

Small = cst.BaseSmallStatement
Statement = cst.BaseSmallStatement | cst.BaseCompoundStatement
Line = cst.SimpleStatementLine | cst.BaseCompoundStatement
Change = cst.CSTNode | Sequence[cst.CSTNode] | None  # instead of a node: another, several, or none
Kind = TypeVar("Kind", bound=cst.CSTNode)
_NONE: Mapping[cst.CSTNode, Change] = {}


class Tree:
    """The syntax tree of one source. Expressions are looked through only where they are asked for."""

    def __init__(self, source: str, parsed: ast.Module) -> None:
        self.source, self.module = source, cst.parse_module(source)
        self._parents: dict[cst.CSTNode, cst.CSTNode] = {}
        self._own: dict[cst.CSTNode, Sequence[cst.CSTNode]] = {}
        self._ran_at: dict[tuple[int, str | None, type[cst.CSTNode]], Sequence[cst.CSTNode]] = {}
        # Python's own tree has the same statements in the same order, and knows where they begin
        self._all = tuple(self._blocks(self.module))
        known = list(_statements(parsed))
        self._lines = dict(zip(self._all, map(_first_line, known), strict=True))
        self._ends = {each: one.end_lineno or 0 for each, one in zip(self._all, known, strict=True)}
        self._on_line: defaultdict[int, list[Statement]] = defaultdict(list)
        for statement, line in self._lines.items():
            self._on_line[line].append(statement)
        self.imported = frozenset(self._imported())

    def _blocks(self, node: cst.CSTNode) -> Iterator[Statement]:
        """The statements inside of `node`, each before those inside of it."""
        for part in _parts(node):
            self._parents[part] = node
            if isinstance(part, Statement):
                yield part
            yield from self._blocks(part)

    def _imported(self) -> Iterator[str]:
        """The names that stand for modules, and for what was imported from them."""
        for each in self._all:
            if isinstance(each, cst.Import | cst.ImportFrom) and not isinstance(each.names, cst.ImportStar):
                for name in each.names:
                    yield name.evaluated_alias or name.evaluated_name.partition(".")[0]

    def line_of(self, node: cst.CSTNode) -> int:
        """The line on which the statement of `node` begins, from 1."""
        return self._lines[self.statement(node)]

    def statements(self, line: int) -> Sequence[Statement]:
        """What begins on `line`, in order: several statements apart by semicolons, or a loop and what it repeats."""
        return self._on_line.get(line, ())

    def inside(self, statement: cst.BaseCompoundStatement) -> Iterator[Statement]:
        """The statements inside of it, in order."""
        return (each for each in self._all if any(above is statement for above in self.around(each)))

    def own(self, node: cst.CSTNode, kind: type[Kind]) -> Iterator[Kind]:
        """The nodes of that kind in `node`, outermost first, but not in statements inside of it."""
        if node not in self._own:
            self._own[node] = tuple(self._expressions(node))
        return (each for each in self._own[node] if isinstance(each, kind))

    def _expressions(self, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
        for child in node.children:
            if not isinstance(child, Statement | cst.BaseSuite):
                self._parents[child] = node
                yield child
                yield from self._expressions(child)

    def own_statements(self, kind: type[Kind]) -> Iterator[Kind]:
        """The statements of that kind, line by line."""
        return (each for each in self._all if isinstance(each, kind))

    def own_of_all(self, kind: type[Kind], word: str) -> Iterator[Kind]:
        """The nodes of that kind anywhere, in statements in whose source that word stands."""
        for statement in self._all if word in self.source else ():
            compound = isinstance(statement, cst.BaseCompoundStatement)
            if compound or word in self.module.code_for_node(statement):
                yield from self.own(statement, kind)

    def at(self, trace: Trace, operation: Operation, kind: type[Kind]) -> Sequence[Kind]:
        """The nodes of that kind that `operation` ran, as its line and its expression tell."""
        place = trace.line(operation.step), operation.expression, kind
        if place not in self._ran_at:  # a line of a loop runs again and again
            self._ran_at[place] = list(self._at(*place))
        return self._ran_at[place]  # type: ignore[return-value]  # as the key has it

    def _at(self, line: int, expression: str | None, kind: type[Kind]) -> Iterator[Kind]:
        for statement in self.statements(line):
            if isinstance(statement, kind) and self._ran(statement, expression):
                yield statement
            yield from (node for node in self.own(statement, kind) if self._ran(node, expression))

    def _ran(self, node: cst.CSTNode, expression: str | None) -> bool:
        text = self.text(node)
        if text == expression or expression is None:
            return text == expression
        # Python places what follows a dot on a line of its own by that alone: "data" for `y` and, below it, `.data`
        return text.endswith(f".{expression}") and "\n" in self.module.code_for_node(node)

    def text(self, node: cst.CSTNode) -> str:
        """The source of `node` as a Trace has it: in one line, without the brackets around it, cut."""
        if isinstance(node, cst.BaseExpression) and node.lpar:
            node = node.with_changes(lpar=(), rpar=())
        if isinstance(node, Small):
            node = node.with_changes(semicolon=cst.MaybeSentinel.DEFAULT)
        return " ".join(self.module.code_for_node(node).split())[:MOST_EXPRESSION]

    def parent(self, node: cst.CSTNode) -> cst.CSTNode | None:
        """What `node` is a part of."""
        return self._parents.get(node)

    def around(self, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
        """All that `node` is inside of, nearest first."""
        at = self.parent(node)
        while at is not None:
            yield at
            at = self.parent(at)

    def statement(self, node: cst.CSTNode) -> Statement:
        """The statement that `node` is or is in."""
        if isinstance(node, cst.SimpleStatementLine):
            return node.body[0]
        found = next((each for each in (node, *self.around(node)) if isinstance(each, Statement)), None)
        if found is None:
            raise LookupError(f"no statement around {type(node).__name__}")
        return found

    def block(self, statement: Statement) -> Sequence[cst.CSTNode]:
        """The lines among which the line of `statement` is."""
        line = self.whole_line(statement)
        above = self.parent(line) if line is not None else None
        return above.body if isinstance(above, cst.Module | cst.IndentedBlock) else ()

    def whole_line(self, statement: Statement) -> Line | None:
        """The line of which `statement` is all; None where it shares one."""
        if isinstance(statement, cst.BaseCompoundStatement):
            return statement
        above = self.parent(statement)
        return above if isinstance(above, cst.SimpleStatementLine) and len(above.body) == 1 else None

    def beside(self, one: int, other: int) -> tuple[Line, Line] | None:
        """The lines `one` and `other`, or the loops and the like around them, where these stand in one block."""
        for first in self._lines_around(one):
            for second in self._lines_around(other):
                if first is not second and self._parents[first] is self._parents[second]:
                    return first, second
        return None

    def _lines_around(self, line: int) -> Iterator[Line]:
        """The line of that number, if one statement is all of it, and what is around it, inside out."""
        for statement in self.statements(line)[:1]:
            whole = self.whole_line(statement)
            if whole is not None:
                yield whole
                yield from (each for each in self.around(whole) if isinstance(each, cst.BaseCompoundStatement))

    def alias(self, module: str = "torch") -> str | None:
        """By which name the snippet has that module: "torch", "t"; None where it has none at its top level."""
        for line in self.module.body:
            for small in line.body if isinstance(line, cst.SimpleStatementLine) else ():
                if not isinstance(small, cst.Import):
                    continue
                for name in small.names:
                    if name.evaluated_alias:
                        if name.evaluated_name == module:
                            return name.evaluated_alias
                    elif name.evaluated_name.partition(".")[0] == module:
                        return module
        return None

    def with_changes(self, changes: Mapping[cst.CSTNode, Change]) -> str:
        """The source with these nodes changed."""
        unknown = {node for node in changes if node not in self._parents}
        for statement in self._all if unknown else ():
            unknown.difference_update(self.own(statement, cst.CSTNode))  # type: ignore[type-abstract]  # all kinds
        above = {each for node in changes for each in self.around(node)}
        before, touched, after = self._around(changes.keys() | above)
        changed = touched.visit(_Changer(changes, {*above, touched}))
        if isinstance(changed, cst.Module) and not changed.body:  # a module of nothing has a line end of its own
            before, changed, after = "", self.module.visit(_Changer(changes, above)), ""
        return f"{before}{changed.code}{after}" if isinstance(changed, cst.Module) else self.source

    def _around(self, touched: Set[cst.CSTNode]) -> tuple[str, cst.Module, str]:
        """The `touched` top-level lines as a module, and the source before and after them, which stays as it is.

        To write a tree as source takes long. What comes after a loop or the like may still be a part of it: only where
        a line of simple statements ends is that known.
        """
        module, body = self.module, self.module.body
        places = [at for at, line in enumerate(body) if line in touched]
        if not places or "\\\n" in self.source or "\r" in self.source:  # lines that end elsewhere than they seem to
            return "", module, ""
        first, last = places[0], places[-1]
        while first and not isinstance(body[first - 1], cst.SimpleStatementLine):
            first -= 1
        while last + 1 < len(body) and not isinstance(body[last], cst.SimpleStatementLine):
            last += 1
        begin, end = self._end_of(body[first - 1]) if first else 0, self._end_of(body[last])
        if last + 1 < len(body):
            module = module.with_changes(footer=(), has_trailing_newline=True)
        else:
            end = len(self.source)
        if first:
            module = module.with_changes(header=())
        return self.source[:begin], module.with_changes(body=body[first : last + 1]), self.source[end:]

    def _end_of(self, line: cst.CSTNode) -> int:
        """Where the physical line ends on which a line of simple statements does."""
        if not isinstance(line, cst.SimpleStatementLine):
            return 0
        end = -1
        for _ in range(self._ends[line.body[-1]]):
            end = self.source.find("\n", end + 1)
        return end + 1

    def before(
        self, statement: Statement, text: str, changes: Mapping[cst.CSTNode, Change] = _NONE
    ) -> dict[cst.CSTNode, Change]:
        """The change that puts the statement `text` before `statement`, in which there may be `changes` as well."""
        line = self.whole_line(statement)
        if line is None:
            return {statement: (*_small(text), self._changed(statement, changes))}
        first = _parsed(text).with_changes(leading_lines=line.leading_lines)
        return {line: (first, _unled(self._changed(line, changes)))}

    def _changed(self, node: Kind, changes: Mapping[cst.CSTNode, Change]) -> Kind:
        above = {each for inside in changes for each in self.around(inside)}
        return cst.ensure_type(node.visit(_Changer(changes, above)), type(node)) if changes else node

    def after(self, statement: Statement, text: str) -> dict[cst.CSTNode, Change]:
        """The change that puts the statement `text` after `statement`."""
        line = self.whole_line(statement)
        if line is None:
            return {statement: (statement, *_small(text))}
        return {line: (line, _parsed(text))}

    def without(self, statement: Statement) -> dict[cst.CSTNode, Change]:
        """The change that leaves `statement` out."""
        line = self.whole_line(statement)
        if line is None:
            return {statement: None}
        return {line: None} if len(self.block(statement)) > 1 else {line: _parsed("pass")}

    def under(self, header: str, lines: Sequence[Line]) -> dict[cst.CSTNode, Change]:
        """The change that puts `lines`, which follow one another, under a header such as `with torch.no_grad():`."""
        whole = cst.ensure_type(cst.parse_statement(f"{header}\n    pass\n"), cst.With)
        body = cst.IndentedBlock(body=(_unled(lines[0]), *lines[1:]))
        whole = whole.with_changes(leading_lines=lines[0].leading_lines, body=body)
        return {lines[0]: whole, **dict.fromkeys(lines[1:])}


@lru_cache(maxsize=8)
def tree_of(source: str) -> Tree | None:
    """The tree of `source`; None of what is no Python, or beyond these bounds."""
    if len(source) > MOST_CHARACTERS:
        return None
    try:
        tree = ast.parse(source)
        if _nested(tree) > MOST_NESTED or _brackets(source) > MOST_BRACKETS:
            return None
        return Tree(source, tree)
    except (SyntaxError, ValueError, MemoryError, RecursionError, tokenize.TokenError, cst.ParserSyntaxError):
        return None


def _nested(tree: ast.AST) -> int:
    deepest, level = 0, [tree]
    while level:
        deepest, level = deepest + 1, [child for node in level for child in ast.iter_child_nodes(node)]
    return deepest


def _brackets(source: str) -> int:
    deepest = depth = 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.OP:
            depth += (token.string in "([{") - (token.string in ")]}")
            deepest = max(deepest, depth)
    return deepest


def _statements(tree: ast.AST) -> Iterator[ast.stmt]:
    """The statements inside of `tree`, each before those inside of it."""
    for part in ast.iter_child_nodes(tree):
        if isinstance(part, ast.stmt):
            yield part
        if isinstance(part, ast.stmt | ast.excepthandler | ast.match_case):
            yield from _statements(part)


def _first_line(statement: ast.stmt) -> int:
    """Where it begins, as a step of a Trace has it: what is decorated, at its first decorator."""
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(decorator.lineno for decorator in decorators)])


def _parts(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """What of `node` holds statements or is one, in order."""
    if isinstance(node, cst.Module | cst.BaseSuite | cst.SimpleStatementLine):
        yield from node.body
    for name in ("body", "handlers", "cases", "orelse", "finalbody") if not isinstance(node, cst.BaseSuite) else ():
        part = getattr(node, name, None)
        if isinstance(part, cst.BaseSuite | cst.BaseCompoundStatement | cst.Else | cst.Finally):
            yield part
        elif name in ("handlers", "cases") and part is not None:
            yield from part


class _Changer(cst.CSTTransformer):
    def __init__(self, changes: Mapping[cst.CSTNode, Change], above: set[cst.CSTNode]) -> None:
        super().__init__()
        self._changes, self._above = changes, above

    def on_visit(self, node: cst.CSTNode) -> bool:
        return node in self._above  # the rest stays as it is

    def on_leave(  # type: ignore[override]  # one for all kinds of nodes
        self, original_node: cst.CSTNode, updated_node: cst.CSTNode
    ) -> cst.CSTNode | cst.RemovalSentinel | cst.FlattenSentinel[cst.CSTNode]:
        if original_node not in self._changes:
            return updated_node
        change = self._changes[original_node]
        if change is None:
            return cst.RemoveFromParent()
        return change if isinstance(change, cst.CSTNode) else cst.FlattenSentinel(change)


@lru_cache(maxsize=64)  # a tree never changes: one for all who put `y = y.clone()` somewhere
def _parsed(text: str) -> cst.SimpleStatementLine:
    return cst.ensure_type(cst.parse_statement(text), cst.SimpleStatementLine)


def _small(text: str) -> Sequence[Small]:
    return _parsed(text).body


def _unled(line: Line) -> Line:
    """`line` without the empty lines and comments before it."""
    return line.with_changes(leading_lines=())
