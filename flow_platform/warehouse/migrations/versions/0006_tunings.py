"""What each search for LightGBM's parameters found. Only added to; its trials are Optuna's own."""

from alembic import op

from flow_platform.warehouse.migration_steps import as_owner

revision = "0006"
down_revision = "0005"

TABLES = """
create table ml.tunings (
    tuning_id bigint generated always as identity primary key,
    flow text not null,
    measure text not null,
    month date not null,
    study text not null,
    parameters jsonb not null,
    trials integer not null check (trials > 0),
    seconds double precision not null,
    loss double precision not null,
    default_loss double precision not null,
    adopted boolean not null,
    tuned_at timestamptz not null default now()
);
create index on ml.tunings (flow, measure, month);
comment on table ml.tunings is
    'Vintages of a month use the newest row of the newest month up to theirs: its parameters where
    adopted, else the defaults. Rows are never changed.';
comment on column ml.tunings.parameters is
    'The best of the study''s trials, adopted or not; loss is theirs, mean |error| of log(1 + y).';
comment on column ml.tunings.trials is 'Of the whole study; seconds are those of this search.';
"""

RIGHTS = "grant select, insert on ml.tunings to flow_ml"


def upgrade() -> None:
    as_owner(TABLES)
    op.execute(RIGHTS)


def downgrade() -> None:
    op.execute("drop table ml.tunings")
