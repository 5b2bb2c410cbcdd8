"""The audit chain: each entry's digest covers its content and the digest before it.

Editing, deleting, inserting or replacing an entry breaks the chain at that entry; cutting off its end shows
against the head kept in `journal_head`.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from models.audit import AuditEntry, AuditOutcome

GENESIS = "0" * 64
_COVERED = (
    "sequence",
    "at",
    "actor",
    "user_id",
    "action",
    "entity_id",
    "outcome",
    "code",
    "request_id",
    "detail",
)


@dataclass(slots=True)
class AuditRecord:
    """An entry on its way into the trail; its place and digests are given at the commit."""

    at: datetime
    actor: str
    user_id: str | None
    action: str
    entity_id: str | None
    outcome: AuditOutcome
    code: str | None
    request_id: str | None
    detail: Any
    sequence: int = 0
    previous_digest: str = ""
    digest: str = ""


def digest_of(entry: AuditEntry | AuditRecord, previous: str) -> str:
    """Answer the SHA-256, in hexadecimal, of the previous digest and the entry's canonical JSON."""
    content = {name: getattr(entry, name) for name in _COVERED}
    canonical = orjson.dumps(content, option=orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z)
    return hashlib.sha256(previous.encode() + canonical).hexdigest()


def kept_detail(value: Any) -> Any:
    """Answer a detail as both databases give it back, because the digest covers what is read.

    PostgreSQL's JSON writes 1e16 in full and knows neither minus zero nor the character NUL; half a surrogate
    pair is no text for either.
    """
    match value:
        case str():
            return value.replace("\0", "\ufffd").encode(errors="replace").decode()
        case float() if value.is_integer() and -(2**63) <= value < 2**64:
            return int(value)
        case Mapping():
            return {kept_detail(name): kept_detail(inner) for name, inner in value.items()}
        case list() | tuple():
            return [kept_detail(inner) for inner in value]
        case _:
            return value


@dataclass(frozen=True, slots=True)
class ChainFault:
    """Where the chain breaks and how."""

    sequence: int
    reason: str


@dataclass(slots=True)
class ChainCheck:
    """Walks the chain entry by entry; the first fault found is kept."""

    sequence: int = 0
    digest: str = GENESIS
    fault: ChainFault | None = None

    def walk(self, entries: Iterable[AuditEntry]) -> None:
        """Check the next entries, in order of their sequence."""
        for entry in entries:
            if self.fault is not None:
                return
            self.fault = self._fault_in(entry)
            self.sequence, self.digest = entry.sequence, entry.digest

    def finish(self, head_sequence: int, head_digest: str) -> ChainFault | None:
        """Compare the end with the head kept beside the journal."""
        if self.fault is None and (self.sequence, self.digest) != (head_sequence, head_digest):
            if self.sequence == head_sequence:
                self.fault = ChainFault(head_sequence, "entry was replaced")
            else:
                self.fault = ChainFault(
                    self.sequence + 1, f"the trail ends before its head at {head_sequence}"
                )
        return self.fault

    def _fault_in(self, entry: AuditEntry) -> ChainFault | None:
        if entry.sequence != self.sequence + 1:
            return ChainFault(self.sequence + 1, "entry is missing")
        if entry.previous_digest != self.digest:
            return ChainFault(entry.sequence, "entry does not follow the one before it")
        if digest_of(entry, entry.previous_digest) != entry.digest:
            return ChainFault(entry.sequence, "entry was changed")
        return None
