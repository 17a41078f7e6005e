"""The true table of each flow, drawn by a number: small, with the values that are often misread.

Ids have leading zeros, look like missing values or like numbers; texts have accents; equal rows
occur; days are such that they show their order, or in every fourth table do not.
"""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from typing import Any

from tests.variants.writing import TrueTable

PARIS, LONDON, NEW_YORK, SAO_PAULO = (
    *("Europe/Paris", "Europe/London"),
    *("America/New_York", "America/Sao_Paulo"),
)
CENTRES = ("007", "12", "NA", "Orléans")
COUNTERS = ("0191", "4264", "None")
COUNTRIES = ("France", "Côte d'Ivoire")
ZONES = (4, 7)
REGIONS = ("SP", "NA", "07")


def days_of(number: int) -> list[date]:
    """Twelve days in a row: within the first twelve of a month, or across the end of one."""
    first = date(2024, 3, 1) if number % 4 == 0 else date(2024, 3, 9)
    return [first + timedelta(days=one) for one in range(12)]


def parcels(number: int) -> dict[str, TrueTable]:
    """Counts per centre and day; in two of three tables a day has several rows, some equal."""
    chance = random.Random(f"parcels {number}")
    rows: list[list[Any]] = [
        [centre, day, float(chance.randint(0, 9_000))]
        for day in days_of(number)
        for centre in CENTRES
    ]
    if number % 3:
        rows[:0] = [list(rows[0]), list(rows[0]), ["12", days_of(number)[0], 1_234_567.0]]
    kinds: Any = {"centre_id": "id", "day": "day", "parcels": "number"}
    return {"counts": TrueTable(kinds, rows, PARIS)}


def traffic(number: int) -> dict[str, TrueTable]:
    """Hourly readings of counters, stamped with the end of the hour."""
    chance = random.Random(f"traffic {number}")
    rows: list[list[Any]] = [
        [
            counter,
            datetime(day.year, day.month, day.day, hour),
            float(chance.randint(0, 3_000)),
            chance.randint(0, 400) / 8,
        ]
        for day in days_of(number)
        for hour in (0, 11, 12, 17)
        for counter in COUNTERS
    ]
    kinds: Any = {
        "centre_id": "id",
        "counted_at": "moment",
        "vehicles": "number",
        "occupancy": "number",
    }
    return {"readings": TrueTable(kinds, rows, PARIS)}


def retail(number: int) -> dict[str, TrueTable]:
    """Invoice lines, with cancellations, equal lines, and lines without a customer."""
    chance = random.Random(f"retail {number}")
    rows: list[list[Any]] = []
    for place, day in enumerate(days_of(number)):
        for turn in range(4):
            at = datetime(day.year, day.month, day.day, 8 + 3 * turn, chance.randint(0, 59))
            invoice = f"{489_000 + place * 10 + turn}" if turn else f"C{489_000 + place}"
            rows.append(
                [
                    invoice,
                    chance.choice(["85048", "79323P", "007", "NA", "POST"]),
                    chance.choice(["LIGHTS, 15CM", "crème brûlée", 'the "best" one', None]),
                    float(chance.randint(1, 2_000) * (1 if turn else -1)),
                    at,
                    chance.randint(1, 99_999) / 100,
                    chance.choice(["13085", "15311", None]),
                    chance.choice(COUNTRIES),
                ]
            )
    rows.insert(1, list(rows[1]))
    kinds: Any = {
        "Invoice": "id",
        "StockCode": "id",
        "Description": "text",
        "Quantity": "number",
        "InvoiceDate": "moment",
        "Price": "number",
        "Customer ID": "id",
        "Country": "text",
    }
    return {"lines": TrueTable(kinds, rows, LONDON)}


def trips(number: int) -> dict[str, TrueTable]:
    """Taxi trips between two zones."""
    chance = random.Random(f"trips {number}")
    rows: list[list[Any]] = []
    for day in days_of(number):
        for hour in (0, 9, 12, 23):
            begin = datetime(day.year, day.month, day.day, hour, chance.randint(0, 20), 5)
            minutes, fare = chance.randint(10, 35), chance.randint(800, 250_000) / 100
            rows.append(
                [
                    begin,
                    begin + timedelta(minutes=minutes),
                    str(chance.choice(ZONES)),
                    str(chance.choice(ZONES)),
                    chance.randint(10, 60) / 10,
                    fare,
                    fare + 2.5,
                    float(chance.randint(1, 4)),
                ]
            )
    kinds: Any = {
        "lpep_pickup_datetime": "moment",
        "lpep_dropoff_datetime": "moment",
        "PULocationID": "id",
        "DOLocationID": "id",
        "trip_distance": "number",
        "fare_amount": "number",
        "total_amount": "number",
        "passenger_count": "number",
    }
    return {"trips": TrueTable(kinds, rows, NEW_YORK)}


def deliveries(number: int) -> dict[str, TrueTable]:
    """Orders of a marketplace with their customers and items."""
    chance = random.Random(f"deliveries {number}")
    orders: list[list[Any]] = []
    customers: list[list[Any]] = []
    items: list[list[Any]] = []
    for place, day in enumerate(days_of(number) * 2):
        order, customer = f"{place:03d}", f"{7000 + place}"
        placed = datetime(day.year, day.month, day.day, 9 + place % 12, chance.randint(0, 59))
        sent, arrived = placed + timedelta(days=1), placed + timedelta(days=chance.randint(2, 9))
        promised = datetime(day.year, day.month, day.day) + timedelta(days=10)
        orders.append([order, customer, "delivered", placed, placed, sent, arrived, promised])
        customers.append([customer, f"p{place}", f"0{1310 + place}", chance.choice(REGIONS)])
        for piece in range(1 + place % 2):
            price, freight = chance.randint(100, 300_000) / 100, chance.randint(100, 900) / 100
            items.append([order, str(piece + 1), f"prod {place % 5}", "0042", price, freight])
    order_kinds: Any = {
        "order_id": "id",
        "customer_id": "id",
        "order_status": "text",
        "order_purchase_timestamp": "moment",
        "order_approved_at": "moment",
        "order_delivered_carrier_date": "moment",
        "order_delivered_customer_date": "moment",
        "order_estimated_delivery_date": "moment",
    }
    customer_kinds: Any = {
        "customer_id": "id",
        "customer_unique_id": "id",
        "customer_zip_code_prefix": "id",
        "customer_state": "id",
    }
    item_kinds: Any = {
        "order_id": "id",
        "order_item_id": "id",
        "product_id": "id",
        "seller_id": "id",
        "price": "number",
        "freight_value": "number",
    }
    return {
        "orders": TrueTable(order_kinds, orders, SAO_PAULO),
        "customers": TrueTable(customer_kinds, customers, SAO_PAULO),
        "order_items": TrueTable(item_kinds, items, SAO_PAULO),
    }


def weather(number: int) -> dict[str, TrueTable]:
    """Observed weather per centre and day."""
    chance = random.Random(f"weather {number}")
    rows: list[list[Any]] = [
        [centre, day, chance.randint(-100, 300) / 8, chance.randint(0, 500) / 10]
        for day in days_of(number)
        for centre in CENTRES
    ]
    kinds: Any = {
        "centre_id": "id",
        "day": "day",
        "temperature_mean": "number",
        "precipitation_mm": "number",
    }
    return {"weather": TrueTable(kinds, rows, PARIS)}


def panel(number: int) -> dict[str, TrueTable]:
    """Series by day for `flow evaluate`, one of them constant, one all zero."""
    chance = random.Random(f"panel {number}")
    rows: list[list[Any]] = []
    for name in ("007", "7", "NA", "Orléans"):
        for day in days_of(number):
            value = {"7": 5.0, "NA": 0.0}.get(name, float(chance.randint(0, 5_000)))
            rows.append([name, day, value])
    kinds: Any = {"unique_id": "id", "ds": "day", "y": "number"}
    return {"panel": TrueTable(kinds, rows)}
