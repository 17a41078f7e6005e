"""Traffic: hourly readings, what streams have settled, and several issues of a forecast a day."""

from alembic import op

from flow_platform.warehouse.migration_steps import as_owner

revision = "0007"
down_revision = "0006"

TABLES = """
create table raw.traffic (
    centre_id text not null,
    day date not null,
    counted_at timestamptz not null,
    vehicles double precision check (vehicles >= 0),
    occupancy double precision check (occupancy between 0 and 100),
    state text not null check (state in ('open', 'barred', 'invalid', 'unknown')),
    available_at timestamptz not null,
    event_id text,
    source_file text not null,
    source_line bigint not null,
    check (day = (counted_at at time zone 'UTC')::date)
);
create index on raw.traffic (centre_id, day);
create unique index traffic_event on raw.traffic (event_id) where event_id is not null;
comment on table raw.traffic is
    'One row per accepted reading of a counter, two of one hour included; absent is null, not 0.';
comment on column raw.traffic.day is 'UTC day of counted_at: the partition.';
comment on column raw.traffic.counted_at is 'End of the hour that was counted.';
comment on column raw.traffic.vehicles is 'Vehicles an hour.';
comment on column raw.traffic.occupancy is 'Percent of the time that a vehicle stood on the loop.';
comment on column raw.traffic.event_id is 'Identity of a message; null for rows of files.';

create table ops.offsets (
    flow text not null,
    source text not null,
    partition text not null,
    position bigint not null,
    rows_stored bigint not null default 0,
    rows_quarantined bigint not null default 0,
    rows_repeated bigint not null default 0,
    last_event_at timestamptz,
    last_message_at timestamptz,
    primary key (flow, source, partition),
    check (position >= 0)
);
comment on table ops.offsets is
    'How far each stream is settled, written in the transaction that stores its rows.';
comment on column ops.offsets.partition is 'MQTT: the topic. Portal: the data set.';
comment on column ops.offsets.position is
    'MQTT: settled messages of the topic. Portal: newest hour fetched, in seconds since 1970.';
comment on column ops.offsets.last_event_at is 'Newest moment that a settled message speaks of.';
comment on column ops.offsets.last_message_at is 'When the newest message was settled.';

create table ops.deliveries (
    client_id text not null,
    message_number integer not null,
    payload_sha256 text not null,
    primary key (client_id, message_number)
);
comment on table ops.deliveries is
    'Packet identifiers an MQTT session has settled: a redelivery of one is settled already, even'
    ' when its message bears no event id.';

alter table ml.forecasts add column level text
    check (level in ('fluid', 'dense', 'saturated', 'blocked'));
alter table ml.forecasts drop constraint forecasts_pkey;
alter table ml.forecasts
    add primary key (flow, measure, centre_id, day, issued_at, horizon);
create index forecasts_by_target on ml.forecasts (flow, measure, centre_id, target_at, issued_at);
comment on column ml.forecasts.level is 'Traffic level that is expected; null in other flows.';

grant select, insert, update, delete on raw.traffic, ops.offsets, ops.deliveries to flow_ingest;
grant select on raw.traffic, ops.offsets to flow_transform;
"""


def upgrade() -> None:
    as_owner(TABLES)
    # dbt cannot add a column to a seed; it makes the table and the views on it again.
    op.execute("drop table if exists staging.centres cascade")


def downgrade() -> None:
    op.execute("drop table if exists staging.centres cascade")
    op.execute("delete from ml.forecasts where flow = 'traffic'")
    op.execute("drop index ml.forecasts_by_target")
    op.execute("alter table ml.forecasts drop constraint forecasts_pkey")
    op.execute("alter table ml.forecasts add primary key (flow, measure, centre_id, day, horizon)")
    op.execute("alter table ml.forecasts drop column level")
    op.execute("drop table ops.deliveries, ops.offsets, raw.traffic")
