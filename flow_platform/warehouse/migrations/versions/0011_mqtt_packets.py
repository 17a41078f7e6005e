"""The packets that an MQTT session has settled get a name of their own: `deliveries` is a flow."""

from alembic import op

revision = "0011"
down_revision = "0010"

# Rows, rights and indexes move with a table; names of its constraints do not. Their number depends
# on the server: PostgreSQL 18 also names each `not null`.
RENAME = """
alter table ops.{old} rename to {new};
do $$
declare
    old_name text;
begin
    for old_name in
        select conname from pg_constraint
        where conrelid = 'ops.{new}'::regclass and conname like '{old}\\_%'
    loop
        execute format('alter table ops.{new} rename constraint %I to %I', old_name,
            '{new}' || substr(old_name, length('{old}') + 1));
    end loop;
end
$$;
comment on table ops.{new} is '{comment}';
"""
COMMENT = (
    "Identifiers of the packets that an MQTT session has settled: a packet that the broker sends"
    " again is recognised by its identifier and digest, even if its message has no event id."
)
COMMENT_BEFORE = (
    "Packet identifiers an MQTT session has settled: a redelivery of one is settled already, even"
    " when its message bears no event id."
)


def upgrade() -> None:
    op.execute(RENAME.format(old="deliveries", new="mqtt_packets", comment=COMMENT))


def downgrade() -> None:
    op.execute(RENAME.format(old="mqtt_packets", new="deliveries", comment=COMMENT_BEFORE))
