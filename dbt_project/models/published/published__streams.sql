-- How far each live source is stored. A reader computes the lag against its own clock.
select
    flow,
    source,
    partition,
    position,
    rows_stored,
    rows_quarantined,
    rows_repeated,
    last_event_at,
    last_message_at,
    incarnation,
    begun_again_at,
    begun_again_why
from {{ source('ops', 'offsets') }}
