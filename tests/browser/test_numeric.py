"""The numeric check and errors that are not autograd's, as a reader meets them."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.test_access import overflow, violations
from tests.browser.test_bench import run, write

STRAIGHT = (
    "import torch\na = torch.tensor([1., 2., 3.], requires_grad=True)\n"
    "b = (a.round() - a).detach() + a\nb.pow(2).sum().backward()"
)
MISMATCH = (
    f"import torch\n{'n' * 100} = torch.ones(3, 5)\nfc = torch.nn.Linear(4, 2)\n"
    f"def step(x):\n    return fc(x)\nstep({'n' * 100})"
)


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1440, "light")])
def test_a_press_checks_the_run_and_leaves_the_editor_alone(visit: OpenPage, width: int, scheme: str) -> None:
    page = visit("/", width=width, color_scheme=scheme, bypass_csp=True)
    write(page, STRAIGHT)
    run(page)
    write(page, "# something else")
    button = page.get_by_role("button", name="Check the gradients numerically")
    button.press("Enter")
    table = page.get_by_role("region", name="Numeric check of a").get_by_role("table")
    expect(table.get_by_role("row").nth(2)).to_have_text("[1]40disagree")
    expect(page.locator("#announcement")).to_have_text("Backward and the program disagree for a.")
    expect(button).to_be_focused()
    expect(page.locator("#source")).to_have_value("# something else")
    assert violations(page) == []
    assert overflow(page) <= 0


def test_an_error_leads_to_its_lines(visit: OpenPage) -> None:
    page = visit("/", width=390, bypass_csp=True)
    write(page, MISMATCH)
    run(page)
    expect(page.get_by_role("heading", name="has 5 features, and the layer takes 4")).to_be_visible()
    way = page.get_by_role("list", name="The way to it").get_by_role("listitem")
    expect(way.nth(0)).to_have_text("in step, line 5: return fc(x)")
    expect(way.nth(1)).to_contain_text("called at the top, line 6: step(nnn")
    assert violations(page) == []
    assert overflow(page) <= 0
