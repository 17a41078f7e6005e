"""The installation's secret, and the keys derived from it.

Without FLOW_SECRET one is made and kept in FLOW_HOME/secret.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from flow_platform.ground.errors import ConfigurationError
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
    plain = secret.lower()
    if len(secret) < _SHORTEST_SECRET:
        fault = f"has {len(secret)} characters; it needs {_SHORTEST_SECRET} or more"
    elif len(set(secret)) < _FEWEST_DIFFERENT:
        fault = f"has only {len(set(secret))} different characters"
    elif any(known in plain for known in _KNOWN_SECRETS):
        fault = "holds a word of examples and defaults"
    elif plain in (plain + plain)[1:-1]:
        fault = "is one piece over and over"
    else:
        return
    raise ConfigurationError(
        f"FLOW_SECRET {fault}. Make one with: openssl rand -hex 32. Passwords, tokens and"
        " pseudonyms are derived from it."
    )


def _kept_secret(settings: Settings) -> str:
    path: Path = settings.home_path / "secret"
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(descriptor, "w") as file:
        secret = secrets.token_hex(32)
        file.write(secret)
    return secret
