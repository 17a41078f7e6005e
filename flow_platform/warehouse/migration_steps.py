"""What migrations share: running statements as the owner of the tables.

The migrations are in `migrations/versions`; `migrate.py` runs them.
"""

from alembic import op


def as_owner(*statements: str) -> None:
    """Run the statements as the role that owns schemas and tables, then be the administrator."""
    op.execute("set role flow_owner")
    for statement in statements:
        op.execute(statement)
    op.execute("reset role")
