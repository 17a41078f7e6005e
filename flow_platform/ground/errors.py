"""The few kinds of error the platform raises on purpose.

Each message says what was wrong, where, and what to do. Programming errors stay what Python
makes of them and are not wrapped here.
"""


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
