"""What the flow `retail` supplies to the platform."""

from flow_platform.flows.retail.context import RetailContext
from flow_platform.flows.retail.flow import RETAIL
from flow_platform.flows.retail.stage import load_retail, look_at_retail
from flow_platform.flows.retail.trading import closed_weekdays
from flow_platform.ground.tables import Table
from flow_platform.parts import (
    DemoStep,
    DemoWindow,
    FlowParts,
    RawRows,
    Retention,
    RetentionRule,
    daily_run,
    monthly_training,
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
        look=look_at_retail,
        description="Invoice lines as the source gave them, each with exactly one class; customers"
        " are pseudonyms.",
        empty_means="Partitions of days on which the shop sold nothing anywhere: closed or"
        " missing, not zero.",
    ),
    models=daily_series(RETAIL, closed_weekdays=closed_weekdays),
    schedules=(
        daily_run(
            "predict_retail_daily",
            "0 6 * * *",
            "yesterday's invoice lines, today's forecasts, all countries",
        ),
        monthly_training("train_retail_monthly", "30 4 1 * *"),
    ),
    live=(),
    retention=Retention(
        days={"retail": None}, rules=(RetentionRule("retail", "raw.retail", "day"),)
    ),
    demo=DemoWindow(
        loaded=DemoStep("six months of invoice lines", days=180, seconds=4),
        predicted=DemoStep("forecasts of items, invoices and revenue", days=28, seconds=16),
    ),
)
