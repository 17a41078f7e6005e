"""What loads refused or did not bring, in sentences with a remedy, and whether a command succeeded.

The rows themselves are in `ops.quarantine`; how they are counted is in `loading.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from flow_platform.sources.judging import A_FEW
from flow_platform.sources.landing import FileBalance
from flow_platform.stages.loading import Balance

# The exit code of a command that had rows, and stored none of them.
NOTHING_STORED = 3

# What to do, by the code of the reason.
_REMEDIES = {
    "undecodable": "Set encoding in section [{flow}] of sources.toml.",
    "unknown_centre": "Correct the ids, or add the centres to the centres file"
    " (flow centres discover {flow}).",
    "wrong_type": "Set date_format or decimal in section [{flow}] of sources.toml, or correct the"
    " values.",
    "missing_time": "Set date_format in section [{flow}] of sources.toml, or correct the times.",
    "impossible_date": "Set date_format in section [{flow}] of sources.toml, or correct the days.",
    "ragged": "Set separator in section [{flow}] of sources.toml, or export the file again.",
    "unbalanced_quote": "Export the file again, with quotes that match.",
    "missing_value": "Fill the empty fields, or map another column in section [{flow}] of"
    " sources.toml.",
    "duplicate": "Remove the repeated rows, or correct key in section [{flow}] of sources.toml.",
    "future_day": "Correct the days, or load them when they are over.",
    "stray_month": "Name the file for the month that it has, or for none.",
}
_ANY_REMEDY = "Correct the file."


def remedy_of(flow: str, reason: str) -> str:
    """What to do about rows of a flow that have this reason ("code: words")."""
    return _REMEDIES.get(reason.partition(":")[0], _ANY_REMEDY).format(flow=flow)


def refused(flow: str, balance: Balance) -> list[str]:
    """A sentence for each file of a load with more than `A_FEW` refused rows, or none but refused.

    It names the file, how many rows, the commonest reason and the remedy.
    """
    return [
        _sentence(flow, file, balance.reasons.get(file.file, ""))
        for file in balance.files
        if file.rows_quarantined > A_FEW or 0 < file.rows_quarantined == file.rows_in_file
    ]


def detected(flow: str, balance: Balance) -> list[str]:
    """A sentence for each file whose encoding was detected, and how to make it certain."""
    return [
        f"{file.file} is not UTF-8: it was read as {file.encoding}, which was detected. Set"
        f" encoding in section [{flow}] of sources.toml to be certain."
        for file in balance.files
        if file.encoding
    ]


def not_whole(flow: str, balance: Balance) -> list[str]:
    """A sentence where days of a load lack rows that were refused, with the remedy."""
    if not balance.days_not_whole:
        return []
    return [
        f"{flow}: {balance.days_not_whole} days of centres are not whole, because rows of theirs"
        " were refused. Models and accuracy leave them out. Correct the rows and load the days"
        f' again, or set partial_days = "use" in section [{flow}] of sources.toml.'
    ]


def sentences(flow: str, balance: Balance) -> list[str]:
    """All that a load has to say: the source's warnings, then what was detected and refused."""
    return [
        *balance.warnings,
        *detected(flow, balance),
        *refused(flow, balance),
        *not_whole(flow, balance),
    ]


def _sentence(flow: str, file: FileBalance, reason: str) -> str:
    remedy = remedy_of(flow, reason)
    because = f", most often because of {reason}" if reason else ""
    return (
        f"{file.file}: {file.rows_quarantined} of {file.rows_in_file} rows were refused{because}."
        f" {remedy} They are kept whole: flow quarantine list --flow {flow}"
    )


@dataclass(frozen=True)
class Loads:
    """All loads of a command: of each flow the balances, one a run."""

    balances: Sequence[tuple[str, Balance]]

    @cached_property
    def files(self) -> dict[tuple[str, str], FileBalance]:
        """By flow and file: stored rows of all runs, and the others as the last run has them."""
        found: dict[tuple[str, str], FileBalance] = {}
        for flow, balance in self.balances:
            for file in balance.files:
                before = found.get((flow, file.file))
                stored = file.rows_stored + (before.rows_stored if before else 0)
                found[flow, file.file] = replace(file, rows_stored=stored)
        return found

    def sentences(self) -> list[str]:
        """What was refused, could not be read, or was not there; each once."""
        found: list[str] = []
        for flow, balance in self.balances:
            found += [*balance.broken_files, *sentences(flow, balance)]
        left = sum(file.rows_left for file in self.files.values())
        if self.has_nothing and left:
            found.append(
                f"The {left} good rows of the files are of other days or centres than those asked"
                " for. Correct the days or the centres."
            )
        return list(dict.fromkeys(found))

    @property
    def has_nothing(self) -> bool:
        """Whether there were files, and no row of them was stored."""
        return bool(self.files) and not self.rows_stored

    @property
    def rows_stored(self) -> int:
        return sum(file.rows_stored for file in self.files.values())

    @property
    def rows_refused(self) -> int:
        return sum(file.rows_quarantined for file in self.files.values())

    def exit_code(self, strict: bool) -> int:
        """`NOTHING_STORED` where a file was refused, whole or row by row, and nothing was stored.

        With `strict` also where any row was refused; else 0.
        """
        refused_whole = any(
            file.error is not None or 0 < file.rows_quarantined == file.rows_in_file
            for file in self.files.values()
            if not file.is_missing
        )
        is_failed = (refused_whole and self.has_nothing) or (strict and self.rows_refused > 0)
        return NOTHING_STORED if is_failed else 0
