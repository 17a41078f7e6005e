-- Every tracking event of an order that was placed, in the partition of the order. An event that became known
-- before its order could not be used until then: available_at is the later of the two.
select
    tracking.event_id,
    tracking.order_id,
    placed.centre_id,
    placed.day,
    tracking.type,
    tracking.occurred_at,
    greatest(tracking.available_at, placed.available_at) as available_at,
    tracking.place
from {{ source('raw', 'tracking') }} as tracking
inner join {{ source('raw', 'orders') }} as placed
    on placed.type = 'placed' and tracking.order_id = placed.order_id
