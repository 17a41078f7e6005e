"""Olist's public files as the frames that models of deliveries take; landing them is elsewhere.

Moments are São Paulo's clock; each fact counts as known when it occurred. Payments have no time:
they are known at the approval. Cancellations have none either: such orders stay open.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

TIMEZONE = "America/Sao_Paulo"


def read_orders(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Orders with the columns of merged.deliveries that models read, and their tracking."""
    orders = pd.read_csv(folder / "olist_orders_dataset.csv")
    customers = pd.read_csv(folder / "olist_customers_dataset.csv", dtype=str)
    orders = orders.merge(customers, on="customer_id")
    made = pd.DataFrame(
        {
            "order_id": orders["order_id"],
            "placed_at": _utc(orders["order_purchase_timestamp"]),
            "approved_known_at": _utc(orders["order_approved_at"]),
            "handed_over_at": _utc(orders["order_delivered_carrier_date"]),
            "delivered_at": _utc(orders["order_delivered_customer_date"]),
            "promised_at": _utc(orders["order_estimated_delivery_date"]),
            "region": orders["customer_state"],
            "postal_area": orders["customer_zip_code_prefix"].str.zfill(5).str[:3],
            "carrier": None,
            "distance_km": float("nan"),
        }
    )
    made["paid_known_at"] = made["approved_known_at"]
    made["handed_over_known_at"] = made["handed_over_at"]
    made["delivered_known_at"] = made["delivered_at"]
    made["cancelled_known_at"] = pd.Series(pd.NaT, index=made.index, dtype="datetime64[us, UTC]")
    made = made.merge(_items(folder), on="order_id", how="left")
    made = made.merge(_payments(folder), on="order_id", how="left")
    handed = made[made["handed_over_at"].notna()]
    tracking = pd.DataFrame(
        {
            "order_id": handed["order_id"],
            "type": "handed_over",
            "occurred_at": handed["handed_over_at"],
            "available_at": handed["handed_over_at"],
        }
    )
    return made, tracking


def _items(folder: Path) -> pd.DataFrame:
    items = pd.read_csv(folder / "olist_order_items_dataset.csv")
    products = pd.read_csv(folder / "olist_products_dataset.csv")
    items = items.merge(products, on="product_id", how="left")
    items["weight_kg"] = items["product_weight_g"] / 1000
    sides = items[["product_length_cm", "product_height_cm", "product_width_cm"]]
    items["volume_l"] = sides.prod(axis=1, skipna=False) / 1000
    items = items.sort_values(["order_id", "price"], ascending=[True, False], kind="stable")
    own = items.groupby("order_id")
    sums = own[["price", "freight_value", "weight_kg", "volume_l"]].sum(min_count=1)
    return pd.DataFrame(
        {
            "items": own.size(),
            "sellers": own["seller_id"].nunique(),
            "seller": own["seller_id"].first(),
            "category": own["product_category_name"].first(),
            "price": sums["price"],
            "freight": sums["freight_value"],
            "weight_kg": sums["weight_kg"],
            "volume_l": sums["volume_l"],
        }
    ).reset_index()


def _payments(folder: Path) -> pd.DataFrame:
    paid = pd.read_csv(folder / "olist_order_payments_dataset.csv")
    paid = paid.sort_values(["order_id", "payment_value"], ascending=[True, False], kind="stable")
    own = paid.groupby("order_id")
    return pd.DataFrame(
        {
            "payment_method": own["payment_type"].first(),
            "installments": own["payment_installments"].max(),
            "paid_value": own["payment_value"].sum(),
        }
    ).reset_index()


def _utc(column: pd.Series) -> pd.Series:
    local = pd.to_datetime(column).dt.as_unit("us")
    # In autumn's repeated hour the later turn; a time that does not exist in spring is moved on.
    zoned = local.dt.tz_localize(TIMEZONE, ambiguous=False, nonexistent="shift_forward")
    return zoned.dt.tz_convert("UTC")
