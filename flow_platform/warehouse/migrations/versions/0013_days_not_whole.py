"""Days some of whose rows were refused, and whether a merged row is of a whole day."""

from alembic import op

from flow_platform.warehouse.migration_steps import as_owner

revision = "0013"
down_revision = "0012"

TABLES = """
alter table ops.loads add column days_not_whole bigint not null default 0;
comment on column ops.loads.days_not_whole is
    'Centres and days of the load that are not whole, and that rows of the file have a part in.';

create table ops.days_not_whole (
    flow text not null,
    centre_id text not null,
    day date not null,
    rows_refused bigint not null,
    rows_without_day bigint not null,
    rows_stored bigint not null,
    reason text not null,
    primary key (flow, centre_id, day)
);
comment on table ops.days_not_whole is
    'Centres and days of which the newest load refused rows: their actuals lack something.';

grant select, insert, update, delete on ops.days_not_whole to flow_ingest;
grant select on ops.days_not_whole to flow_transform;
"""

# dbt makes these tables, so a new home has none of them yet.
MERGED = ("parcels", "retail", "traffic", "trips", "deliveries")


def upgrade() -> None:
    as_owner(TABLES)
    for name in MERGED:
        op.execute(
            f"alter table if exists merged.{name}"
            " add column if not exists is_whole boolean default true"
        )


def downgrade() -> None:
    # Views of dbt read the column: the next build makes them again.
    for name in MERGED:
        op.execute(f"alter table if exists merged.{name} drop column if exists is_whole cascade")
    op.execute("drop view if exists published.loads, published.days_not_whole")
    op.execute("drop table ops.days_not_whole")
    op.execute("alter table ops.loads drop column days_not_whole")
