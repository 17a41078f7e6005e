"""The page Deliveries desk as the desk meets it: a real browser, a real server, a real database."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from streamlit_app.pages_.deliveries import desk
from tests.app.published.deliveries import (
    PSEUDONYM,
    RISKIEST,
    RISKIEST_AT,
    SECOND,
    desk_dsn,
    fill_deliveries,
    fill_segments,
)
from tests.app.published.parcels import fill, yesterday
from tests.app.published.server import Published
from tests.app.screen import view_of
from tests.browser.conftest import (
    Served,
    choose,
    choose_language,
    fits_a_phone,
    fits_the_width,
    hosts_asked,
    labelled,
    reached_by_tab,
    serving,
    text,
    title_of,
)

pytestmark = [pytest.mark.browser, pytest.mark.slow]

REGION, SHIPPER = RISKIEST_AT
NAME = "São Paulo"
PAGE, CUSTOMERS = "deliveries", "customers"
# Elements of the list and of the order's page that can be reached and have no name to be read out.
NAMELESS = """
    () => [...document.querySelectorAll(
        '.fp-orders, .fp-orders button, .fp-orders table, [class*="st-key-order-page"] button,'
        + '[class*="st-key-order-page"] input, [class*="st-key-order-page"] textarea,'
        + '[class*="st-key-order-page"] ul.fp-days'
    )].filter((part) => !(
        part.ariaLabel || part.labels?.length || part.querySelector("caption")
        || (part.tagName === "BUTTON" && part.innerText.trim())
    )).map((part) => part.outerHTML.slice(0, 200))
"""


@pytest.fixture(scope="module")
def served(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The app over some hundred orders that were followed until now."""

    def make(published: Published) -> dict[str, str]:
        now = datetime.now(UTC)
        fill(published.admin_dsn, yesterday(), days=90, issues=2)
        fill_deliveries(published.admin_dsn, now, orders=400)
        fill_segments(published.admin_dsn, now.date().replace(day=1))
        return {desk.DSN_VARIABLE: desk_dsn(published)}

    with serving(tmp_path_factory.mktemp("streamlit"), make) as ready:
        yield ready


@pytest.fixture(autouse=True)
def _nothing_done(served: Served) -> None:
    served.published.change("truncate ops.desk_actions")


def _tile(page: Page, title: str) -> Locator:
    return page.locator(".fp-tile", has_text=title).locator(".fp-value")


def _rows(page: Page) -> Locator:
    return page.locator(".fp-orders tbody tr")


def test_the_desk_opens_the_riskiest_order_of_a_region_and_carrier_and_resolves_it(
    page: Page, served: Served
) -> None:
    page.goto(f"{served.address}/deliveries?lang=en")
    expect(title_of(page, PAGE)).to_be_visible()
    choose(page, labelled(PAGE, "centre"), NAME)
    page.wait_for_url(re.compile(rf"[?&]region={REGION}(&|$)"))
    expect(page.get_by_role("heading", name=re.compile(f"^{NAME}, "))).to_be_visible()
    choose(page, labelled(PAGE, "shipper"), SHIPPER)
    expect(page.get_by_role("heading", name=re.compile(f"^{NAME}, {SHIPPER}, "))).to_be_visible()
    (before,) = served.published.row(
        "select sum(open_high_risk)::int from published.delivery_performance"
        " where centre_id = %s and shipper = %s"
        " and day >= (select max(day) - 90 from published.delivery_performance)",
        *(REGION, SHIPPER),
    )
    assert before >= 2
    acting = _tile(page, text(PAGE, "kpi.act"))
    expect(acting).to_have_text(str(before))
    expect(_rows(page)).to_have_count(min(before, 25))

    riskiest = _rows(page).first
    expect(riskiest).to_contain_text("97%")
    riskiest.locator("td").nth(3).click()
    page.wait_for_url(re.compile(rf"[?&]order={RISKIEST}(&|$)"))
    opened = page.locator('[class*="st-key-order-page"]')
    expect(
        opened.get_by_role("heading", name=text(PAGE, "order.title", order=RISKIEST))
    ).to_be_in_viewport()
    reason = text(PAGE, "past.late", of=text(PAGE, "past_of.carrier")).capitalize()
    expect(opened).to_contain_text(text(PAGE, "order.why.strong", what=reason))
    for step in ("placed", "paid", "approved", "handed_over", "promised"):
        expect(opened.get_by_text(text(PAGE, f"life.{step}"), exact=True)).to_be_visible()
    expect(riskiest.get_by_role("button")).to_have_attribute("aria-expanded", "true")

    opened.get_by_label(text(PAGE, "order.author")).fill("Ana")
    opened.get_by_label(text(PAGE, "order.note"), exact=True).fill("Called the carrier")
    opened.get_by_role("button", name=text(PAGE, "order.act.resolve")).click()
    expect(opened.get_by_text(text(PAGE, "order.done.resolve"))).to_be_visible()
    expect(acting).to_have_text(str(before - 1))
    expect(_rows(page).first.get_by_role("button")).to_have_text(SECOND)
    expect(opened).to_contain_text("Called the carrier")
    expect(opened.get_by_label(text(PAGE, "order.author"))).to_have_value("Ana")
    written = served.published.rows("select order_id, action, note, author from ops.desk_actions")
    assert written == [(RISKIEST, "resolve", "Called the carrier", "Ana")]

    opened.get_by_role("button", name=text(PAGE, "order.act.reopen")).click()
    expect(acting).to_have_text(str(before))


def test_an_order_is_opened_with_the_keyboard_which_keeps_its_place(
    page: Page, served: Served
) -> None:
    page.goto(f"{served.address}/deliveries?lang=en&show=open")
    expect(_rows(page).first).to_be_visible()
    expect(page.locator(".js-plotly-plot").nth(2)).to_be_visible()
    label = text(PAGE, "list.open", order=RISKIEST)
    reached = reached_by_tab(page, until=label)
    for key in ("centre", "shipper", "category", "placed", "show"):
        assert text(PAGE, key) in reached
    assert label in reached
    page.keyboard.press("Enter")
    title = text(PAGE, "order.title", order=RISKIEST)
    expect(page.get_by_role("heading", name=title)).to_be_visible()
    assert page.evaluate("document.activeElement.ariaLabel") == label


def test_the_list_is_a_table_that_is_named_and_headed(page: Page, served: Served) -> None:
    page.goto(f"{served.address}/deliveries?lang=fr")
    table = page.get_by_role("table", name=text(PAGE, "list.name", "fr"))
    expect(table).to_be_visible()
    headings = table.get_by_role("columnheader")
    expect(headings).to_have_count(9)
    for heading in headings.all():
        assert heading.get_attribute("scope") == "col" and heading.inner_text().strip()
    buttons = table.get_by_role("button")
    assert buttons.count() == _rows(page).count()
    expect(buttons.first).to_have_accessible_name(text(PAGE, "list.open", "fr", order=RISKIEST))
    expect(page.locator(".fp-tiles")).to_have_attribute(
        "aria-label", re.compile(text(PAGE, "all_centres", "fr"))
    )
    page.goto(f"{served.address}/deliveries?lang=fr&order={RISKIEST}")
    expect(page.get_by_role("textbox", name=text(PAGE, "order.author", "fr"))).to_be_visible()
    expect(
        page.get_by_role("textbox", name=text(PAGE, "order.note", "fr"), exact=True)
    ).to_be_visible()
    assert page.evaluate(NAMELESS) == []
    expect(page.locator("html")).to_have_attribute("lang", "fr")


def test_the_downloaded_list_is_the_one_shown(page: Page, served: Served, tmp_path: Path) -> None:
    page.goto(f"{served.address}/deliveries?lang=en&region={REGION}")
    expect(_rows(page).first).to_be_visible()
    with page.expect_download() as download:
        page.locator(".st-key-orders-csv button").click()
    path = tmp_path / "orders.csv"
    download.value.save_as(path)
    rows = list(csv.DictReader(path.open(encoding="utf-8")))
    shown = [row.get_attribute("data-order") for row in _rows(page).all()]
    assert [row["order_id"] for row in rows][: len(shown)] == shown
    assert {row["centre_id"] for row in rows} == {REGION}


@pytest.mark.parametrize("path", [f"deliveries?lang=fr&order={RISKIEST}", "customers?lang=fr"])
def test_a_phone_shows_the_pages_without_scrolling_sideways(
    page: Page, served: Served, path: str
) -> None:
    assert fits_a_phone(page, f"{served.address}/{path}", plots=2)
    if "order" in path:
        expect(page.locator('[class*="st-key-order-page"]')).to_be_visible()
        assert fits_the_width(page)


@pytest.mark.parametrize("path", [f"deliveries?lang=en&order={RISKIEST}", "customers?lang=en"])
def test_the_pages_ask_no_other_machine_for_anything_and_name_no_customer(
    page: Page, served: Served, path: str
) -> None:
    hosts = hosts_asked(page)
    page.goto(f"{served.address}/{path}")
    expect(page.locator(".js-plotly-plot").nth(1)).to_be_visible()
    assert hosts == {"127.0.0.1"}
    assert PSEUDONYM not in page.content()


def test_groups_of_customers_are_read_in_both_languages(page: Page, served: Served) -> None:
    page.goto(f"{served.address}/customers?lang=en")
    page.get_by_text(text(CUSTOMERS, "choice")).click()
    expect(page.get_by_text("Jaccard")).to_be_visible()
    for language in ("en", "fr"):
        choose_language(page, language)
        view = view_of(CUSTOMERS, language)
        expect(title_of(page, CUSTOMERS, language)).to_be_visible()
        expect(page.get_by_text(view.text("group.count", n="412"))).to_be_visible()
        expect(page.get_by_text(view.text("group.hidden", n="10"))).to_be_visible()
