"""Retail: invoice lines, what the source says of each day, and a calendar for each flow.

Two flows may have centres of one name: what is kept per centre is kept per flow from here on.
"""

from alembic import op

from flow_platform.warehouse.migration_steps import as_owner

revision = "0002"
down_revision = "0001"

TABLES = """
create table raw.retail (
    centre_id text not null,
    day date not null,
    invoice text not null,
    stock_code text not null,
    description text not null,
    quantity double precision not null,
    price double precision not null,
    sold_at timestamptz not null,
    customer text,
    has_customer boolean not null,
    occurrence integer not null check (occurrence > 0),
    line_class text not null check (
        line_class in ('cancellation', 'bad_debt', 'return', 'no_price', 'duplicate', 'sale')),
    available_at timestamptz not null,
    source_file text not null,
    source_line bigint not null,
    check (has_customer = (customer is not null))
);
create index on raw.retail (centre_id, day);
comment on table raw.retail is 'One row per invoice line; customer is a keyed pseudonym.';

create table raw.retail_days (
    centre_id text not null,
    day date not null,
    shop_sale_lines bigint not null,
    seen_before boolean not null,
    available_at timestamptz not null,
    primary key (centre_id, day)
);
comment on table raw.retail_days is
    'What the whole source says of a day: sale lines of all countries, and whether this country had'
    ' sold on an earlier day.';

alter table raw.calendar add column flow text not null default 'parcels';
alter table raw.calendar alter column flow drop default;
alter table raw.calendar add column shop_holiday text;
alter table raw.calendar drop constraint calendar_pkey;
alter table raw.calendar add primary key (flow, centre_id, day);
comment on column raw.calendar.shop_holiday is
    'Public holiday where the shop is, in flows that have a shop.';

alter table ops.loads add column rows_repeated bigint not null default 0;
alter table ops.loads drop constraint loads_check1;
alter table ops.loads add check (rows_in_file = rows_read + rows_left + rows_repeated);
comment on column ops.loads.rows_repeated is 'Rows that another file of the load has brought.';

grant select, insert, update, delete on raw.retail, raw.retail_days to flow_ingest;
grant select on raw.retail, raw.retail_days to flow_transform;
"""


def upgrade() -> None:
    as_owner(TABLES)
    # dbt cannot add a column to a seed; it makes the table and the views on it again.
    op.execute("drop table if exists staging.centres cascade")


def downgrade() -> None:
    op.execute("drop table if exists staging.centres cascade")
    op.execute("drop table raw.retail, raw.retail_days")
    op.execute("delete from raw.calendar where flow <> 'parcels'")
    op.execute("alter table raw.calendar drop constraint calendar_pkey")
    op.execute("alter table raw.calendar add primary key (centre_id, day)")
    op.execute("alter table raw.calendar drop column flow, drop column shop_holiday")
    op.execute("alter table ops.loads drop constraint loads_check1")
    op.execute("alter table ops.loads drop column rows_repeated")
    op.execute("alter table ops.loads add check (rows_in_file = rows_read + rows_left)")
