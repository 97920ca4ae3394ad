"""Moments: those that people write on the command line, and those that lines of a guest's log tell."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from labctl.core.duration import parse_duration

_ISO = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:[.,]\d{1,6})?(?:Z|[+-]\d\d:?\d\d)?")
# https://docs.cloud-init.io: each stage begins with such a line
_STAGE = re.compile(r"Cloud-init v\. .{1,80} at (\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4})")
_SEARCHED = 200  # characters of a line


def parse_moment(text: str, now: datetime) -> datetime:
    """A duration before `now`, as `90s` or `1h30m`, or an ISO 8601 time, which is local time if it names no zone.

    Raises:
        ValueError: it is neither.
    """
    try:
        seconds = parse_duration(text)
    except ValueError:
        return datetime.fromisoformat(text).astimezone()
    try:
        return now - timedelta(seconds=seconds)
    except OverflowError as error:
        raise ValueError(text) from error


def told_in(line: str) -> datetime | None:
    """The time that a line tells: an ISO 8601 time, UTC if it names no zone, or the start of a cloud-init stage."""
    head = line[:_SEARCHED]
    try:
        if found := _ISO.search(head):
            moment = datetime.fromisoformat(found[0].replace(",", "."))
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        if found := _STAGE.search(head):
            return parsedate_to_datetime(found[1])
    except ValueError:
        return None  # no such day
    return None
