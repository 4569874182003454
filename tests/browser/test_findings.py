"""What a finding points at is there to go to, by mouse and by keyboard."""

from playwright.sync_api import expect

from tests.browser.conftest import OpenPage


def test_a_finding_leads_to_its_moment_and_lights_its_things(open_page: OpenPage) -> None:
    page = open_page("/pitfalls/graph-cut")
    finding = page.get_by_role("article", name="The graph is cut at line 6")
    finding.get_by_role("link", name="Show moment 5, line 6").press("Enter")
    expect(page.get_by_role("slider")).to_have_value("4")
    expect(page.locator(".scene .lit").first).to_be_attached()  # what the finding is about
    thing = finding.get_by_role("link", name="Light tensor A.weight", exact=True)
    thing.focus()
    ref = thing.get_attribute("data-ref")
    expect(page.locator(f'.scene [data-ref="{ref}"].lit').first).to_be_attached()


def test_the_gutter_leads_to_the_finding(open_page: OpenPage) -> None:
    page = open_page("/pitfalls/graph-cut")
    page.locator(".marks svg").last.click()
    expect(page.locator("#finding-1")).to_be_focused()


def test_the_list_of_lines_leads_to_the_finding(open_page: OpenPage) -> None:
    page = open_page("/pitfalls/graph-cut")
    page.get_by_text("Line by line").click()
    page.get_by_role("link", name="finding 1", exact=True).press("Enter")
    expect(page.locator("#finding-1")).to_be_focused()
