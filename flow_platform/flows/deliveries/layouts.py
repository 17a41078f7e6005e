"""The tables of a marketplace: which file is which, and what its columns are called.

Their rows are judged in `files.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from flow_platform.flows.deliveries.options import DeliveriesSource
from flow_platform.sources.layouts import Layouts


@dataclass(frozen=True)
class Layout:
    """A table: the words in a file's name that show that it is this table, its columns (our names
    to Olist's), those without which it is not this table, those that identify a row, and how
    columns are read.
    """

    name: str
    words: tuple[str, ...]
    columns: dict[str, str]
    required: tuple[str, ...]
    key: tuple[str, ...]
    numbers: tuple[str, ...] = ()

    @property
    def moments(self) -> tuple[str, ...]:
        """The columns of moments: their names end in _at."""
        return tuple(name for name in self.columns if name.endswith("_at"))


def is_id(column: str) -> bool:
    """Whether a column (our name) has ids or codes, in which any text that is not empty counts."""
    return column == "region" or column.endswith(("_id", "_code", "_number"))


# The columns of money (our names).
MONEY = ("price", "freight", "value")

# Asked in this order: "order_items" has the word of "orders" too.
LAYOUTS: tuple[Layout, ...] = (
    Layout(
        "items",
        ("item",),
        {
            "order_id": "order_id",
            "item_number": "order_item_id",
            "product_id": "product_id",
            "seller_id": "seller_id",
            "price": "price",
            "freight": "freight_value",
        },
        ("order_id", "price"),
        ("order_id", "item_number"),
        numbers=("price", "freight"),
    ),
    Layout(
        "payments",
        ("payment",),
        {
            "order_id": "order_id",
            "payment_number": "payment_sequential",
            "method": "payment_type",
            "installments": "payment_installments",
            "value": "payment_value",
        },
        ("order_id", "value"),
        ("order_id", "payment_number"),
        numbers=("value", "installments"),
    ),
    Layout(
        "translations",
        ("translation",),
        {
            "category": "product_category_name",
            "category_translated": "product_category_name_english",
        },
        ("category", "category_translated"),
        ("category",),
    ),
    Layout(
        "products",
        ("product",),
        {
            "product_id": "product_id",
            "category": "product_category_name",
            "weight_g": "product_weight_g",
            "length_cm": "product_length_cm",
            "height_cm": "product_height_cm",
            "width_cm": "product_width_cm",
        },
        ("product_id",),
        ("product_id",),
        numbers=("weight_g", "length_cm", "height_cm", "width_cm"),
    ),
    Layout(
        "customers",
        ("customer",),
        {
            "customer_id": "customer_id",
            "person_id": "customer_unique_id",
            "postal_code": "customer_zip_code_prefix",
            "region": "customer_state",
        },
        ("customer_id", "region"),
        ("customer_id",),
    ),
    Layout(
        "sellers",
        ("seller",),
        {"seller_id": "seller_id", "seller_postal_code": "seller_zip_code_prefix"},
        ("seller_id", "seller_postal_code"),
        ("seller_id",),
    ),
    Layout(
        "places",
        ("geolocation", "geo"),
        {
            "geo_postal_code": "geolocation_zip_code_prefix",
            "latitude": "geolocation_lat",
            "longitude": "geolocation_lng",
        },
        ("geo_postal_code", "latitude", "longitude"),
        # A prefix has many points, some of them twice; all count in its mean.
        (),
        numbers=("latitude", "longitude"),
    ),
    Layout(
        "orders",
        ("order",),
        {
            "order_id": "order_id",
            "customer_id": "customer_id",
            "status": "order_status",
            "placed_at": "order_purchase_timestamp",
            "approved_at": "order_approved_at",
            "handed_over_at": "order_delivered_carrier_date",
            "delivered_at": "order_delivered_customer_date",
            "promised_at": "order_estimated_delivery_date",
            "cancelled_at": "cancelled_at",
            "carrier": "carrier",
        },
        ("order_id", "customer_id", "placed_at", "promised_at"),
        ("order_id",),
    ),
)
BY_NAME = {layout.name: layout for layout in LAYOUTS}
# Without these no order can be made.
NEEDED = ("orders", "customers", "items")
# Reviews of orders: such a file is not read, and is not reported as unknown either.
_IGNORED = ("review",)


def table_of(path: Path) -> str | None:
    """Which table a file is, by its name: "ignored" for one that is not read, None for another."""
    name = path.stem.casefold()
    if any(word in name for word in _IGNORED):
        return "ignored"
    return next(
        (layout.name for layout in LAYOUTS if any(word in name for word in layout.words)), None
    )


def header_of(config: DeliveriesSource, name: str) -> dict[str, str]:
    """Our names of a table's columns to the source's."""
    return {
        ours: config.columns.get(ours, theirs) for ours, theirs in BY_NAME[name].columns.items()
    }


def delivery_layouts(config: DeliveriesSource, name: str) -> Layouts:
    """The header that files of a table have."""
    layout = BY_NAME[name]
    return Layouts((header_of(config, name),), layout.required, numbers=layout.numbers)
