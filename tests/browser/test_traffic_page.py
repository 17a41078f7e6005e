"""The page Road traffic as a desk meets it: a real browser, a real server, a real database."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.app.published.parcels import fill, yesterday
from tests.app.published.server import Published
from tests.app.published.traffic import ROADS, fill_traffic, this_hour
from tests.app.screen import view_of
from tests.browser.conftest import (
    Served,
    choose_language,
    fits_a_phone,
    hosts_asked,
    serving,
    title_of,
)

pytestmark = pytest.mark.browser

PAGE = "traffic"
CHOSEN, CHOSEN_NAME = ROADS[7][:2]


@pytest.fixture(scope="module")
def served(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The app over twelve counters that were forecast until this hour."""

    def make(published: Published) -> dict[str, str]:
        fill(published.admin_dsn, yesterday(), days=90, issues=2)
        fill_traffic(published.admin_dsn, this_hour(), counters=12)
        return {}

    with serving(tmp_path_factory.mktemp("streamlit"), make) as ready:
        yield ready


def _expected(served: Served, counter: str) -> float:
    """The newest issue's forecast for the present hour: the rows may have been made in the last."""
    (prediction,) = served.published.row(
        "select prediction from published.predictions where flow = 'traffic' and centre_id = %s"
        " and horizon = floor(extract(epoch from now() - issued_at) / 3600)::int + 1"
        " order by issued_at desc limit 1",
        counter,
    )
    return float(prediction)


def test_a_desk_chooses_a_counter_on_the_map_and_reads_its_next_hour_in_both_languages(
    page: Page, served: Served
) -> None:
    page.goto(f"{served.address}/traffic?lang=en")
    expect(title_of(page, PAGE)).to_be_visible()
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
    expected = _expected(served, CHOSEN)
    for language in ("en", "fr"):
        choose_language(page, language)
        view = view_of(PAGE, language)
        curve = view.text("curve", centre=CHOSEN_NAME)
        expect(page.get_by_role("heading", name=curve)).to_be_visible()
        vehicles = view.text("vehicles", n=view.rounded(expected))
        expect(page.get_by_text(vehicles).first).to_be_visible()


def test_a_phone_shows_the_page_without_scrolling_sideways(page: Page, served: Served) -> None:
    assert fits_a_phone(page, f"{served.address}/traffic?lang=fr&counter={CHOSEN}", plots=3)


def test_the_map_asks_no_other_machine_for_anything(page: Page, served: Served) -> None:
    hosts = hosts_asked(page)
    page.goto(f"{served.address}/traffic?lang=en")
    expect(page.locator(".js-plotly-plot").nth(2)).to_be_visible()
    assert hosts == {"127.0.0.1"}
