"""Declares when a batch endpoint is asked to score, and what: `schedules` in a stack file.

Source of the rules: Azure's documentation of schedules, and azure-ai-ml's `CronTrigger` and
`RecurrenceTrigger`. They hold in every environment, so that a schedule means the same in each.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Annotated, Literal

from runner.declarations.batch import PER_CALL
from runner.declarations.document import ListNode, MappingNode, Node, mapping
from runner.declarations.names import DeploymentName
from runner.declarations.problem import DeclarationError, Place, Problem, refusal
from runner.declarations.reader import (
    Declared,
    Using,
    at_least,
    joined,
    read_int,
    read_record,
    read_str,
    read_text,
    refused,
)
from runner.declarations.references import read_data_input
from runner.declarations.time_zone import UTC, read_time_zone
from runner.nearest import nearest

NAME_RULE = "1 to 100 letters, digits and hyphens, beginning with a letter or digit"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,99}")

DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_CRON = (  # the fields of an expression, with the least and the most of each
    ("minute", 0, 59),
    ("hour", 0, 23),
    ("day of the month", 1, 31),
    ("month", 1, 12),
    ("day of the week", 0, 6),
)
_CRON_PART = re.compile(r"(?:\*|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>\d+))?", re.ASCII)
_ALWAYS = ("day of the month", "month")


def read_cron(node: Node, key: str) -> str:
    """Read an expression of five fields, as Azure takes it: minute hour * * weekday.

    Azure ignores a day of the month and a month, and would score every day; so they are refused.
    """
    text = " ".join(read_str(node, key).split())
    parts = text.split(" ")
    if len(parts) != len(_CRON):
        raise refused(node, key, 'five fields: minute, hour, day, month, weekday: "0 2 * * *"')
    for part, (name, least, most) in zip(parts, _CRON, strict=True):
        if name in _ALWAYS:
            if part != "*":
                text = f"found {part!r} as the {name}, which Azure ignores, allowed: *; for days of"
                text += " the month write frequency: month with schedule: {month_days: [1], …}"
                raise refusal(node.place, key, text)
        elif not all(_is_cron_part(piece, least, most) for piece in part.split(",")):
            text = f"found {part!r} as the {name}, allowed: * or {least} to {most}, as in 5, 1-5,"
            raise refusal(node.place, key, f"{text} 1,3 and */2")
    return text


def _is_cron_part(text: str, least: int, most: int) -> bool:
    found = _CRON_PART.fullmatch(text)
    if found is None or (found["step"] is not None and not 1 <= int(found["step"]) <= most + 1):
        return False
    if found["first"] is None:
        return True
    first = _cron_number(found["first"], most)
    last = first if found["last"] is None else _cron_number(found["last"], most)
    if found["step"] is not None and found["last"] is None:
        return False  # cron and Azure don't agree about 5/10
    return first is not None and last is not None and least <= first <= last <= most


def _cron_number(text: str, most: int) -> int | None:
    """Return a number, or a weekday by the first three letters of its name."""
    short = [day[:3] for day in DAYS]
    if most == len(DAYS) - 1 and text.lower() in short:
        return short.index(text.lower())
    return int(text) if text.isdecimal() and len(text) <= 2 else None


def _numbers(least: int, most: int) -> Using:
    """Return a reading of one or more whole numbers, each in these bounds."""

    def read(node: Node, key: str) -> tuple[int, ...]:
        items = node.items if isinstance(node, ListNode) else [node]
        numbers = tuple(read_int(item, key) for item in items)
        if not numbers or not all(least <= number <= most for number in numbers):
            raise refused(node, key, f"numbers from {least} to {most}")
        return numbers

    return Using(read)


def _read_days(node: Node, key: str) -> tuple[str, ...]:
    items = node.items if isinstance(node, ListNode) else [node]
    days = tuple(read_str(item, key).lower() for item in items)
    for day in days:
        if day not in DAYS:
            raise refusal(node.place, key, f"there is no day {day!r}" + nearest(day, DAYS))
    if not days:
        raise refused(node, key, "days such as monday")
    return days


def _read_time(node: Node, key: str) -> str:
    """Read a time without an offset, which the time zone says, as `2026-12-01T00:00:00`."""
    try:
        time = datetime.fromisoformat(read_text(node, key))
    except ValueError:
        time = None
    if time is None or time.tzinfo is not None:
        raise refused(node, key, "a time without an offset, such as 2026-12-01T00:00:00")
    return time.replace(microsecond=0).isoformat()


@dataclass(frozen=True)
class Pattern:
    """At which times of its days a recurrence is due. Source: the SDK's RecurrencePattern."""

    hours: Annotated[tuple[int, ...], _numbers(0, 23)]
    minutes: Annotated[tuple[int, ...], _numbers(0, 59)]
    week_days: Annotated[tuple[str, ...], Using(_read_days)] = ()
    month_days: Annotated[tuple[int, ...], _numbers(1, 31)] = ()


@dataclass(frozen=True)
class Settings:
    """The settings that a schedule's calls change, by the keys that `--set` takes."""

    values: Mapping[str, str]
    source: MappingNode = field(repr=False, compare=False)


def _read_settings(node: Node, key: str) -> Settings:
    if not isinstance(node, MappingNode):
        raise refused(node, key, "a mapping of settings to values")
    values: dict[str, str] = {}
    problems: list[Problem] = []
    allowed = [name for name, where in PER_CALL.items() if where == "everywhere"]
    for name, place, value in _leaves(node, ""):
        if name in allowed:
            values[name] = read_text(value, joined(key, name))
        else:
            hint = nearest(name, allowed) or f"; there are {', '.join(allowed)}"
            text = "is no setting that a call changes in every environment" + hint
            problems.append(Problem(place, joined(key, name), text))
    if problems:
        raise DeclarationError(problems)
    return Settings(values, node)


def _leaves(node: MappingNode, prefix: str) -> list[tuple[str, Place, Node]]:
    """Return the values below a mapping with their dotted keys."""
    found: list[tuple[str, Place, Node]] = []
    for name, value in node.entries.items():
        key = joined(prefix, name)
        if isinstance(value, MappingNode):
            found += _leaves(value, key)
        else:
            found.append((key, node.key_places[name], value))
    return found


@dataclass(frozen=True, kw_only=True)
class Schedule(Declared):
    """The times at which an endpoint is asked to score, by `cron` or `frequency`, and how."""

    name: str = field(default="", metadata={"given": True})
    cron: Annotated[str, Using(read_cron)] | None = None
    frequency: Literal["minute", "hour", "day", "week", "month"] | None = None
    interval: Annotated[int, at_least(1)] = 1  # so many minutes, hours, … lie between two calls
    schedule: Pattern | None = None
    time_zone: Annotated[str, Using(read_time_zone)] = UTC  # by Azure's name
    start_time: Annotated[str, Using(_read_time)] | None = None
    end_time: Annotated[str, Using(_read_time)] | None = None
    enabled: bool = True
    description: str = ""
    deployment: DeploymentName | None = None  # None: the endpoint's default
    input: Annotated[str, Using(read_data_input)] | None = None  # None: the endpoint's
    input_type: Literal["uri_file", "uri_folder"] | None = None  # None: as found
    settings: Annotated[Settings, Using(_read_settings)] | None = None


def read_schedules(node: Node, key: str) -> dict[str, Schedule]:
    """Read an endpoint's schedules by name. Raises DeclarationError with all that is wrong."""
    if not isinstance(node, MappingNode):
        raise refused(node, key, "a mapping of schedules by name")
    schedules: dict[str, Schedule] = {}
    problems: list[Problem] = []
    for name, entry in node.entries.items():
        try:
            schedules[name] = _schedule(name, entry, joined(key, name), node.key_places[name])
        except DeclarationError as error:
            problems += error.problems
    if problems:
        raise DeclarationError(problems)
    return schedules


def _schedule(name: str, node: Node, key: str, place: Place) -> Schedule:
    if not _NAME.fullmatch(name):
        raise refusal(place, key, f"is no name of a schedule, allowed: {NAME_RULE}")
    if isinstance(node, MappingNode):  # the line of its name says more than that of its first key
        node = mapping(place, node.entries, node.key_places)
    read = read_record(node, Schedule, key)
    problems = [
        Problem(read.source.key_places.get(at, place), joined(key, at) if at else key, text)
        for at, text in _inconsistencies(read)
    ]
    if problems:
        raise DeclarationError(problems)
    return replace(read, name=name)


def _inconsistencies(read: Schedule) -> list[tuple[str, str]]:
    """Return the keys that don't go together, each with the reason."""
    found: list[tuple[str, str]] = []
    if (read.cron is None) == (read.frequency is None):
        says = "says when twice" if read.cron else "does not say when"
        found.append(("frequency" if read.cron else "", f"{says}, allowed: cron or frequency"))
    elif read.frequency is None:
        keys = (key for key in ("interval", "schedule") if key in read.source.entries)
        found += [(key, "goes with frequency, allowed beside cron: no such key") for key in keys]
    pattern = read.schedule
    if pattern is not None and read.frequency is not None:
        if read.frequency in ("minute", "hour"):
            text = f"goes with day, week or month, allowed with frequency: {read.frequency}: no"
            found.append(("schedule", f"{text} such key"))
        for days, of in ((pattern.week_days, "week"), (pattern.month_days, "month")):
            if days and read.frequency != of:
                text = f"has {of}_days, allowed: with frequency: {of} only"
                found.append(("schedule", text))
    if read.start_time and read.end_time and read.end_time <= read.start_time:
        found.append(("end_time", f"found {read.end_time}, allowed: after start_time"))
    return found
