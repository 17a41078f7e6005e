"""Loads invoice lines, and each country's and day's counts over the whole source."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from flow_platform.flows.retail.context import RetailContext
from flow_platform.flows.retail.source import DAY_COLUMNS, LINE_CLASSES, read_retail
from flow_platform.ground.rectangle import Rectangle
from flow_platform.ground.roles import INGEST_ROLE
from flow_platform.platform import Platform
from flow_platform.stages.loading import Balance, balance_of, record_landing
from flow_platform.stages.readings import prepare_readings


def load_retail(platform: Platform, rectangle: Rectangle) -> Balance:
    """Replace the invoice lines of these partitions, and the counts of their days.

    The source is read once, however many days there are. A partition is empty where the shop sold
    nothing in any country.
    """
    shop = platform.kept(RetailContext)
    landing = read_retail(
        shop.source,
        rectangle.first_day,
        rectangle.last_day,
        rectangle.centres,
        key=shop.customer_key,
        now=datetime.now(UTC),
        seed=platform.settings.seed,
    )
    store = platform.store(INGEST_ROLE)
    warnings = prepare_readings(platform, "retail", rectangle, landing.files)
    if not landing.is_refused:
        store.replace("raw.retail", landing.rows, rectangle)
        store.replace("raw.retail_days", landing.days[list(DAY_COLUMNS)], rectangle)
    record_landing(platform, "retail", rectangle, landing)
    counts = landing.rows["line_class"].value_counts()
    balance = balance_of(
        landing.files,
        int((landing.days["shop_sale_lines"] == 0).sum()),
        {name: int(counts.get(name, 0)) for name in LINE_CLASSES},
        landing.rejected,
    )
    return replace(balance, warnings=warnings)
