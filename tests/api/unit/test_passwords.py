"""Which passwords are accepted."""

from __future__ import annotations

import pytest

from flow_platform.api.passwords import refusal


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("short é", "at least 8"),
        ("x" * 1025, "at most 1024"),
        ("password1", "most common"),
        ("PassWord1", "most common"),
        ("iloveyou!", "most common"),
        ("trustno1trustno1", None),
        ("aaaaaaaaaaaa", "pattern"),
        ("abababababab", "pattern"),
        ("23456789012", "pattern"),
        ("defghijkl", "pattern"),
        ("flowplatform", "most common"),
        ("ada.lovelace", "e-mail"),
        ("Ada-Lovelace-1815", "e-mail"),
        ("my ada.lovelace@engine.example pass", "e-mail"),
        ("engine.example", "e-mail"),
        ("        ", "pattern"),
        ("correct horse battery staple", None),
        ("pässwörter mit Ümlaut", None),
        ("пароль-которого-нет", None),
        ("🦜🦜🦜🦜 four parrots", None),
    ],
)
def test_which_passwords_are_accepted(password: str, reason: str | None) -> None:
    found = refusal(password, "ada.lovelace@engine.example")
    assert (found is None) if reason is None else (found is not None and reason in found)


def test_thousands_of_common_passwords_are_refused() -> None:
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    long_enough = [entry for entry in FREQUENCY_LISTS["passwords"] if len(entry) >= 8]
    assert len(long_enough) > 3000
    assert all(refusal(entry, "a@b.example") for entry in long_enough[:3000])
