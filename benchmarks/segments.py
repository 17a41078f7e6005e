"""Segments of Olist's customers: stability and silhouette of each number, profiles, names by month.

Each month is made from what was known before it, as the platform does, but without a database. A
held-out check follows: a second K-Means, fitted on half of the customers, assigns the other half,
and the adjusted Rand index measures its agreement with the month's segments.
Real data: ../shared/data/deliveries or FLOW_REAL_DATA.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
from pathlib import Path
from typing import Any

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np
import pandas as pd
from real_data import real_data

MONTHS = ("2018-01", "2018-03", "2018-05", "2018-07", "2018-08", "2018-09")


def olist(folder: Path) -> pd.DataFrame:
    """Orders with ORDER_COLUMNS. What Olist calls a customer is one order's; people have an id."""
    orders = pd.read_csv(folder / "olist_orders_dataset.csv")
    people = pd.read_csv(folder / "olist_customers_dataset.csv")
    items = pd.read_csv(folder / "olist_order_items_dataset.csv")
    price = items.groupby("order_id", as_index=False)["price"].sum()
    rows = orders.merge(people, on="customer_id").merge(price, on="order_id", how="left")

    def moment(column: str) -> pd.Series:
        # Of the hour that the clock shows twice the later one; midnights that it skips are at one.
        winter = np.zeros(len(rows), dtype=bool)
        local = pd.to_datetime(rows[column]).dt.tz_localize(
            "America/Sao_Paulo", ambiguous=winter, nonexistent="shift_forward"
        )
        return local.dt.tz_convert("UTC")

    return pd.DataFrame(
        {
            "order_id": rows["order_id"],
            "customer": rows["customer_unique_id"],
            "centre_id": rows["customer_state"],
            "placed_at": moment("order_purchase_timestamp"),
            "known_at": moment("order_purchase_timestamp"),
            "price": rows["price"],
            "promised_at": moment("order_estimated_delivery_date"),
            "delivered_at": moment("order_delivered_customer_date"),
            "delivered_known_at": moment("order_delivered_customer_date"),
        }
    )


def agreement(points: np.ndarray, labels: np.ndarray, k: int) -> float:
    """Adjusted Rand index of the segments and of a K-Means of one half, over the other half."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import adjusted_rand_score

    own = np.random.default_rng(11).random(len(points)) < 0.5
    half = KMeans(k, n_init=10, random_state=11).fit(points[own])
    return float(adjusted_rand_score(labels[~own], half.predict(points[~own])))


def measure(folder: Path) -> list[dict[str, Any]]:
    from flow_platform.flows.deliveries.segments.customers import (
        SegmentSpec,
        customers_of,
        matrix_of,
    )
    from flow_platform.flows.deliveries.segments.model import Segments
    from flow_platform.flows.deliveries.segments.training import profiles_of, renamed, train

    orders, made = olist(folder), []
    earlier: Segments | None = None
    for month in MONTHS:
        cutoff = pd.Timestamp(month, tz="UTC")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
        customers = customers_of(orders, cutoff)
        trained = train(customers, cutoff, SegmentSpec(seed=1))
        spent = resource.getrusage(resource.RUSAGE_SELF).ru_utime - before
        segments = Segments.load(renamed(trained.artefacts, earlier))
        points = segments.scaling.apply(matrix_of(customers))
        labels = segments.assign(customers)["segment"].to_numpy()
        made.append(
            {
                "month": month,
                "customers": len(customers),
                "without_a_delivery": int((customers["delivered"] == 0).sum()),
                "dropped": dict(segments.scaling.dropped),
                "k": segments.k,
                "choices": [dict(one) for one in segments.choices],
                "agreement": agreement(points, labels, segments.k),
                "cpu_seconds": spent,
                "profiles": profiles_of(customers, segments).to_dict("records"),
            }
        )
        earlier = segments
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    folder = real_data("deliveries")
    if folder is None:
        return
    result = measure(folder)
    if arguments.json:
        print(json.dumps(result))
        return
    for month in result:
        print(
            f"\n{month['month']}: {month['customers']} customers, {month['without_a_delivery']}"
            f" without a known delivery, {month['cpu_seconds']:.1f} CPU s; not used:"
            f" {month['dropped']}"
        )
        for one in month["choices"]:
            print(
                f"  k {one['k']}  silhouette {one['silhouette']:.3f}  stability"
                f" {one['stability']:.3f}{'  chosen' if one['chosen'] else ''}"
            )
        print(
            f"  agreement with half of the customers, on the other half: {month['agreement']:.3f}"
        )
        print(pd.DataFrame(month["profiles"]).round(3).to_string(index=False))


if __name__ == "__main__":
    main()
