"""How long orders, and all that is derived from them, are kept: see docs/privacy.md."""

from __future__ import annotations

from flow_platform.parts import Retention, RetentionRule

_YEAR = 365

RETENTION = Retention(
    days={
        "orders": 3 * _YEAR + 1,
        "segments": 3 * _YEAR + 1,
        "quarantine_settled": 90,
        "quarantine_open": _YEAR,
        "desk_notes": _YEAR,
    },
    rules=(
        RetentionRule("orders", "raw.orders", "occurred_at", "type = 'placed'", "orders"),
        # What belongs to no placed order, or was left by one whose events were separated.
        RetentionRule("orders", "raw.orders", "occurred_at"),
        RetentionRule("orders", "raw.payments", "occurred_at"),
        RetentionRule("orders", "raw.tracking", "occurred_at"),
        RetentionRule("orders", "raw.incident_logs", "occurred_at"),
        RetentionRule("orders", "merged.deliveries", "day"),
        RetentionRule("orders", "merged.deliveries_history", "day"),
        RetentionRule("orders", "ml.deliveries_scores", "day"),
        RetentionRule("segments", "ml.customer_segments", "month"),
        RetentionRule(
            "quarantine_settled",
            "ops.quarantine",
            "coalesce(settled_at, quarantined_at)",
            "flow = 'deliveries' and state <> 'open'",
        ),
        RetentionRule(
            "quarantine_open",
            "ops.quarantine",
            "quarantined_at",
            "flow = 'deliveries' and state = 'open'",
        ),
        RetentionRule(
            "desk_notes",
            "ops.desk_actions",
            "acted_at",
            "(action = 'note' or note is not null or author <> 'removed')",
            "words",
        ),
    ),
)
