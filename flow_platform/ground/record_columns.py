"""The columns of records with one outcome, as files, tables and models have them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RecordColumns:
    """The columns of a flow of records.

    key, began_at  identity of the record, and when it began (UTC): from then on it is scored
    outcome        what is predicted: a number of zero or more, null while it is not known
    numbers        numbers that are known when a record begins
    categories     texts that are known when a record begins

    A table also has centre_id, day (UTC, of began_at) and available_at: when the outcome became
    known (UTC), null while it is not.

    >>> RecordColumns("claim_id", "opened_at", "amount", ("weight",), ("kind",)).all
    ('claim_id', 'centre_id', 'day', 'opened_at', 'available_at', 'amount', 'weight', 'kind')
    """

    key: str
    began_at: str
    outcome: str
    numbers: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        """Every column of a table that models read."""
        own = (self.key, "centre_id", "day", self.began_at, "available_at", self.outcome)
        return (*own, *self.numbers, *self.categories)

    @property
    def in_files(self) -> tuple[str, ...]:
        """Every column that a file has; `ended_at` is when the outcome became known."""
        own = (self.key, "centre_id", self.began_at, "ended_at", self.outcome)
        return (*own, *self.numbers, *self.categories)
