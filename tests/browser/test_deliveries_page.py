"""The page Deliveries desk as the desk meets it: a real browser, a real server, a real database."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from streamlit_app import desk
from tests.app.deliveries_fixture import (
    PSEUDONYM,
    RISKIEST,
    RISKIEST_AT,
    SECOND,
    desk_dsn,
    fill_deliveries,
    fill_segments,
)
from tests.app.published_fixture import Server, fill, running_app, yesterday
from tests.browser.conftest import WAIT_MS, Served

pytestmark = pytest.mark.browser

expect.set_options(timeout=WAIT_MS)

REGION, SHIPPER = RISKIEST_AT
NAME = "São Paulo"
# Whatever can be reached in the list and on the order's page, and has no name to be read out.
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
    server = Server()
    try:
        published = server.start()
        fill(published.admin_dsn, yesterday(), days=90, issues=2)
        fill_deliveries(published.admin_dsn, datetime.now(UTC), orders=400)
        fill_segments(published.admin_dsn, datetime.now(UTC).date().replace(day=1))
        log = tmp_path_factory.mktemp("streamlit") / "streamlit.log"
        given = {desk.DSN_VARIABLE: desk_dsn(published)}
        with running_app(published.dashboard_dsn, log, **given) as address:
            yield Served(address, published, server)
    finally:
        server.remove()


@pytest.fixture(autouse=True)
def _nothing_done(served: Served) -> None:
    with psycopg.connect(served.published.admin_dsn) as connection:
        connection.execute("truncate ops.desk_actions")


def _choose(page: Page, label: str, text: str) -> None:
    page.get_by_role("combobox", name=re.compile(re.escape(label))).click()
    page.get_by_role("option", name=text, exact=True).click()


def _tile(page: Page, title: str) -> Locator:
    return page.locator(".fp-tile", has_text=title).locator(".fp-value")


def _rows(page: Page) -> Locator:
    return page.locator(".fp-orders tbody tr")


def test_the_desk_opens_the_riskiest_order_of_a_region_and_carrier_and_resolves_it(
    page: Page, served: Served
) -> None:
    page.goto(f"{served.address}/deliveries?lang=en")
    expect(page.get_by_role("heading", name="Deliveries desk", exact=True)).to_be_visible()
    _choose(page, "Region", NAME)
    page.wait_for_url(re.compile(rf"[?&]region={REGION}(&|$)"))
    expect(page.get_by_role("heading", name=re.compile(f"^{NAME}, "))).to_be_visible()
    _choose(page, "Carrier or seller", SHIPPER)
    expect(page.get_by_role("heading", name=re.compile(f"^{NAME}, {SHIPPER}, "))).to_be_visible()
    with psycopg.connect(served.published.dashboard_dsn) as connection:
        row = connection.execute(
            "select sum(open_high_risk)::int from published.delivery_performance"
            " where centre_id = %s and shipper = %s"
            " and day >= (select max(day) - 90 from published.delivery_performance)",
            [REGION, SHIPPER],
        ).fetchone()
    assert row is not None and row[0] >= 2
    before = int(row[0])
    acting = _tile(page, "High risk, to act on")
    expect(acting).to_have_text(str(before))
    expect(_rows(page)).to_have_count(min(before, 25))

    riskiest = _rows(page).first
    expect(riskiest).to_contain_text("97%")
    riskiest.locator("td").nth(3).click()
    page.wait_for_url(re.compile(rf"[?&]order={RISKIEST}(&|$)"))
    opened = page.locator('[class*="st-key-order-page"]')
    expect(opened.get_by_role("heading", name=f"Order {RISKIEST}")).to_be_in_viewport()
    expect(opened).to_contain_text("Past lateness (carrier): a lot")
    for step in ("Placed", "Paid", "Approved", "Handed to the carrier", "Promised for"):
        expect(opened.get_by_text(step, exact=True)).to_be_visible()
    expect(riskiest.get_by_role("button")).to_have_attribute("aria-expanded", "true")

    opened.get_by_label("Your name").fill("Ana")
    opened.get_by_label("Note").fill("Called the carrier")
    opened.get_by_role("button", name="Mark as resolved").click()
    expect(opened.get_by_text("Order resolved")).to_be_visible()
    expect(acting).to_have_text(str(before - 1))
    expect(_rows(page).first.get_by_role("button")).to_have_text(SECOND)
    expect(opened).to_contain_text("Called the carrier")
    expect(opened.get_by_label("Your name")).to_have_value("Ana")
    with psycopg.connect(served.published.admin_dsn) as connection:
        written = connection.execute(
            "select order_id, action, note, author from ops.desk_actions"
        ).fetchall()
    assert written == [(RISKIEST, "resolve", "Called the carrier", "Ana")]

    opened.get_by_role("button", name="Reopen").click()
    expect(acting).to_have_text(str(before))


def test_an_order_is_opened_with_the_keyboard_which_keeps_its_place(
    page: Page, served: Served
) -> None:
    page.goto(f"{served.address}/deliveries?lang=en&show=open")
    expect(_rows(page).first).to_be_visible()
    expect(page.locator(".js-plotly-plot").nth(2)).to_be_visible()
    reached = ""
    for _ in range(60):
        page.keyboard.press("Tab")
        reached += page.evaluate(
            "(document.activeElement.ariaLabel || '') + document.activeElement.innerText + '|'"
        )
        if f"Open order {RISKIEST}" in reached:
            break
    for choice in ("Region", "Carrier or seller", "Category", "Orders placed in", "Which ones"):
        assert choice in reached
    assert f"Open order {RISKIEST}" in reached
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=f"Order {RISKIEST}")).to_be_visible()
    assert page.evaluate("document.activeElement.ariaLabel") == f"Open order {RISKIEST}"


def test_the_list_is_a_table_that_is_named_and_headed(page: Page, served: Served) -> None:
    page.goto(f"{served.address}/deliveries?lang=fr")
    table = page.get_by_role("table", name="Commandes, la plus à risque d’abord")
    expect(table).to_be_visible()
    headings = table.get_by_role("columnheader")
    expect(headings).to_have_count(9)
    for heading in headings.all():
        assert heading.get_attribute("scope") == "col" and heading.inner_text().strip()
    buttons = table.get_by_role("button")
    assert buttons.count() == _rows(page).count()
    expect(buttons.first).to_have_accessible_name(f"Ouvrir la commande {RISKIEST}")
    expect(page.locator(".fp-tiles")).to_have_attribute("aria-label", re.compile("régions"))
    page.goto(f"{served.address}/deliveries?lang=fr&order={RISKIEST}")
    expect(page.get_by_role("textbox", name="Votre nom")).to_be_visible()
    expect(page.get_by_role("textbox", name="Note", exact=True)).to_be_visible()
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
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{served.address}/{path}")
    expect(page.locator(".js-plotly-plot").nth(1)).to_be_visible()
    if "order" in path:
        expect(page.locator('[class*="st-key-order-page"]')).to_be_visible()
    main = page.get_by_test_id("stMain")
    assert main.evaluate("main => main.scrollWidth <= main.clientWidth")


@pytest.mark.parametrize("path", [f"deliveries?lang=en&order={RISKIEST}", "customers?lang=en"])
def test_the_pages_ask_no_other_machine_for_anything_and_name_no_customer(
    page: Page, served: Served, path: str
) -> None:
    hosts: set[str | None] = set()
    page.on("request", lambda request: hosts.add(urlsplit(request.url).hostname))
    page.goto(f"{served.address}/{path}")
    expect(page.locator(".js-plotly-plot").nth(1)).to_be_visible()
    assert hosts - {None} == {"127.0.0.1"}
    assert PSEUDONYM not in page.content()


def test_groups_of_customers_are_read_in_both_languages(page: Page, served: Served) -> None:
    page.goto(f"{served.address}/customers?lang=en")
    expect(page.get_by_role("heading", name="Customers", exact=True)).to_be_visible()
    expect(page.get_by_text("412 customers")).to_be_visible()
    page.get_by_text("How the number of groups was chosen").click()
    expect(page.get_by_text("how well the groups are separated")).to_be_visible()
    page.get_by_role("radio", name="Français").or_(
        page.get_by_role("button", name="Français")
    ).first.click()
    expect(page.get_by_role("heading", name="Clients", exact=True)).to_be_visible()
    expect(page.get_by_text("412 clients")).to_be_visible()
    expect(page.get_by_text("moins de 10 clients : chiffres cachés")).to_be_visible()
