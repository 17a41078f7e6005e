"""Passwords: which are accepted, and how they are hashed, off the event loop. No database here.

Accepted are those of at least 8 characters that are neither common nor made of the e-mail address.
Every character counts, spaces and accents too; nothing is cut off.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import TypeVar

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from pwdlib.hashers.bcrypt import BcryptHasher

from flow_platform.api.problems import Problem

SHORTEST, LONGEST = 8, 1024
# Fewer different characters than this is a pattern: 11111111, abababab.
_FEWEST_DIFFERENT = 4
# A hash takes 64 MiB and one core: more at once would only make all of them late.
_AT_ONCE = 2
_MOST_WAITING = 64
# bcrypt never read further; since its version 5 it refuses more.
_BCRYPT_BYTES = 72
_SEQUENCES = (
    "0123456789012345678909876543210",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiopasdfghjklzxcvbnm",
)

_Result = TypeVar("_Result")


def normalised(password: str) -> str:
    """One form for texts that look the same: an accent may be typed in two ways (NFC)."""
    return unicodedata.normalize("NFC", password)


def refusal(password: str, email: str) -> str | None:
    """The reason why this password is not accepted, in a sentence; None if it is accepted.

    >>> refusal("11111111", "ada@example.com")
    'This password is a simple pattern. Use another, such as four words.'
    """
    text = normalised(password)
    if len(text) < SHORTEST:
        return f"Use at least {SHORTEST} characters."
    if len(text) > LONGEST:
        return f"Use at most {LONGEST} characters."
    plain = text.casefold()
    if plain in _common():
        return "This password is one of the most common ones. Use another, such as four words."
    if len(set(plain)) < _FEWEST_DIFFERENT or any(plain in line for line in _SEQUENCES):
        return "This password is a simple pattern. Use another, such as four words."
    letters = re.sub(r"[\W\d_]", "", plain)
    name, _, domain = email.casefold().partition("@")
    own = {re.sub(r"[\W\d_]", "", part) for part in (name, domain, domain.split(".")[0], email)}
    if email.casefold() in plain or (letters and letters in own):
        return "This password is made of the e-mail address. Use another."
    return None


@cache
def _common() -> frozenset[str]:
    # 11,600 of at least 8 characters, by how often leaked accounts had them (zxcvbn).
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    listed = {entry for entry in FREQUENCY_LISTS["passwords"] if len(entry) >= SHORTEST}
    return frozenset(listed | {"flowplatform", "flow-platform", "flow platform"})


class _Bcrypt(BcryptHasher):
    """Hashes of another system, made when bcrypt silently cut passwords at 72 bytes."""

    def verify(self, password: str | bytes, hash: str | bytes) -> bool:
        raw = password.encode() if isinstance(password, str) else password
        try:
            return super().verify(raw[:_BCRYPT_BYTES], hash)
        except ValueError:
            return False


class Passwords:
    """Hashes and verifies passwords in threads of its own, two at once."""

    def __init__(self) -> None:
        self._hasher = PasswordHash((Argon2Hasher(), _Bcrypt()))
        self._threads = ThreadPoolExecutor(_AT_ONCE, "passwords")
        self._waiting = 0
        # Unknown names are compared with this hash, so that they take as long as known ones.
        self._nobody = self._hasher.hash(secrets.token_urlsafe(32))

    async def hash(self, password: str) -> str:
        """The Argon2id hash of a password. Raises Problem 503 when too many calls wait."""
        return await self._run(partial(self._hasher.hash, normalised(password)))

    async def verify(self, password: str, hash: str | None) -> tuple[bool, str | None]:
        """Whether the password is that of `hash`, and a new hash where `hash` is of an old kind.

        Without a hash (an unknown name, or a hash that cannot be read) it takes as long, and the
        answer is False. Raises Problem 503 when too many calls wait.
        """
        is_known = hash is not None and any(
            hasher.identify(hash) for hasher in self._hasher.hashers
        )
        known = hash if hash is not None and is_known else self._nobody
        right, fresh = await self._run(
            partial(self._hasher.verify_and_update, normalised(password), known)
        )
        return right and is_known, fresh

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], _Result]) -> _Result:
        if self._waiting >= _MOST_WAITING:
            raise Problem(
                503,
                detail="Too many sign-ins at once. Try again in some seconds.",
                headers={"Retry-After": "3"},
            )
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1
