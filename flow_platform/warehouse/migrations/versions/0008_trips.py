"""Trips: the zones of a city, its trips, and the scores of both models."""

from alembic import op

from flow_platform.warehouse.migration_steps import as_owner

revision = "0008"
down_revision = "0007"

TABLES = """
create table raw.trip_zones (
    zone_id integer primary key,
    zone text not null,
    borough text not null,
    latitude double precision check (latitude between -90 and 90),
    longitude double precision check (longitude between -180 and 180)
);
comment on table raw.trip_zones is
    'Zones of the city. Coordinates, of a point inside (WGS 84), where the source has them.';
comment on column raw.trip_zones.borough is 'centre_id of the trips that begin here.';

create table raw.trips (
    trip_id text primary key,
    centre_id text not null,
    day date not null,
    service text not null,
    pickup_at timestamptz not null,
    dropoff_at timestamptz not null,
    pickup_zone integer not null,
    dropoff_zone integer not null,
    distance_km double precision not null check (distance_km > 0),
    passengers smallint,
    total_amount double precision,
    available_at timestamptz not null,
    source_file text not null,
    source_line bigint not null,
    check (dropoff_at > pickup_at),
    check (day = (pickup_at at time zone 'UTC')::date)
);
create index on raw.trips (centre_id, day);
comment on table raw.trips is
    'One row per trip that passed the checks; all others are in ops.quarantine, by reason.';
comment on column raw.trips.trip_id is
    'Made of what the row says and its number among equal rows: the same trip in two files is one.';
comment on column raw.trips.centre_id is 'Borough of the pickup.';
comment on column raw.trips.day is 'UTC day of the pickup: the partition.';
comment on column raw.trips.distance_km is 'Driven distance by the meter: known after the trip.';
comment on column raw.trips.total_amount is 'What was paid, in the currency of the source.';
comment on column raw.trips.available_at is 'When the trip was over, and its duration known.';

create table ml.trips_scores (
    trip_id text not null,
    centre_id text not null,
    day date not null,
    pickup_at timestamptz not null,
    model text not null check (model in ('default', 'planned_distance')),
    predicted_minutes double precision not null check (predicted_minutes > 0),
    lower_80 double precision not null,
    upper_80 double precision not null,
    model_version text not null,
    primary key (trip_id, model),
    check (0 <= lower_80 and lower_80 <= predicted_minutes and predicted_minutes <= upper_80)
);
create index on ml.trips_scores (centre_id, day);
comment on table ml.trips_scores is
    'What each model says of each trip, by the vintage that served its day: it was trained before.';

grant select, insert, update, delete on raw.trip_zones, raw.trips to flow_ingest;
grant select on raw.trip_zones, raw.trips, ml.trips_scores to flow_transform;
grant select, insert, update, delete on ml.trips_scores to flow_ml;
"""


def upgrade() -> None:
    as_owner(TABLES)


def downgrade() -> None:
    op.execute("delete from ml.vintages where flow = 'trips'")
    op.execute("drop table ml.trips_scores, raw.trips, raw.trip_zones")
