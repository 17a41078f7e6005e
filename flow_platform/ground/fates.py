"""The fate of a record that was offered for storing: one of four words, or a reason.

A reason is "code: words" and means that the record is in quarantine.
"""

from __future__ import annotations

STORED = "stored"
REPEATED = "repeated"  # the same event with the same content was stored before
ERASED = "erased"  # it concerns an erased person, and is kept nowhere
REDELIVERED = "redelivered"  # a broker sent a settled message again; nothing was written
_NOT_QUARANTINED = frozenset({STORED, REPEATED, ERASED, REDELIVERED})


def code_of(fate: str) -> str:
    """The code of a reason, which is the text before its colon; any other fate as it is."""
    return fate.partition(":")[0]


def is_quarantined(fate: str) -> bool:
    return fate not in _NOT_QUARANTINED
