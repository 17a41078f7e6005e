-- Every event of an order. merged.deliveries chooses which of them count.
select
    event_id,
    type,
    order_id,
    occurred_at,
    available_at,
    centre_id,
    day,
    customer,
    region,
    postal_area,
    promised_at,
    seller,
    sellers::integer as sellers,
    carrier,
    category,
    items::integer as items,
    price,
    freight,
    weight_kg,
    volume_l,
    distance_km
from {{ source('raw', 'orders') }}
