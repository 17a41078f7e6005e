"""The encoding that a file was read in, where it is detected and not set."""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.execute("alter table ops.loads add column encoding text")
    op.execute(
        "comment on column ops.loads.encoding is 'Encoding that was detected, of a file that is not"
        " UTF-8 and has none in sources.toml.'"
    )


def downgrade() -> None:
    op.execute("alter table ops.loads drop column encoding")
