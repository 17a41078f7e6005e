"""Schemas, rights and the tables that Python writes: raw, ops, ml, monitoring.

Tables that dbt builds (staging, merged, accuracy, published views) are not made here.
"""

from alembic import op

from flow_platform.warehouse.migration_steps import as_owner

revision = "0001"
down_revision = None

SCHEMAS = ("raw", "staging", "merged", "ml", "monitoring", "ops", "published")

TABLES = """
create table raw.parcels (
    centre_id text not null,
    day date not null,
    parcels double precision not null check (parcels >= 0),
    available_at timestamptz not null,
    source_file text not null,
    source_line bigint not null
);
create index on raw.parcels (centre_id, day);
comment on table raw.parcels is 'One row per accepted source row: parcels of a centre and day.';

create table raw.weather (
    centre_id text not null,
    day date not null,
    vintage text not null check (vintage in ('forecast', 'observed')),
    target_day date not null,
    lead_days smallint not null,
    available_at timestamptz not null,
    temperature_mean double precision,
    temperature_min double precision,
    temperature_max double precision,
    precipitation_mm double precision,
    snowfall_cm double precision,
    wind_max_kmh double precision,
    primary key (centre_id, day, vintage, target_day)
);
create index on raw.weather (centre_id, target_day);
comment on table raw.weather is
    'Vintages of daily weather; day = partition: the day on which the row became known.';

create table raw.calendar (
    centre_id text not null,
    day date not null,
    weekday smallint not null,
    holiday text,
    is_public_holiday boolean not null,
    is_bridge_day boolean not null,
    is_school_holiday boolean not null,
    school_holiday text,
    days_to_holiday smallint not null,
    days_since_holiday smallint not null,
    is_month_start boolean not null,
    is_month_end boolean not null,
    event text,
    is_event boolean not null,
    primary key (centre_id, day)
);

create table ops.loads (
    load_id text not null,
    flow text not null,
    file text not null,
    first_day date not null,
    last_day date not null,
    loaded_at timestamptz not null default now(),
    rows_in_file bigint not null,
    rows_read bigint not null,
    rows_stored bigint not null,
    rows_quarantined bigint not null,
    rows_left bigint not null,
    error text,
    primary key (load_id, flow, file),
    check (rows_read = rows_stored + rows_quarantined),
    check (rows_in_file = rows_read + rows_left)
);
comment on table ops.loads is
    'One row per file and asked-for range: read = stored + quarantined. load_id names the range, so'
    ' loading the same again replaces its row.';

create table ops.quarantine (
    flow text not null,
    source_file text not null,
    source_line bigint not null,
    payload_sha256 text not null,
    reason text not null,
    day date,
    centre_id text,
    payload jsonb not null,
    state text not null default 'open' check (state in ('open', 'repaired', 'dropped')),
    quarantined_at timestamptz not null default now(),
    primary key (flow, source_file, source_line, payload_sha256)
);
comment on table ops.quarantine is 'Rejected rows, whole, with the reason, file and line.';

create table ml.vintages (
    flow text not null,
    measure text not null,
    candidate text not null,
    month date not null,
    cutoff timestamptz not null,
    model_version text not null,
    is_champion boolean not null default false,
    sha256 text not null,
    artefact_path text not null,
    fingerprint text not null,
    metrics jsonb not null,
    trained_rows bigint not null,
    train_first date not null,
    train_last date not null,
    trained_at timestamptz not null default now(),
    primary key (flow, measure, candidate, month)
);
create unique index one_champion_a_month on ml.vintages (flow, measure, month) where is_champion;

create table ml.forecasts (
    flow text not null,
    measure text not null,
    centre_id text not null,
    day date not null,
    date date not null,
    target_at timestamptz not null,
    horizon smallint not null check (horizon > 0),
    issued_at timestamptz not null,
    prediction double precision not null check (prediction >= 0),
    lower_80 double precision not null,
    upper_80 double precision not null,
    lower_95 double precision not null,
    upper_95 double precision not null,
    model_version text not null,
    primary key (flow, measure, centre_id, day, horizon),
    check (0 <= lower_95 and lower_95 <= lower_80 and lower_80 <= prediction
           and prediction <= upper_80 and upper_80 <= upper_95)
);
create index on ml.forecasts (flow, measure, centre_id, date);
comment on column ml.forecasts.day is 'Partition day: forecasts are issued at its close.';

create table monitoring.drift (
    flow text not null,
    centre_id text not null,
    day date not null,
    feature text not null,
    psi double precision,
    psi_critical double precision,
    ks_statistic double precision,
    ks_pvalue double precision,
    n_current integer not null,
    n_reference integer not null,
    status text not null check (status in ('ok', 'drift', 'insufficient')),
    primary key (flow, centre_id, day, feature)
);

create table monitoring.check_results (
    flow text not null,
    check_name text not null,
    centre_id text not null,
    day date not null,
    passed boolean not null,
    detail text,
    primary key (flow, check_name, centre_id, day)
);
"""

RIGHTS = """
grant usage on schema raw, ops to flow_ingest;
grant select, insert, update, delete on all tables in schema raw to flow_ingest;
grant select, insert, update, delete on ops.loads, ops.quarantine to flow_ingest;

grant usage on schema raw, ml, monitoring, ops to flow_transform;
grant usage, create on schema staging, merged, monitoring, published to flow_transform;
grant select on all tables in schema raw, ml, monitoring, ops to flow_transform;

grant usage on schema staging, merged, ml, monitoring to flow_ml;
grant select, insert, update, delete on all tables in schema ml, monitoring to flow_ml;
alter default privileges for role flow_transform in schema staging, merged, monitoring
    grant select on tables to flow_ml;

grant usage on schema published to flow_api, flow_dashboard, flow_ml, flow_dagster;
alter default privileges for role flow_transform in schema published
    grant select on tables to flow_api, flow_dashboard, flow_ml, flow_dagster;
"""


def upgrade() -> None:
    for schema in SCHEMAS:
        op.execute(f"create schema {schema} authorization flow_owner")
    as_owner(TABLES)
    op.execute(RIGHTS)


def downgrade() -> None:
    for schema in reversed(SCHEMAS):
        op.execute(f"drop schema {schema} cascade")
