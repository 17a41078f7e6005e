"""Loads invoice lines, and each country's and day's counts over the whole source."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from flow_platform.flows.retail.context import RetailContext
from flow_platform.flows.retail.options import RetailSource
from flow_platform.flows.retail.shop import shop_timezone
from flow_platform.flows.retail.source import (
    DAY_COLUMNS,
    LINE_CLASSES,
    RetailLanding,
    read_retail,
)
from flow_platform.ground.fates import code_of
from flow_platform.ground.rectangle import Rectangle
from flow_platform.ground.roles import INGEST_ROLE
from flow_platform.platform import Platform
from flow_platform.sources.landing import Landing
from flow_platform.stages.loading import Balance, balance_of, record_landing
from flow_platform.stages.looking import BROKEN_ROW, Look
from flow_platform.stages.readings import prepare_readings


def load_retail(platform: Platform, rectangle: Rectangle) -> Balance:
    """Replace the invoice lines of these partitions, and the counts of their days.

    The source is read once, however many days there are. A partition is empty where the shop sold
    nothing in any country.
    """
    landing = _read(platform, rectangle)
    warnings = prepare_readings(platform, "retail", rectangle, landing.files)
    store = platform.store(INGEST_ROLE)
    if not landing.is_refused:
        store.replace("raw.retail", landing.rows, rectangle)
        store.replace("raw.retail_days", landing.days[list(DAY_COLUMNS)], rectangle)
    lacking = record_landing(platform, "retail", rectangle, landing)
    counts = landing.rows["line_class"].value_counts()
    balance = balance_of(
        landing.files,
        int((landing.days["shop_sale_lines"] == 0).sum()),
        {name: int(counts.get(name, 0)) for name in LINE_CLASSES},
        landing.rejected,
        lacking,
    )
    return replace(balance, warnings=warnings)


def look_at_retail(platform: Platform, rectangle: Rectangle) -> Look:
    """What `load_retail` would store and refuse, and how it understands the files.

    Of rows that could not be cut nothing is shown: any field of them may name a person.
    """
    landing = _read(platform, rectangle)
    rejected = landing.rejected
    is_broken = rejected["reason"].map(code_of).isin(BROKEN_ROW)
    rejected = rejected.assign(payload=rejected["payload"].mask(is_broken, ""))
    config = platform.sources.of(RetailSource)
    return Look(
        landings=[Landing(landing.rows, rejected, landing.files)],
        facts=lambda form: {
            "clock": "moments without an offset are local time of the shop,"
            f" {shop_timezone(config)} (shop_country = {config.shop_country}); a day is the shop's",
            "units": "price: of a piece, in the money of the file; customers are pseudonyms",
        },
    )


def _read(platform: Platform, rectangle: Rectangle) -> RetailLanding:
    shop = platform.kept(RetailContext)
    return read_retail(
        shop.source,
        rectangle.first_day,
        rectangle.last_day,
        rectangle.centres,
        key=shop.customer_key,
        now=datetime.now(UTC),
        seed=platform.settings.seed,
    )
