"""Envelopes of other packages: how a record that newsmill does not know is read as a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from newsmill.config import InputConfig
from newsmill.records import SourceRecord
from newsmill.runtime.plugins import Kind


class Envelope(Protocol):
    """A plug-in of the entry point group `newsmill.envelopes`, called with `InputConfig`.

    Threads share one. What it raises stops the job, as a bug of newsmill's own would, but for `Rejected`,
    which quarantines the record.
    """

    def decode(self, record: SourceRecord) -> tuple[Mapping[str, Any], bytes] | None:
        """The page in a record, or None where the record is of another kind.

        Returns:
            The contract's fields (schemas/input/README.md: `url`, `fetched_at`, `status`, `headers` …) and
            the body as it was fetched. The fields are checked as those of newsmill's own envelopes are.
        """
        ...


KIND: Final = Kind[Envelope]("envelopes", "input.envelopes", methods=("decode",))

Envelopes = Sequence[tuple[str, Envelope]]
"""Envelopes in the order that they are asked, with the names that the settings have for them."""


def open_all(config: InputConfig) -> Envelopes:
    """Those that the settings name. Raises ConfigError as `Kind.open`."""
    return KIND.open(config.envelopes, config)


def found_in(record: SourceRecord, envelopes: Envelopes) -> tuple[str, Mapping[str, Any], bytes] | None:
    """(envelope, fields, body) by the first that knows the record; None where none does.

    Raises:
        TypeError: An envelope gave something else.
        Rejected: It rejects the record.
    """
    for name, envelope in envelopes:
        found = envelope.decode(record)
        if found is None:
            continue
        if not (
            isinstance(found, tuple)
            and len(found) == 2
            and isinstance(found[0], Mapping)
            and isinstance(found[1], bytes)
        ):
            raise TypeError(f"the envelope {name} gave no (mapping, bytes), but {type(found).__name__}")
        return name, *found
    return None
