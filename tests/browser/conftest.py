"""Chromium and the app as `streamlit run` serves it, on a published database of their own.

What each test expects is in the test modules; how the database is made, in tests/app.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.app.published_fixture import Published, Server, fill, running_app, yesterday

CHROMIUM = Path("/usr/bin/chromium")
# Nothing but the page itself may go over the network.
OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WAIT_MS = 30_000


class Served(NamedTuple):
    """The app's address, the database behind it, and the server that can be stopped."""

    address: str
    published: Published
    server: Server


# Of a module, not of the session: as long as Playwright runs, so does an event loop in this thread,
# and other tests could not start theirs.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        reason = f"No browser: {CHROMIUM} is missing (apt-get install chromium)."
        if os.environ.get("CI") == "true":
            pytest.fail(f"{reason} In CI these tests must run.")
        pytest.skip(reason)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(OPTIONS))
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def served(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The app over the forecasts of a platform that ran as it should until last night."""
    server = Server()
    try:
        published = server.start()
        fill(published.admin_dsn, yesterday())
        log = tmp_path_factory.mktemp("streamlit") / "streamlit.log"
        with running_app(published.dashboard_dsn, log) as address:
            yield Served(address, published, server)
    finally:
        server.remove()


# One for the module: what a window has loaded of Plotly, the next need not load again.
@pytest.fixture(scope="module")
def desk(browser: Browser) -> Iterator[BrowserContext]:
    """An English reader's browser, with a window as wide as a desk's screen."""
    context = browser.new_context(
        locale="en-GB", viewport={"width": 1280, "height": 900}, accept_downloads=True
    )
    context.set_default_timeout(WAIT_MS)
    yield context
    context.close()


@pytest.fixture
def page(desk: BrowserContext) -> Iterator[Page]:
    """A new window: to the app, a new session."""
    window = desk.new_page()
    yield window
    window.close()
