"""When the event of a calendar day was announced: forecasts before it must not know."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("set role flow_owner")
    op.execute("alter table raw.calendar add column event_announced date")
    op.execute(
        "comment on column raw.calendar.event_announced is"
        " 'Day on which the event became known, the last of several; null if it always was.'"
    )
    op.execute("reset role")


def downgrade() -> None:
    op.execute("alter table raw.calendar drop column event_announced")
