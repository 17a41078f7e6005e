"""When the event of a calendar day was announced: forecasts before it must not know."""

from alembic import op

from flow_platform.warehouse.migration_steps import as_owner

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    as_owner(
        "alter table raw.calendar add column event_announced date",
        "comment on column raw.calendar.event_announced is"
        " 'Day on which the event became known, the last of several; null if it always was.'",
    )


def downgrade() -> None:
    op.execute("alter table raw.calendar drop column event_announced")
