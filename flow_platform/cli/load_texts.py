"""What `flow load check` shows, as lines for people and as facts for JSON: the same things."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from flow_platform.cli.load_report import Report
from flow_platform.sources.forms import FileForm
from flow_platform.sources.tables import clean_text
from flow_platform.stages.advice import likely_columns
from flow_platform.stages.looking import Looked, LookedFile, Refusal
from flow_platform.stages.refusals import remedy_of

# So many ids, gaps and names are shown in a line of text.
_SHOWN = 12
_ENCODINGS = {
    "set": "set in sources.toml",
    "detected": "detected: set encoding to be certain",
    "mark": "by its mark",
    "default": "",
}
_MARKS = {None: "none", " ": "a space"}


# -- facts ---------------------------------------------------------------------------------------


def facts_of(report: Report, guess: Report | None, strict: bool) -> dict[str, Any]:
    """All that was found, as JSON has it; `guess` is a look with the columns that may be meant."""
    looked = report.looked
    return _clean(
        {
            "flow": report.flow.name,
            "path": report.config.path,
            "files": [_file_facts(report, one) for one in looked.files],
            "rows": _rows(looked),
            **_filled(looked),
            "centres_without_rows": report.without_rows,
            "unknown_centres": dict(looked.unknown),
            "demo_centres": report.are_of_the_demo,
            "with_unknown_centres": None
            if report.beyond is None
            else {
                "rows": _rows(report.beyond),
                **_filled(report.beyond),
                "files": [_read_facts(report, one) for one in report.beyond.files],
            },
            "with_likely_columns": None if guess is None else facts_of(guess, None, strict),
            "section": report.section,
            "next": report.next_steps,
            "exit_code": report.exit_code(strict),
        }
    )


def _rows(looked: Looked) -> dict[str, int]:
    files = [one.balance for one in looked.files]
    return {
        "in_files": sum(one.rows_in_file for one in files),
        "stored": sum(one.rows_stored for one in files),
        "refused": sum(one.rows_quarantined for one in files),
        "repeated": sum(one.rows_repeated for one in files),
        "left": sum(one.rows_left for one in files),
    }


def _filled(looked: Looked) -> dict[str, Any]:
    return {
        "days": {
            "first": min(looked.days, default=None),
            "last": max(looked.days, default=None),
            "count": len(looked.days),
            "gaps": [{"first": first, "last": last} for first, last in looked.gaps],
        },
        "centres": {name: vars(one) for name, one in looked.centres.items()},
    }


def _file_facts(report: Report, one: LookedFile) -> dict[str, Any]:
    form = one.balance.form or FileForm()
    return {
        **_read_facts(report, one),
        "error": one.balance.error,
        "kind": form.kind,
        "encoding": form.encoding,
        "encoding_by": form.encoding_by,
        "separator": form.separator,
        "header_line": form.header_line,
        "header": list(form.names),
        "columns": dict(form.columns),
        "missing": list(form.missing),
        "likely_columns": likely_columns(form),
        "absent": list(form.absent),
        "unused": list(form.unused),
        "facts": _understood(report, one),
    }


def _read_facts(report: Report, one: LookedFile) -> dict[str, Any]:
    return {
        "file": one.balance.file,
        "rows": _rows(Looked([one])),
        "first_rows": one.rows,
        "refused": [
            {
                "reason": refusal.reason,
                "rows": refusal.rows,
                "line": refusal.line,
                "row": dict(refusal.row),
                "remedy": remedy_of(report.flow.name, refusal.reason),
            }
            for refusal in one.refusals
        ],
    }


def _understood(report: Report, one: LookedFile) -> dict[str, str]:
    """How numbers, dates, clocks and units of a file are understood; nothing of one not read."""
    if one.balance.error is not None or one.balance.form is None:
        return {}
    config = report.config
    thousands = _MARKS.get(config.thousands, config.thousands)
    return {
        "numbers": f"decimal mark {config.decimal}, mark between thousands: {thousands}",
        "dates": one.balance.dates or "none",
        **one.facts,
    }


def _clean(value: Any) -> Any:
    """The same with texts that can be printed."""
    if isinstance(value, str):
        return _printable(value)
    if isinstance(value, Mapping):
        return {_printable(str(key)): _clean(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(inner) for inner in value]
    return value


def _printable(text: str) -> str:
    """A text of a file without what a terminal would obey."""
    clean = clean_text(text)
    if clean.isprintable():
        return clean
    return "".join(one if one.isprintable() or one == "\n" else " " for one in clean)


# -- lines ---------------------------------------------------------------------------------------


def lines_of(report: Report, guess: Report | None) -> Iterator[str]:
    """All that was found, as lines of text; `guess` is as for `facts_of`."""
    yield from _found_lines(report)
    if guess is not None:
        yield ""
        yield "If the columns are as guessed, which is a suggestion only:"
        yield ""
        yield from _found_lines(guess)
    if report.section is not None:
        yield ""
        yield "To write into sources.toml:"
        yield ""
        yield _printable(report.section)
    yield ""
    yield _printable(f"Next: {' '.join(report.next_steps)}")


def _found_lines(report: Report) -> Iterator[str]:
    beyond = {} if report.beyond is None else {one.balance.file: one for one in report.beyond.files}
    for one in report.looked.files:
        yield from map(_printable, _file_lines(report, one, beyond.get(one.balance.file)))
        yield ""
    yield from map(_printable, _total_lines(report))


def _file_lines(report: Report, one: LookedFile, beyond: LookedFile | None) -> Iterator[str]:
    balance, form = one.balance, one.balance.form
    yield balance.file
    if form is not None:
        yield from _form_lines(form)
    if balance.error is not None:
        yield f"  cannot be loaded: {balance.error.removeprefix(balance.file).strip()}"
        return
    for name, text in _understood(report, one).items():
        yield f"  {name}: {text}"
    yield f"  rows: {_rows_text(Looked([one]))}"
    if one.rows:
        yield "  first rows as understood:"
        yield from _row_lines(one)
    elif beyond is not None and beyond.rows:
        yield "  first rows as understood, if their centres were known:"
        yield from _row_lines(beyond)
    yield from _refusal_lines(report, one, "refused")
    hidden = [] if beyond is None else _hidden_refusals(one, beyond)
    if hidden:
        yield from _refusal_lines(
            report, LookedFile(balance, refusals=hidden), "refused too, if their centres were known"
        )


def _hidden_refusals(one: LookedFile, beyond: LookedFile) -> list[Refusal]:
    """The reasons that only show once the centres are known."""
    shown = {(refusal.reason, refusal.rows) for refusal in one.refusals}
    return [one for one in beyond.refusals if (one.reason, one.rows) not in shown]


def _form_lines(form: FileForm) -> Iterator[str]:
    parts: list[str] = [form.kind] if form.kind else []
    if form.encoding is not None:
        how = _ENCODINGS[form.encoding_by or "default"]
        parts.append(f"{form.encoding} ({how})" if how else form.encoding)
    if form.separator is not None:
        parts.append(f"separator {'tab' if form.separator == chr(9) else form.separator}")
    if form.header_line is not None:
        above = form.header_line - 1
        passed = f" ({above} above it passed over)" if above else ""
        parts.append(f"header in line {form.header_line}{passed}")
    if parts:
        yield f"  {', '.join(parts)}"
    if form.columns:
        pairs = [f"{ours} <- {theirs}" for ours, theirs in form.columns.items()]
        yield f"  columns: {', '.join(pairs)}"
    for ours, theirs in form.missing.items():
        guess = likely_columns(form).get(ours)
        maybe = f"; perhaps it is {guess}" if guess else ""
        yield f"  missing: {ours}, looked for as {theirs}{maybe}"
    if form.absent:
        yield f"  not there, not needed: {_some(form.absent)}"
    if form.unused:
        yield f"  not used: {_some(form.unused)}"


def _row_lines(one: LookedFile) -> Iterator[str]:
    for row in one.rows:
        values = (f"{name}={_written(value)}" for name, value in row.items() if name != "line")
        yield f"    line {row['line']}: {', '.join(values)}"


def _refusal_lines(report: Report, one: LookedFile, title: str) -> Iterator[str]:
    if one.refusals:
        yield f"  {title}:"
    for refusal in one.refusals:
        yield f"    {refusal.rows:,} x {refusal.reason}"
        values = ", ".join(f"{name}={_written(value)}" for name, value in refusal.row.items())
        where = f"{one.balance.file}:{refusal.line}"
        yield f"      first: {where}{f' with {values[:200]}' if values else ''}"
        yield f"      {remedy_of(report.flow.name, refusal.reason)}"


def _rows_text(looked: Looked) -> str:
    rows = _rows(looked)
    texts = [f"{rows['in_files']:,} in all", f"{rows['stored']:,} would be stored"]
    texts += [f"{rows[name]:,} {name}" for name in ("refused", "repeated") if rows[name]]
    if rows["left"]:
        texts.append(f"{rows['left']:,} left, since nothing that is stored needs them")
    return ", ".join(texts)


def _total_lines(report: Report) -> Iterator[str]:
    looked = report.looked
    yield f"All files: {_rows_text(looked)}."
    yield from _filled_lines(looked)
    if looked.centres and report.without_rows:
        yield f"Centres without rows: {_some(report.without_rows)}."
    if looked.unknown:
        unknown = [f"{name} ({_count(rows)})" for name, rows in looked.unknown.most_common()]
        yield f"Ids that are no centres: {_some(unknown)}."
        for name in looked.unknown:
            if alike := report.alike(name):
                yield f"  {name} differs from {' and '.join(alike)} by leading zeros only."
    if report.are_of_the_demo:
        yield (
            "No centre of yours is known: FLOW_CENTRES is not set, so the centres are those of the"
            f" demo, {_some(report.centre_ids)}."
        )
    if report.beyond is not None:
        yield f"If those ids were centres: {_rows_text(report.beyond)}."
        yield from _filled_lines(report.beyond)


def _filled_lines(looked: Looked) -> Iterator[str]:
    if not looked.days:
        return
    gaps = [str(a) if a == b else f"{a} to {b}" for a, b in looked.gaps]
    without = f"; no rows on {_some(gaps)}" if gaps else ""
    first, last = min(looked.days), max(looked.days)
    yield f"Days: {first} to {last}, {len(looked.days):,} with rows{without}."
    centres = [f"{name} ({_count(one.rows)})" for name, one in looked.centres.items()]
    yield f"Centres: {_some(centres)}."


def _written(value: Any) -> str:
    """A value as people write it: whole numbers without a decimal point."""
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _count(rows: int) -> str:
    return f"{rows:,} row{'' if rows == 1 else 's'}"


def _some(names: Any) -> str:
    """The first of some names, and how many more there are."""
    every = list(names)
    more = f" and {len(every) - _SHOWN:,} more" if len(every) > _SHOWN else ""
    return ", ".join(islice((str(one) for one in every), _SHOWN)) + more
