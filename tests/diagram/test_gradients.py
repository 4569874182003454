"""Gradients as rows: numbers, a picture of them, or the fact that says why there are none."""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.diagram.film import Film
from app.diagram.gradient_pictures import Picture, picture
from app.diagram.gradient_reasons import RULES
from app.diagram.gradients import Contrast, Gradients, draw_gradients
from app.explain.contrast import contrast
from app.trace.history import History
from app.trace.model import Scalar, Summary, Trace, Values
from tests.tracing import reference_of, trace_of

HIDDEN = """\
import torch
a = torch.tensor([1., 2., 3.], requires_grad=True)
out = a.sigmoid()
c = out.data
c.zero_()
out.sum().backward()
"""


def values(*flat: Scalar, shape: Sequence[int] = ()) -> Values:
    return Values(shape=tuple(shape) or (len(flat),), dtype="float32", flat=flat)


def drawn(picture_of: Picture | None) -> Picture:
    assert picture_of is not None
    for plate in picture_of.plates:
        assert 0 <= plate.x <= plate.x + plate.width <= picture_of.width + 0.1
        assert 0 <= plate.y <= plate.y + plate.height <= picture_of.height + 0.1
    return picture_of


def gradients_of(trace: Trace, contrasts: Iterable[Contrast] = ()) -> tuple[Gradients, Film]:
    history = History(trace)
    film = Film(range(1, history.moments.count + 1))
    return draw_gradients(history, film, contrasts), film


def rendered(gradients: Gradients, film: Film, moment: int | None = None) -> BeautifulSoup:
    loader = FileSystemLoader(Path(__file__).parents[2] / "templates")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    macro = environment.get_template("macros/gradient_rows.html").module.gradients  # type: ignore[attr-defined]  # a macro
    page = BeautifulSoup(str(macro(gradients, film.still(moment))), "html.parser")
    for place in page.find_all("wbr"):  # where a name may break: it parts no words
        place.unwrap()
    page.smooth()
    return page


# why there is none

LEAF = "import torch\nx = torch.ones(2, requires_grad=True)\n"


@pytest.mark.parametrize(
    ("source", "key", "words"),
    [
        ("y = x * 2\n", "no-backward", "None: no backward ran."),
        (
            "w = torch.ones(2, requires_grad=True)\n(w * 2).sum().backward()\n",
            "unused",
            "None: no recorded operator used it.",
        ),
        (
            "w = torch.ones(2, requires_grad=True)\ny = x * 2\n(w * 2).sum().backward()\n",
            "not-reached",
            "None: the backward on line 5 did not reach it.",
        ),
        (
            "w = torch.ones(2, requires_grad=True)\ny = x * 2\n(w * y.detach()).sum().backward()\n",
            "cut",
            "None: its values left the graph on line 5 by detach, and backward came no further.",
        ),
        (
            "w = torch.ones(2, requires_grad=True)\n(w * x.data).sum().backward()\n",
            "cut",
            "None: its values left the graph on line 4 by .data, and backward came no further.",
        ),
        (
            "g, = torch.autograd.grad((x * 2).sum(), x)\n",
            "returned",
            "None: autograd.grad on line 3 returned its gradient and left .grad alone.",
        ),
        (
            "w = torch.ones(2, requires_grad=True)\n(w * x).sum().backward(inputs=[w])\n",
            "others-asked",
            "None: line 4 asked for the gradients of other tensors.",
        ),
        (
            "(x * 2).sum().backward()\nx.grad = None\n",
            "cleared",
            "None: line 3 gave it one, and it was set to None afterwards.",
        ),
        (
            "y = x.exp()\ny.add_(1)\ny.sum().backward()\n",
            "refused",
            "None: the backward on line 5 was refused before it came here.",
        ),
    ],
)
def test_why_a_leaf_has_no_gradient(source: str, key: str, words: str) -> None:
    rows = {row.names[0]: row for row in gradients_of(trace_of(LEAF + source))[0].rows}
    why = rows["x"].why
    assert why is not None
    assert (why.key, why.words) == (key, words)
    assert why.rule == RULES[why.key]
    assert rows["x"].lines == ()


def test_a_frozen_parameter_says_so_and_a_leaf_that_asks_for_none_is_only_named() -> None:
    source = "import torch\nm = torch.nn.Linear(2, 1)\nm.bias.requires_grad = False\nx = torch.ones(1, 2)\ny = m(x)\n"
    gradients, _ = gradients_of(trace_of(f"{source}y.sum().backward()\n"))
    rows = {row.names[0]: row for row in gradients.rows}
    assert rows["m.bias"].why is not None
    assert rows["m.bias"].why.key == "frozen"
    assert rows["m.weight"].why is None
    assert (gradients.unasked, gradients.non_leaves) == (("x",), ("y",))


def test_names_of_one_tensor_share_a_row() -> None:
    gradients, _ = gradients_of(trace_of(f"{LEAF}y = x\n(x * y).sum().backward()\n"))
    assert [row.names for row in gradients.rows] == [("x", "y")]


def test_every_reason_that_names_a_rule_names_one_of_the_pitfalls() -> None:
    assert {rule for rule in RULES.values() if rule} <= {
        "frozen-leaf",
        "leaf-rebound",
        "saved-tensor-overwritten",
        "leaf-without-gradient",
        "graph-cut",
    }


# what it is


def test_a_hidden_write_gives_three_rows_on_one_scale() -> None:
    trace = trace_of(HIDDEN)
    (row,) = gradients_of(trace, contrast(trace, reference_of(HIDDEN)))[0].rows
    assert [line.words for line in row.lines] == ["in this run", "with the values that were saved", "≠ off by"]
    texts = [[cell.text for cell in line.cells.flat] for line in row.lines]
    assert texts == [["0", "0", "0"], ["0.1966", "0.1050", "0.0452"], ["−0.1966", "−0.1050", "−0.0452"]]
    assert row.wrong
    got, intact, off = (drawn(line.picture) for line in row.lines)
    assert got.plates == ()
    heights = [plate.height for plate in intact.plates]
    assert heights[0] == intact.height
    assert heights == [plate.height for plate in off.plates]
    assert {plate.kind for plate in off.plates} == {"bar negative"}


def test_bars_point_up_and_down_from_zero() -> None:
    bars = drawn(picture(values(2.0, -1.0, 0.0), 2.0))
    up, down = bars.plates
    assert up.y + up.height == down.y == 15
    assert up.height == 2 * down.height
    assert bars.words == "Bars: 1 positive, 1 negative, 1 zero"


def test_what_is_not_finite_is_marked_and_does_not_set_the_scale() -> None:
    bars = drawn(picture(values("nan", 1.0, "inf"), 1.0))
    assert [plate.kind for plate in bars.plates] == ["bar not-finite", "bar", "bar not-finite"]
    assert bars.words.endswith("2 not finite")


def test_a_matrix_is_a_heat_map_with_a_dash_on_what_is_negative() -> None:
    heat = drawn(picture(values(1.0, -1.0, 0.1, -0.1, 0.0, 0.5, shape=(2, 3)), 1.0))
    assert heat.form == "heat"
    assert {area.kind: area.path.count("M") for area in heat.areas} == {"v0": 1, "v1": 2, "v2": 1, "v3": 1}
    assert heat.areas[3].path == "M0 0h23.5v11.5h-23.5z"  # the two strongest stand side by side
    assert heat.rule.count("M") == 2


def test_many_numbers_are_a_histogram_of_all_of_them() -> None:
    histogram = drawn(picture(values(*(math.sin(at) for at in range(300))), 1.0))
    assert histogram.form == "histogram"
    assert len(histogram.plates) == 12
    assert max(plate.height for plate in histogram.plates) == histogram.height


def test_what_is_only_summed_up_is_a_range_with_its_mean() -> None:
    summary = Summary(min=-1.0, max=3.0, mean=0.0, zeros=0, not_finite=0)
    found = drawn(picture(Values(shape=(100, 100), dtype="float32", summary=summary), 3.0))
    assert found.form == "range"
    assert found.plates[1].x == pytest.approx(0.25 * 93, abs=0.1)
    nothing = Summary(min=None, max=None, mean=None, zeros=0, not_finite=10_000)
    assert picture(Values(shape=(100, 100), dtype="float32", summary=nothing), 0.0) is None


@pytest.mark.parametrize("flat", [(), (0.0,), (0.0, 0.0), (1e308, -1e308), (float(2**62), 1e-300), ("nan",)])
def test_odd_numbers_draw_without_trouble(flat: tuple[Scalar, ...]) -> None:
    for shape in ((len(flat),), (1, len(flat)), (len(flat), 1)):
        found = picture(values(*flat, shape=shape), max((abs(x) for x in flat if isinstance(x, float)), default=0.0))
        assert (found is None) == (not flat)
    many = flat * 40
    picture(values(*many), 1.0)


def test_complex_gradients_have_a_row() -> None:
    source = "import torch\nz = torch.ones(2, dtype=torch.complex64, requires_grad=True)\n"
    (row,) = gradients_of(trace_of(f"{source}(z * z.conj()).real.sum().backward()\n"))[0].rows
    assert [cell.text for cell in row.lines[0].cells.flat] == ["2+0j", "2+0j"]
    drawn(row.lines[0].picture)


def test_a_page_carries_only_so_many_heat_maps() -> None:
    layers = "torch.nn.Sequential(*[torch.nn.Linear(30, 30) for _ in range(6)])"
    gradients, _ = gradients_of(trace_of(f"import torch\nm = {layers}\nm(torch.ones(1, 30)).sum().backward()\n"))
    forms = [line.picture.form for row in gradients.rows for line in row.lines if line.picture]
    assert forms.count("heat") == 3
    assert forms.count("histogram") == 9


# at a moment

GROWS = """\
import torch
w = torch.tensor([1., 2.], requires_grad=True)
(w * w).sum().backward()
(w * 3).sum().backward()
w.grad = None
(w * 5).sum().backward()
"""


def test_a_gradient_fills_and_goes_with_the_moments() -> None:
    trace = trace_of(GROWS)
    gradients, film = gradients_of(trace)
    starts = {step.line: step.moment for step in trace.steps}

    def shown(moment: int) -> tuple[list[str], str]:
        row = rendered(gradients, film, moment).select_one("tr.got")
        assert row is not None
        said = row.select_one(".instead")
        assert said is not None
        return [cell.text for cell in row.select(".number") if cell.text], said.text

    assert shown(starts[2]) == ([], "None yet")
    assert shown(starts[3]) == ([], "None yet")  # the line has begun; its nodes have moments of their own
    assert shown(starts[4] - 1) == (["2", "4"], "")
    assert shown(starts[5] - 1) == (["5", "7"], "")
    assert shown(starts[5]) == ([], "None")
    assert shown(film.stops[-1]) == (["5", "5"], "")


def test_what_holds_at_the_end_waits_for_the_end() -> None:
    trace = trace_of(HIDDEN)
    gradients, film = gradients_of(trace, contrast(trace, reference_of(HIDDEN)))
    early, end = (rendered(gradients, film, moment) for moment in (3, film.stops[-1]))
    assert [row["class"] for row in early.select("tr.intact, tr.off")] == [["intact", "ahead"], ["off", "ahead"]]
    assert not end.select(".ahead")
    cut, film = gradients_of(trace_of(f"{LEAF}y = x * 2\n"))
    early, end = (rendered(cut, film, moment) for moment in (2, film.stops[-1]))
    assert [tag.text for tag in early.select("[data-reason] span:not(.ahead)")] == ["None yet"]
    assert [tag.text for tag in end.select("[data-reason] span:not(.past)")] == ["None: no backward ran."]


# as a page


def test_the_table_says_what_the_pictures_show() -> None:
    trace = trace_of(HIDDEN)
    page = rendered(*gradients_of(trace, contrast(trace, reference_of(HIDDEN))))
    rows = [[cell.get_text(" ", strip=True) for cell in row.select("th, .number")] for row in page.select("tbody tr")]
    assert rows == [
        ["a.grad in this run", "0", "0", "0"],
        ["with the values that were saved", "0.1966", "0.1050", "0.0452"],
        ["≠ off by", "−0.1966", "−0.1050", "−0.0452"],
    ]
    assert all(svg["role"] == "img" and svg["aria-label"] for svg in page.find_all("svg"))
    assert page.select_one("code[data-ref=t0]") is not None


def test_names_are_shown_as_text() -> None:
    source = "import torch\nglobals()['<img src=x onerror=alert(1)>'] = torch.ones(2, requires_grad=True)\n"
    page = rendered(*gradients_of(trace_of(source)))
    assert not page.find_all("img")
    assert "<img src=x onerror=alert(1)>.grad" in page.get_text()


def test_a_run_without_leaves_says_so() -> None:
    assert "No leaf here wants a gradient." in rendered(*gradients_of(trace_of("x = 1"))).get_text()
