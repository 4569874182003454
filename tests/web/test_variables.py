"""The panel of variables: its bounds, and what it says of names of all kinds."""

from app.diagram.film import Film
from app.trace.history import History
from app.web.variables import MOST_FRAMES, MOST_ROWS, Variables, variables_of
from tests.tracing import trace_of


def panel_of(source: str) -> tuple[Variables, Film]:
    history = History(trace_of(source))
    film = Film(range(1, history.moments.count + 1))
    return variables_of(history, film), film


def rows_at(panel: Variables, film: Film, moment: int | None = None) -> dict[str, list[str]]:
    now = film.still(moment).now
    return {
        row.name: [now[row.value], now[row.storage], now[row.version], now[row.made_by]]
        for scope in panel.scopes
        if not now[scope.gone]
        for row in scope.rows
        if not now[row.gone]
    }


def test_names_come_change_and_go() -> None:
    panel, film = panel_of("import torch\nx = torch.ones(2)\nx.add_(1)\nx = x * 3\ndel x\ny = 1\n")
    assert [rows_at(panel, film, moment) for moment in range(1, 7)] == [
        {},
        {"x": ["1 1", "S0", "0", "no history"]},
        {"x": ["2 2", "S0", "1", "no history"]},
        {"x": ["6 6", "S1", "0", "no history"]},
        {},
        {"y": ["1", "", "", ""]},
    ]


def test_parameters_large_tensors_and_what_is_no_tensor() -> None:
    panel, film = panel_of("import torch\nm = torch.nn.Linear(3, 2)\nm.bias.requires_grad = False\nn = 'text'\n")
    rows = rows_at(panel, film)
    assert rows["m.weight"] == ["2 × 3", "S0", "1", "parameter, requires grad"]
    assert rows["m.bias"][3] == "parameter, frozen"
    assert rows["m"][0] == "Linear"
    assert rows["n"][0] == "'text'"


def test_calls_of_one_function_share_a_frame() -> None:
    panel, film = panel_of("def f(n):\n    m = n + 1\n    return m\nfor i in range(5):\n    f(i)\n")
    assert [scope.title for scope in panel.scopes] == ["top level", "f"]
    seen = [rows_at(panel, film, moment).get("m", [""])[0] for moment in film.stops]
    assert [value for value in seen if value] == [value for n in range(1, 6) for value in [str(n)] * seen.count(str(n))]
    assert seen[-1] == ""


def test_calls_inside_calls_stand_side_by_side() -> None:
    panel, film = panel_of("def f(n):\n    return f(n - 1) if n else 0\nf(3)\n")
    assert [scope.title for scope in panel.scopes] == ["top level", *["f"] * 4]
    assert panel.path is not None
    paths = {film.still(moment).now[panel.path] for moment in film.stops}
    assert "top level, line 3 → f, line 2 → f, line 2 → f, line 2 → f, line 2" in paths


def test_what_is_left_out_is_said() -> None:
    many = "\n".join(f"n{at} = {at}" for at in range(MOST_ROWS + 5))
    panel, _ = panel_of(f"{many}\n")
    assert sum(len(scope.rows) for scope in panel.scopes) == MOST_ROWS
    assert panel.left_out == f"Left out: 5 names; of at most {MOST_FRAMES} functions {MOST_ROWS} names are listed."
    deep, _ = panel_of(f"def f(n):\n    return f(n - 1) if n else 0\nf({MOST_FRAMES + 10})\n")
    assert len(deep.scopes) == MOST_FRAMES
    assert "12 functions" in deep.left_out
