"""Five orders of an invented marketplace, as its tables in files say them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

ORDERS = "shop_orders.csv"


def write_tables(folder: Path) -> pd.DataFrame:
    """Write the tables; returns that of orders. The last order has no items; the third was late.

    Customers are customer-0 to customer-4, the persons person-0 to person-4.
    """
    folder.mkdir(parents=True, exist_ok=True)
    orders = pd.DataFrame(
        {
            "order_id": [f"o{number}" for number in range(5)],
            "customer_id": [f"customer-{number}" for number in range(5)],
            "order_status": ["delivered", "delivered", "delivered", "shipped", "unavailable"],
            "order_purchase_timestamp": [
                "2018-03-05 10:00:00",
                "2018-03-05 23:30:00",
                "2018-03-12 08:00:00",
                "2018-03-20 12:00:00",
                "2018-03-28 12:00:00",
            ],
            "order_approved_at": [
                "2018-03-05 10:20:00",
                "2018-03-07 09:00:00",
                "2018-03-12 08:30:00",
                None,
                "2018-03-28 12:30:00",
            ],
            "order_delivered_carrier_date": [
                "2018-03-06 10:00:00",
                "2018-03-06 18:00:00",
                "2018-03-14 10:00:00",
                "2018-03-22 10:00:00",
                None,
            ],
            "order_delivered_customer_date": [
                "2018-03-10 15:00:00",
                "2018-03-12 15:00:00",
                "2018-04-02 15:00:00",
                None,
                None,
            ],
            "order_estimated_delivery_date": [
                "2018-03-20 00:00:00",
                "2018-03-21 00:00:00",
                "2018-03-25 00:00:00",
                "2018-04-05 00:00:00",
                "2018-04-10 00:00:00",
            ],
        }
    )
    orders.to_csv(folder / ORDERS, index=False)
    pd.DataFrame(
        {
            "customer_id": orders["customer_id"],
            "customer_unique_id": [f"person-{number}" for number in range(5)],
            "customer_zip_code_prefix": ["01310", "20010", "01311", "30110", "20011"],
            "customer_city": "here",
            "customer_state": ["SP", "RJ", "SP", "MG", "RJ"],
        }
    ).to_csv(folder / "shop_customers.csv", index=False)
    pd.DataFrame(
        {
            "order_id": ["o0", "o0", "o1", "o2", "o3"],
            "order_item_id": ["1", "2", "1", "1", "1"],
            "product_id": ["p1", "p2", "p1", "p2", "p1"],
            "seller_id": ["s1", "s2", "s1", "s2", "s1"],
            "shipping_limit_date": "2018-03-09 00:00:00",
            "price": [20.0, 35.5, 20.0, 35.5, 20.0],
            "freight_value": [5.0, 6.25, 5.0, 6.0, 5.5],
        }
    ).to_csv(folder / "shop_order_items.csv", index=False)
    pd.DataFrame(
        {
            "order_id": ["o0", "o1", "o1", "o2", "o3", "o4"],
            "payment_sequential": ["1", "1", "2", "1", "1", "1"],
            "payment_type": ["credit_card", "voucher", "boleto", "boleto", "boleto", "boleto"],
            "payment_installments": ["3", "1", "1", "1", "1", "1"],
            "payment_value": [66.75, 10.0, 15.0, 41.5, 25.5, 9.0],
        }
    ).to_csv(folder / "shop_order_payments.csv", index=False)
    pd.DataFrame(
        {
            "product_id": ["p1", "p2"],
            "product_category_name": ["livros", "moveis"],
            "product_weight_g": ["500", "12000"],
            "product_length_cm": ["20", "100"],
            "product_height_cm": ["5", "50"],
            "product_width_cm": ["15", "40"],
        }
    ).to_csv(folder / "shop_products.csv", index=False)
    pd.DataFrame(
        {
            "product_category_name": ["livros"],
            "product_category_name_english": ["books"],
        }
    ).to_csv(folder / "shop_category_name_translation.csv", index=False)
    return orders
