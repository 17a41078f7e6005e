"""How the dates of a file were read, so that rows of an earlier reading are found."""

from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.execute("alter table ops.loads add column dates text")
    op.execute(
        "comment on column ops.loads.dates is 'How the dates of the file were read: ISO, the order"
        " of day and month, what numbers are, or date_format. Null before this was recorded.'"
    )


def downgrade() -> None:
    op.execute("alter table ops.loads drop column dates")
