"""The few kinds of error the platform raises on purpose.

Each message says what was wrong, where, and what to do. Programming errors stay what Python
makes of them and are not wrapped here.
"""

from __future__ import annotations


class FlowError(Exception):
    """Base of every error a user can act on."""


class ConfigurationError(FlowError):
    """A setting, sources.toml, centres or events file cannot be used."""


class SourceError(FlowError):
    """A source of raw rows cannot be read."""


class WarehouseError(FlowError):
    """PostgreSQL is missing, unreachable or refuses what the platform needs."""


class ModelError(FlowError):
    """A model vintage is missing, broken or does not match its checksum."""


class TooLittleHistory(ModelError):
    """Too little was known before a cut-off to train any candidate on it."""

    @classmethod
    def at(cls, cutoff: object, gap: str) -> TooLittleHistory:
        """The error for a cut-off; `gap` is what is missing."""
        return cls(f"Cannot train at {cutoff}: {gap}. Use the fallback until more is known.")
