"""The installation's secret, and the keys derived from it.

Without FLOW_SECRET one is made and kept in FLOW_HOME/secret.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from pathlib import Path

from flow_platform.ground.errors import ConfigurationError
from flow_platform.ground.state_files import create_file
from flow_platform.settings import Settings

_SHORTEST_SECRET = 32
_FEWEST_DIFFERENT = 8
# What examples, tutorials and compose files write; a random secret has none of these.
_KNOWN_SECRETS = (
    *("changeme", "change-me", "change_me", "changethis", "change-this", "replaceme", "replace-me"),
    *("password", "example", "default", "insecure", "placeholder", "your-secret", "your_secret"),
    *("yoursecret", "supersecret", "super-secret", "super_secret", "mysecret", "my-secret"),
    *("notasecret", "not-a-secret", "topsecret", "letmein", "qwertyuiop", "1234567890"),
    *("0123456789abcdef", "abcdefghijkl", "correcthorse", "flow-platform", "flow_platform"),
    "flowplatform",
)

_LOST = (
    "Put it back from its copy. If nothing was stored with it yet, remove the file: the next"
    " command makes a new one. Passwords, tokens and pseudonyms are derived from it."
)


def derived_key(settings: Settings, purpose: str) -> bytes:
    """A key for one purpose, made from the installation's secret; 32 bytes, always the same.

    From the key of one purpose neither another's nor a role's password can be found.
    """
    text = f"flow_platform key for {purpose}"
    return hmac.new(secret_of(settings).encode(), text.encode(), hashlib.sha256).digest()


def secret_of(settings: Settings) -> str:
    if settings.secret is None:
        return _kept_secret(settings)
    secret = settings.secret.get_secret_value()
    check_secret(secret)
    return secret


def check_secret(secret: str) -> None:
    """Raise ConfigurationError if the secret could be guessed: passwords and keys come of it."""
    if (fault := _fault(secret)) is not None:
        raise ConfigurationError(
            f"FLOW_SECRET {fault}. Make one with: openssl rand -hex 32. Passwords, tokens and"
            " pseudonyms are derived from it."
        )


def _fault(secret: str) -> str | None:
    """Why a secret could be guessed, or None."""
    plain = secret.lower()
    if len(secret) < _SHORTEST_SECRET:
        return f"has {len(secret)} characters; it needs {_SHORTEST_SECRET} or more"
    if len(set(secret)) < _FEWEST_DIFFERENT:
        return f"has only {len(set(secret))} different characters"
    if any(known in plain for known in _KNOWN_SECRETS):
        return "holds a word of examples and defaults"
    return "is one piece over and over" if plain in (plain + plain)[1:-1] else None


def _kept_secret(settings: Settings) -> str:
    path: Path = settings.home_path / "secret"
    create_file(path, secrets.token_hex(32))
    try:
        secret = path.read_text().strip()
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}. {_LOST}") from error
    if (fault := _fault(secret)) is not None:
        raise ConfigurationError(f"The secret in {path} {fault}. {_LOST}")
    return secret
