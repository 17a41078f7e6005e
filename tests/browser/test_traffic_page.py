"""The page Road traffic as a desk meets it: a real browser, a real server, a real database."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg
import pytest
from playwright.sync_api import Browser, Page, expect

from streamlit_app.formats import rounded
from tests.app.published_fixture import (
    ROADS,
    Server,
    fill,
    fill_traffic,
    running_app,
    this_hour,
    yesterday,
)
from tests.browser.conftest import WAIT_MS, Served

pytestmark = pytest.mark.browser

expect.set_options(timeout=WAIT_MS)

CHOSEN, CHOSEN_NAME = ROADS[7][:2]


@pytest.fixture(scope="module")
def served(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The app over twelve counters that were forecast until this hour."""
    server = Server()
    try:
        published = server.start()
        fill(published.admin_dsn, yesterday(), days=90, issues=2)
        fill_traffic(published.admin_dsn, this_hour(), counters=12)
        log = tmp_path_factory.mktemp("streamlit") / "streamlit.log"
        with running_app(published.dashboard_dsn, log) as address:
            yield Served(address, published, server)
    finally:
        server.remove()


def _expected(served: Served, counter: str) -> float:
    """What the newest issue says of the first hour after it."""
    with psycopg.connect(served.published.dashboard_dsn) as connection:
        row = connection.execute(
            "select prediction from published.predictions where flow = 'traffic'"
            " and centre_id = %s and horizon = 1 order by issued_at desc limit 1",
            [counter],
        ).fetchone()
    assert row is not None
    return float(row[0])


def test_a_desk_chooses_a_counter_on_the_map_and_reads_its_next_hour_in_both_languages(
    page: Page, served: Served
) -> None:
    page.goto(f"{served.address}/traffic?lang=en")
    expect(page.get_by_role("heading", name="Road traffic", exact=True)).to_be_visible()
    marks = page.locator('[class*="st-key-map"] .js-plotly-plot')
    expect(marks.locator(".scatterlayer .trace path.point").first).to_be_visible()
    page.wait_for_function(
        "document.querySelector('[class*=\"st-key-map\"] .js-plotly-plot')?._fullData?.length"
    )
    place = marks.evaluate(
        """(plot, counter) => {
            for (const trace of plot._fullData) {
                const at = (trace.customdata || []).findIndex(id => String(id) === counter);
                if (at < 0) continue;
                const { xaxis, yaxis } = plot._fullLayout;
                const box = plot.querySelector(".nsewdrag").getBoundingClientRect();
                return {
                    x: box.left + xaxis.d2p(trace.x[at]),
                    y: box.top + yaxis.d2p(trace.y[at]),
                };
            }
        }""",
        CHOSEN,
    )
    page.mouse.move(place["x"] - 1, place["y"])
    page.mouse.click(place["x"], place["y"])
    page.wait_for_url(re.compile(rf"[?&]counter={CHOSEN}(&|$)"))
    expect(page.get_by_role("heading", name=f"{CHOSEN_NAME}, hour by hour")).to_be_visible()
    expected = _expected(served, CHOSEN)
    expect(page.get_by_text(f"{rounded(expected, 'en')} vehicles expected")).to_be_visible()
    page.get_by_role("radio", name="Français").or_(
        page.get_by_role("button", name="Français")
    ).first.click()
    expect(page.get_by_role("heading", name=f"{CHOSEN_NAME}, heure par heure")).to_be_visible()
    expect(page.get_by_text(f"{rounded(expected, 'fr')} véhicules prévus")).to_be_visible()


def test_a_phone_shows_the_page_without_scrolling_sideways(page: Page, served: Served) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{served.address}/traffic?lang=fr&counter={CHOSEN}")
    expect(page.locator(".js-plotly-plot").nth(2)).to_be_visible()
    main = page.get_by_test_id("stMain")
    assert main.evaluate("main => main.scrollWidth <= main.clientWidth")


def test_the_map_asks_no_other_machine_for_anything(page: Page, served: Served) -> None:
    hosts: set[str | None] = set()
    page.on("request", lambda request: hosts.add(urlsplit(request.url).hostname))
    page.goto(f"{served.address}/traffic?lang=en")
    expect(page.locator(".js-plotly-plot").nth(2)).to_be_visible()
    assert hosts - {None} == {"127.0.0.1"}
