"""Values as cells."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.diagram.cells import cells_of, level, row_of
from app.trace.figures import exact, number, numbers
from app.trace.model import Scalar, Values
from tests.builders import values


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.19661193, "0.1966"),
        (-0.19661193, "−0.1966"),
        (1.0, "1"),
        (-2, "−2"),
        (True, "True"),
        (0.0, "0"),
        (-0.0, "0"),
        (12345.678, "12346"),
        (123456789, "1.235e8"),
        (1e-30, "1e−30"),
        (-1.5e-7, "−1.5e−7"),
        ("nan", "nan"),
        ("inf", "∞"),
        ("-inf", "−∞"),
        ((1.0, -2.0), "1−2j"),
        ((0.5, "nan"), "0.5+nanj"),
    ],
)
def test_numbers_in_four_digits(value: Scalar, text: str) -> None:
    assert number(value) == text


def test_numbers_of_one_row_share_their_decimals_unless_that_costs_digits() -> None:
    assert numbers([0.19661193, 0.10499359, 0.04517666]) == ["0.1966", "0.1050", "0.0452"]
    assert numbers([1.5, 0.0000002]) == ["1.5", "2e−7"]
    assert numbers([1.0, 2.0]) == ["1", "2"]


@settings(derandomize=True)
@given(st.floats(min_value=-1e300, max_value=1e300))
def test_a_number_is_near_what_it_says(value: float) -> None:
    said = float(number(value).replace("−", "-"))
    assert said == pytest.approx(value, rel=6e-4, abs=1e-320)


@pytest.mark.parametrize(
    ("shape", "form"),
    [
        *(((), "row"), ((3,), "row"), ((20,), "row")),
        *(((2, 3), "grid"), ((8, 8), "grid"), ((2, 3, 4), "grid")),
        *(((9, 4), "heat"), ((30, 30), "heat"), ((33, 2), "summary"), ((0,), "nothing")),
    ],
)
def test_which_form(shape: tuple[int, ...], form: str) -> None:
    assert cells_of(values(*range(math.prod(shape)), shape=shape)).form == form


def test_a_long_row_shows_its_first_three_and_last_two() -> None:
    cells = row_of(values(*range(20)))
    assert [cell.text for cell in cells.flat] == ["0", "1", "2", "18", "19"]
    assert cells.gap_after == 3
    assert "20 elements" in cells.words


def test_what_is_too_large_to_list_is_summed_up() -> None:
    cells = cells_of(Values(shape=(64, 64), dtype="float32"))
    assert (cells.form, cells.words) == ("summary", "64 × 64")


@pytest.mark.parametrize(("one", "other"), [((0.0,), (-0.0,)), ((1,), (1.0,)), ((True,), (1,)), ((1.0, 2.0), (1.0, 2))])
def test_what_is_equal_but_said_otherwise_is_not_mixed_up(one: tuple[Scalar, ...], other: tuple[Scalar, ...]) -> None:
    for flat in (one, other, one):
        found = cells_of(values(*flat)).flat
        assert [cell.exact for cell in found] == [exact(value) for value in flat]
        assert [cell.text for cell in found] == numbers(flat)


def test_changed_cells_keep_what_they_held() -> None:
    cells = cells_of(values(0.0, 2.0), saved=values(0.5, 2.0)).flat
    assert [(cell.changed, cell.was) for cell in cells] == [(True, "0.5"), (False, None)]


@pytest.mark.parametrize(
    ("value", "expected"), [(0.0, 0), (1.0, 1), (6.0, 2), (-10.0, 3), ("nan", 0), ("inf", 3), ((6.0, 8.0), 3)]
)
def test_strength_is_by_magnitude(value: Scalar, expected: int) -> None:
    assert level(value, 10.0) == expected
