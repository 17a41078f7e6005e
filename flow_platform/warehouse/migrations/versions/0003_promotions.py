"""The log of who was made champion, by which comparison, and from which day on. Only added to."""

from alembic import op

from flow_platform.warehouse.migration_steps import as_owner

revision = "0003"
down_revision = "0002"

TABLES = """
create table ml.promotions (
    decision_id bigint generated always as identity primary key,
    flow text not null,
    measure text not null,
    effective_day date not null,
    decided_at timestamptz not null default now(),
    kind text not null check (kind in ('first', 'monthly', 'promote', 'rollback', 'refused')),
    champion_version text,
    challenger_version text,
    promoted boolean not null,
    serving_candidate text not null,
    serving_month date not null,
    reason text not null,
    first_origin date,
    last_origin date,
    origins integer not null,
    rows bigint not null,
    champion_mase double precision,
    challenger_mase double precision,
    difference double precision,
    difference_low double precision,
    difference_high double precision,
    champion_coverage double precision,
    champion_coverage_low double precision,
    champion_coverage_high double precision,
    challenger_coverage double precision,
    challenger_coverage_low double precision,
    challenger_coverage_high double precision,
    decided_by text not null
);
create index on ml.promotions (flow, measure, effective_day);
comment on table ml.promotions is
    'Every decision on who forecasts; the newest one for a day counts. Rows are never changed.';
comment on column ml.promotions.serving_candidate is
    'With serving_month: the vintage that serves from effective_day on, also once it is retrained.';
"""

RIGHTS = """
grant select, insert on ml.promotions to flow_ml;
grant select on ml.promotions to flow_transform;
"""


def upgrade() -> None:
    as_owner(TABLES)
    op.execute(RIGHTS)


def downgrade() -> None:
    op.execute("drop table ml.promotions")
