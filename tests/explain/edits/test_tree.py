"""Only the lines that change are written anew: the source comes out as if all of the tree had been."""

import libcst as cst
import pytest

from app.explain.edits.tree import tree_of

SOURCES = [
    "import torch\nx = 1\ny = 2\n",
    "x = 1\ny = 2",
    "# first\n\nimport torch\n\n# of x\nx = 1  # one\n\n\ny = 2; z = 3;\n# last\n",
    "x = 1\nfor a in b:\n    y = 2\n    z = 3\n    # of the loop\n  # and of nothing\n\nz = 4\nif z:\n    z = 5\n",
    "def f():\n\tx = '''\n\n'''\n\treturn x\nf()\nx = f'''\na'''\ny = (1,\n     2)\nz = 3",
    "x = 1; y = 2 \\\n\nz = 3\nw = 4 \\\n  + 5\nv = 6\n",
    "x = '\x0c\u2028'\r\ny = 2\rz = 3\nw = 4\n",
    "with a: b\nc\nwith d: e\n",
]


@pytest.mark.parametrize("source", SOURCES)
def test_the_rest_of_the_source_stays(source: str) -> None:
    tree = tree_of(source)
    assert tree is not None
    for line in range(1, source.count("\n") + 2):
        for statement in tree.statements(line):
            whole = tree.whole_line(statement)
            if whole is not None and len(tree.block(statement)) > 1:
                without = cst.ensure_type(tree.module.deep_remove(whole), cst.Module)
                assert tree.with_changes({whole: None}) == without.code
            for each in tree.module.body:
                again = each.with_changes(leading_lines=())
                replaced = cst.ensure_type(tree.module.deep_replace(each, again), cst.Module)
                assert tree.with_changes({each: again}) == replaced.code
            assert tree.with_changes({statement: statement}) == source
