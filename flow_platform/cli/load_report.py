"""What `flow load check` found, put together: totals, what to do next, the exit code."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

from flow_platform.flows.kinds import Flow
from flow_platform.ground.source_config import SourceConfig
from flow_platform.settings import Settings
from flow_platform.sources.forms import FileForm
from flow_platform.sources.judging import same_but_for_zeros
from flow_platform.stages.advice import (
    backfill_command,
    columns_to_write,
    guessed_columns,
    section_to_write,
)
from flow_platform.stages.looking import Looked, look_at, with_unknown_centres
from flow_platform.stages.refusals import NOTHING_STORED, Loads
from flow_platform.stages.trial import Trial, trial_of


@dataclass(frozen=True)
class Report:
    """A look at files of a flow.

    `looked` is what a load would do; `beyond`, what it would do if the ids that are no centres were
    centres, None where there is no such id.
    """

    flow: Flow
    settings: Settings
    trial: Trial
    looked: Looked
    beyond: Looked | None

    @cached_property
    def config(self) -> SourceConfig:
        """The section with which the files were read."""
        return self.trial.platform.sources[self.flow.name]

    @cached_property
    def centre_ids(self) -> tuple[str, ...]:
        """The centres that a load would know."""
        return self.trial.platform.centre_ids_of(self.flow)

    @property
    def are_of_the_demo(self) -> bool:
        """Whether the flow's centres are those of the demo, since no file of centres is named."""
        return self.flow.centres_from == "file" and self.settings.centres is None

    @property
    def without_rows(self) -> list[str]:
        """Centres of which no row would be stored."""
        return [one for one in self.centre_ids if one not in self.looked.centres]

    def alike(self, centre_id: str) -> list[str]:
        """Centres that differ from an id by leading zeros alone."""
        return same_but_for_zeros(centre_id, self.centre_ids)

    def exit_code(self, strict: bool) -> int:
        """`NOTHING_STORED` where a load would have it, or keys are lacking without which none
        begins; else 0."""
        if self.trial.lacking:
            return NOTHING_STORED
        return Loads([(self.flow.name, self.looked.balance)]).exit_code(strict)

    @cached_property
    def section(self) -> str | None:
        """The section of sources.toml to write; None where there is one that will do."""
        is_whole = self.trial.has_section and not guessed_columns(self.forms)
        if is_whole and not self._is_other_path:
            return None
        keys, lacking = self.trial.keys, self.trial.lacking
        return section_to_write(self.flow, keys, lacking, self.looked)

    @property
    def next_steps(self) -> list[str]:
        """What to do, in order; the section to write is not in it."""
        steps = [
            f"Set {key} to your own file: without it no load begins. Until then everything of the"
            " centres is a stand-in."
            for key in self.trial.lacking
        ]
        if self.section is not None and self.settings.sources is None:
            steps.append("Save the section as sources.toml and name it in FLOW_SOURCES.")
        elif self.section is not None:
            steps.append(f"Write the section into {self.settings.sources}.")
        if self.looked.unknown and self.flow.centres_from == "file":
            steps.append(
                f"List the centres with `flow centres discover {self.flow.name} > centres.csv`,"
                " complete the file, and name it in FLOW_CENTRES."
            )
        if self.looked.days and min(self.looked.days) < self.settings.first_day:
            steps.append(f"Set FLOW_FIRST_DAY={min(self.looked.days)}.")
        found = self.looked if self.looked.days or self.beyond is None else self.beyond
        yesterday = datetime.now(UTC).date() - timedelta(days=1)
        if command := backfill_command(self.flow, found, yesterday):
            steps.append(f"Load with `{command}`.")
        elif not steps:
            steps.append("Correct what is named above, and check again.")
        return steps

    @property
    def _is_other_path(self) -> bool:
        given, read = self.trial.given_path, self.config.path
        return given is not None and os.path.normpath(given) != os.path.normpath(str(read))

    @cached_property
    def forms(self) -> list[FileForm]:
        """How the files were understood."""
        return [one.balance.form for one in self.looked.files if one.balance.form is not None]


@contextmanager
def reports_of(settings: Settings, flow: Flow, path: str) -> Iterator[tuple[Report, Report | None]]:
    """A look at files, and one with the columns that may be meant, where no file has all."""
    with ExitStack() as open_trials:
        report = _report(open_trials.enter_context(trial_of(settings, flow, path)), settings, flow)
        columns = columns_to_write(flow, report.trial.keys, report.forms)
        if not columns or "?" in columns.values():
            yield report, None
            return
        trial = open_trials.enter_context(trial_of(settings, flow, path, columns))
        yield report, _report(trial, settings, flow)


def _report(trial: Trial, settings: Settings, flow: Flow) -> Report:
    looked = look_at(trial.platform, flow)
    wider = with_unknown_centres(trial.platform, flow, looked)
    beyond = None if wider is None else look_at(wider, flow)
    return Report(flow, settings, trial, looked, beyond)
