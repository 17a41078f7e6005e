"""Positions know their log: topics that are created again, sessions and data sets that change."""

from alembic import op

from flow_platform.warehouse.migration_steps import as_owner

revision = "0015"
down_revision = "0014"

TABLES = """
alter table ops.offsets
    add column incarnation integer not null default 1,
    add column log_number integer not null default 1,
    add column log_id text,
    add column last_offset bigint,
    add column leader_epoch integer,
    add column last_stamped_at timestamptz,
    add column last_checksum integer,
    add column begun_again_at timestamptz,
    add column begun_again_why text;
comment on column ops.offsets.incarnation is
    'How often the partition was begun: a position counts only together with it.';
comment on column ops.offsets.log_number is
    'How many topics of this name there were. From the second on it is part of the source of their'
    ' messages (kafka:orders/0#2).';
comment on column ops.offsets.log_id is 'Kafka: the broker''s id of the topic, if it gives one.';
comment on column ops.offsets.last_offset is 'Kafka: offset of the last settled message.';
comment on column ops.offsets.leader_epoch is 'Kafka: leader epoch of the last settled message.';
comment on column ops.offsets.last_stamped_at is
    'Kafka: timestamp of the last settled message at the broker.';
comment on column ops.offsets.last_checksum is
    'Kafka: 16 bits of a checksum of the last settled message: enough to tell two messages apart,'
    ' too few to confirm a guess of what an erased person''s message was.';
comment on column ops.offsets.begun_again_at is
    'When the latest incarnation was begun; null: never.';
comment on column ops.offsets.begun_again_why is
    'Kafka: recreated (another topic of the name), truncated (the broker lost its end). Portal:'
    ' emptied, shorter, changed.';

create table ops.mqtt_sessions (
    flow text not null,
    broker text not null,
    client_id text not null,
    began_at timestamptz not null default now(),
    lost integer not null default 0,
    lost_at timestamptz,
    taken_over integer not null default 0,
    taken_over_at timestamptz,
    primary key (flow, broker, client_id)
);
comment on table ops.mqtt_sessions is
    'Sessions at brokers of MQTT: how often a broker lost one, with the messages that it held, and'
    ' how often another client took one over.';
comment on column ops.mqtt_sessions.began_at is 'When the present session was begun.';

grant select, insert, update, delete on ops.mqtt_sessions to flow_ingest;
grant select on ops.mqtt_sessions to flow_transform;
"""


def upgrade() -> None:
    as_owner(TABLES)


def downgrade() -> None:
    op.execute("drop table ops.mqtt_sessions")
    op.execute(
        "alter table ops.offsets drop column incarnation, drop column log_number,"
        " drop column log_id, drop column last_offset, drop column leader_epoch,"
        " drop column last_stamped_at, drop column last_checksum,"
        " drop column begun_again_at, drop column begun_again_why"
    )
