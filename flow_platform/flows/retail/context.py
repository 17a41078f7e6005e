"""What the flow `retail` knows of its shop at one installation."""

from __future__ import annotations

from functools import cached_property

import pandas as pd

from flow_platform.flows.retail.options import RetailSource
from flow_platform.flows.retail.shop import retail_centres, shop_country
from flow_platform.platform import FlowContext
from flow_platform.sources.calendar import LAST_DAY
from flow_platform.sources.centres import Centre
from flow_platform.sources.countries import SUBDIVISIONS
from flow_platform.sources.public_holidays import public_holidays
from flow_platform.warehouse.secrets import derived_key


class RetailContext(FlowContext[RetailSource]):
    """The shop: its source, the countries it sells to, and the key of customers' pseudonyms.

    >>> platform.kept(RetailContext).source.shop_country
    'GB'
    """

    section = RetailSource

    @cached_property
    def centres(self) -> tuple[Centre, ...]:
        """The countries that the source names."""
        cache = self.cache_file("retail_countries.json")
        return retail_centres(self.source, cache)

    @cached_property
    def customer_key(self) -> bytes:
        """The key of customers' pseudonyms."""
        return derived_key(self.platform.settings, "retail customers")

    def calendar(self) -> pd.DataFrame:
        """The calendar of the countries from shortly before the first partition.

        It has the holidays of the shop as well (`shop_holiday`); there may be many countries, so
        it does not reach back further.
        """
        calendar, first = self.platform.recent_calendar(self.centres), self.platform.calendar_from
        country = shop_country(self.source)
        shop = public_holidays(country, SUBDIVISIONS.get(country), first.year, LAST_DAY.year)
        holidays = calendar["day"].map({pd.Timestamp(day): name for day, name in shop.items()})
        holidays = holidays.astype(object).where(holidays.notna(), None)
        return calendar.assign(shop_holiday=holidays)
