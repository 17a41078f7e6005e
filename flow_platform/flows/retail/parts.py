"""What the flow `retail` supplies to the platform."""

from flow_platform.flows.retail.context import RetailContext
from flow_platform.flows.retail.flow import RETAIL
from flow_platform.flows.retail.stage import load_retail
from flow_platform.flows.retail.trading import closed_weekdays
from flow_platform.ground.tables import Table
from flow_platform.parts import (
    DemoWindow,
    FlowParts,
    RawRows,
    Retention,
    RetentionRule,
    Schedule,
)
from flow_platform.platform import places_of
from flow_platform.stages.daily import daily_series

PARTS = FlowParts(
    flow=RETAIL,
    places=places_of(RetailContext),
    raw=RawRows(
        table=Table.of(
            "raw.retail",
            """
                centre_id     text              The country.
                day
                invoice       text              Number of the invoice.
                stock_code    text              Code of the article.
                description   text              Name of the article.
                quantity      double precision  Pieces; below 0 where returned.
                price         double precision  Price of a piece.
                sold_at       timestamptz       Moment of the invoice.
                customer      text              Pseudonym of the customer.
                has_customer  boolean           Whether the line names a customer.
                occurrence    integer           Number among equal lines of its file.
                line_class    text              Sale, return, cancellation ...
                available_at
                source_file
                source_line
            """,
        ),
        load=load_retail,
        description="Invoice lines as the source gave them, each with exactly one class; customers"
        " are pseudonyms.",
        empty_means="Partitions of days on which the shop sold nothing anywhere: closed or"
        " missing, not zero.",
    ),
    models=daily_series(RETAIL, closed_weekdays=closed_weekdays),
    schedules=(
        Schedule(
            name="predict_retail_daily",
            job="daily",
            cron="0 6 * * *",
            description="yesterday's invoice lines, today's forecasts, all countries",
        ),
        Schedule(
            name="train_retail_monthly",
            job="models",
            cron="30 4 1 * *",
            description="vintages of the month that begins",
        ),
    ),
    live=(),
    retention=Retention(
        days={"retail": None}, rules=(RetentionRule("retail", "raw.retail", "day"),)
    ),
    demo=DemoWindow(
        loaded_days=180,
        loaded="six months of invoice lines",
        loaded_seconds=6,
        predicted_days=28,
        predicted="forecasts of items, invoices and revenue",
        predicted_seconds=25,
    ),
)
