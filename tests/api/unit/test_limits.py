"""Which addresses are counted as one client."""

from __future__ import annotations

import pytest

from flow_platform.api.limits import address_subject


@pytest.mark.parametrize(
    ("address", "subject"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("", ""),
        ("testclient", "testclient"),
    ],
)
def test_what_an_address_counts_as(address: str, subject: str) -> None:
    assert address_subject(address) == subject
