"""Deliveries: events of orders, what streams touched, scores, segments, the desk, erasures."""

from alembic import op

from flow_platform.warehouse.migration_steps import as_owner

revision = "0010"
down_revision = "0009"

TABLES = """
create table raw.orders (
    event_id text primary key,
    type text not null check (type in ('placed', 'approved', 'corrected', 'cancelled')),
    order_id text not null,
    occurred_at timestamptz not null,
    available_at timestamptz not null,
    centre_id text,
    day date,
    customer text,
    region text,
    postal_area text,
    promised_at timestamptz,
    seller text,
    sellers smallint,
    carrier text,
    category text,
    items smallint,
    price double precision check (price >= 0),
    freight double precision check (freight >= 0),
    weight_kg double precision check (weight_kg >= 0),
    volume_l double precision check (volume_l >= 0),
    distance_km double precision check (distance_km >= 0),
    source text not null,
    source_position bigint not null,
    check (type <> 'placed' or (centre_id is not null and day is not null
           and promised_at is not null and customer is not null)),
    check (day = (occurred_at at time zone 'UTC')::date)
);
create index on raw.orders (order_id);
create index on raw.orders (centre_id, day) where type = 'placed';
create unique index order_placed_once on raw.orders (order_id) where type = 'placed';
create index on raw.orders (customer) where customer is not null;
comment on table raw.orders is
    'One row per event of an order''s life. What a correction does not change is null in it.';
comment on column raw.orders.centre_id is 'Region when placed; null in other types.';
comment on column raw.orders.day is 'UTC day on which it was placed; null in other types.';
comment on column raw.orders.customer is 'Keyed pseudonym; the key is outside of the database.';
comment on column raw.orders.available_at is
    'When the event became known, never before it occurred.';
comment on column raw.orders.source is 'kafka:<topic>/<partition>, file:<name> or simulated.';
comment on column raw.orders.source_position is 'Offset of the message, or line of the file.';

create table raw.payments (
    event_id text primary key,
    order_id text not null,
    occurred_at timestamptz not null,
    available_at timestamptz not null,
    method text,
    installments smallint,
    value double precision not null check (value >= 0),
    source text not null,
    source_position bigint not null
);
create index on raw.payments (order_id);

create table raw.tracking (
    event_id text primary key,
    type text not null
        check (type in ('handed_over', 'in_transit', 'out_for_delivery', 'delivered', 'returned')),
    order_id text not null,
    occurred_at timestamptz not null,
    available_at timestamptz not null,
    place text,
    source text not null,
    source_position bigint not null
);
create index on raw.tracking (order_id);

create table raw.incident_logs (
    event_id text primary key,
    type text not null check (type in ('opened', 'resolved')),
    incident_id text not null,
    order_id text not null,
    kind text,
    occurred_at timestamptz not null,
    available_at timestamptz not null,
    source text not null,
    source_position bigint not null
);
create index on raw.incident_logs (order_id);

create table ops.touched (
    mark bigint generated always as identity primary key,
    flow text not null,
    order_ids text[] not null,
    touched_at timestamptz not null default now(),
    request text
);
comment on table ops.touched is
    'Orders that a stream''s transaction wrote events of, until the partitions they lie in were'
    ' merged again. Written with the events, so that none is forgotten whatever dies when.';
comment on column ops.touched.request is 'The runs that were asked to merge them; null before.';

alter table ops.quarantine add column subjects text[];
create index quarantine_by_subject on ops.quarantine using gin (subjects);
comment on column ops.quarantine.subjects is
    'Keyed pseudonyms of the words of a sealed payload: a person''s rows are found by them.';

alter table ops.quarantine add column settled_at timestamptz;
comment on column ops.quarantine.settled_at is
    'When the row was repaired or dropped; null while it is open. How long it is kept counts from'
    ' here.';
create function ops.note_settling() returns trigger language plpgsql as $$
begin
    new.settled_at := case when new.state = 'open' then null else now() end;
    return new;
end
$$;
create trigger note_settling before update of state on ops.quarantine
    for each row when (old.state is distinct from new.state) execute function ops.note_settling();
comment on function ops.note_settling is
    'Several parts settle rows of the quarantine: none of them can forget the moment.';

create table ops.erased (
    token text primary key,
    kind text not null check (kind in ('customer', 'order', 'words', 'name', 'order_words')),
    erased_at timestamptz not null default now()
);
comment on table ops.erased is
    'Keyed pseudonyms of erased customers and of their orders: what comes of them again is not'
    ' stored. FLOW_HOME/privacy keeps the same outside of the database and its backups.';
comment on column ops.erased.kind is
    'customer, order: as a readable event tells them. The others are of texts that cannot be read:'
    ' the tokens of their words, with blanks between, that must all be there. words: id, e-mail;'
    ' name: counts where no other customer is told; order_words: where no other order is told.';

alter table ops.offsets add column rows_erased bigint not null default 0;
alter table ops.offsets add column offsets_lost bigint not null default 0;
comment on column ops.offsets.partition is
    'MQTT: the topic. Portal: the data set. Kafka: topic/partition.';
comment on column ops.offsets.position is
    'MQTT: settled messages of the topic. Portal: newest hour fetched, in seconds since 1970.'
    ' Kafka: the next offset to read.';
comment on column ops.offsets.rows_erased is
    'Messages of erased customers and orders: not stored, and not kept.';
comment on column ops.offsets.offsets_lost is
    'Offsets that the broker had deleted before they were read.';

create table ops.privacy_audit (
    audit_id bigint generated always as identity primary key,
    at timestamptz not null default now(),
    actor text not null,
    action text not null check (action in ('export', 'erase', 'purge', 'reapply')),
    subject text,
    rows jsonb not null
);
comment on table ops.privacy_audit is
    'What was exported, erased and purged: a pseudonym and counts of rows by table, no content.';

create table ops.desk_actions (
    action_id bigint generated always as identity primary key,
    order_id text not null,
    action text not null check (action in ('note', 'resolve', 'reopen')),
    note text check (length(note) <= 2000),
    author text not null check (length(author) between 1 and 100),
    acted_at timestamptz not null default now(),
    check (action <> 'note' or note is not null)
);
create index on ops.desk_actions (order_id);
comment on table ops.desk_actions is 'What people at the deliveries desk wrote down and resolved.';

create table ml.deliveries_scores (
    order_id text not null,
    centre_id text not null,
    day date not null,
    stage text not null check (stage in ('approved', 'in_transit')),
    scored_at timestamptz not null,
    predicted_days double precision not null,
    lower_80 double precision not null,
    upper_80 double precision not null,
    late_probability double precision not null check (late_probability between 0 and 1),
    threshold double precision not null check (threshold between 0 and 1),
    reasons jsonb not null,
    model_version text not null,
    late_version text not null,
    primary key (order_id, stage, scored_at),
    check (0 <= lower_80 and lower_80 <= predicted_days and predicted_days <= upper_80)
);
create index on ml.deliveries_scores (centre_id, day);
comment on table ml.deliveries_scores is
    'What was said of each order: when approved, and at every tracking event, by the vintages that'
    ' served that moment.';
comment on column ml.deliveries_scores.predicted_days is 'Days from placing to delivery.';
comment on column ml.deliveries_scores.threshold is 'From here on an order counts as high risk.';
comment on column ml.deliveries_scores.reasons is
    'What raised the risk most: a list of {feature, effect}, effects in log-odds.';

create table ml.customer_segments (
    month date not null,
    customer text not null,
    centre_id text not null,
    segment smallint not null,
    name text not null,
    recency_days double precision not null,
    orders integer not null,
    value double precision not null,
    late_share double precision,
    mean_days double precision,
    model_version text not null,
    primary key (month, customer)
);
create index on ml.customer_segments (customer, month);
comment on table ml.customer_segments is
    'Each customer''s segment by what was known before the first of the month.';

create table ml.segment_profiles (
    month date not null,
    segment smallint not null,
    name text not null,
    customers integer not null,
    recency_days double precision not null,
    orders double precision not null,
    value double precision not null,
    late_share double precision,
    mean_days double precision,
    stability double precision not null,
    model_version text not null,
    primary key (month, segment)
);
comment on column ml.segment_profiles.stability is
    'Mean Jaccard similarity of this segment over bootstrap samples (Hennig 2007).';

create table ml.segment_choices (
    month date not null,
    k smallint not null,
    silhouette double precision not null,
    stability double precision not null,
    chosen boolean not null,
    primary key (month, k)
);
comment on table ml.segment_choices is 'How well each number of segments would have served.';

grant select, insert, update, delete on raw.orders, raw.payments, raw.tracking, raw.incident_logs,
    ops.touched, ops.erased to flow_ingest;
grant insert, select on ops.privacy_audit to flow_ingest;
grant select on raw.orders, raw.payments, raw.tracking, raw.incident_logs, ops.desk_actions,
    ops.touched, ml.deliveries_scores, ml.customer_segments, ml.segment_profiles,
    ml.segment_choices to flow_transform;
grant select, insert, update, delete on ml.deliveries_scores, ml.customer_segments,
    ml.segment_profiles, ml.segment_choices to flow_ml;
-- Not acted_at: the desk cannot say that it acted earlier.
grant select, insert (order_id, action, note, author) on ops.desk_actions to flow_desk;
"""

RIGHTS = """
grant usage on schema ops, published to flow_desk;
alter default privileges for role flow_transform in schema published
    grant select on tables to flow_desk;
grant select on all tables in schema published to flow_desk;
"""


def upgrade() -> None:
    as_owner(TABLES)
    op.execute(RIGHTS)


def downgrade() -> None:
    op.execute("delete from ml.vintages where flow = 'deliveries'")
    op.execute("drop table ml.segment_choices, ml.segment_profiles, ml.customer_segments")
    op.execute("drop table ml.deliveries_scores, ops.desk_actions, ops.privacy_audit, ops.erased")
    op.execute("delete from ops.offsets where flow = 'deliveries'")
    op.execute("alter table ops.offsets drop column rows_erased, drop column offsets_lost")
    op.execute("drop trigger note_settling on ops.quarantine")
    op.execute("drop function ops.note_settling")
    op.execute("alter table ops.quarantine drop column subjects, drop column settled_at")
    op.execute("drop table ops.touched, raw.incident_logs, raw.tracking, raw.payments, raw.orders")
    op.execute(
        "alter default privileges for role flow_transform in schema published"
        " revoke select on tables from flow_desk"
    )
    op.execute("revoke all on all tables in schema published from flow_desk")
    op.execute("revoke usage on schema ops, published from flow_desk")
