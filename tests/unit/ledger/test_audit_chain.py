"""Promises of the audit chain: any change of an entry shows, and where."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.ledger.audit import GENESIS, ChainCheck, ChainFault, digest_of
from models.audit import AuditEntry, AuditOutcome
from tests.ledgers import NOON


@dataclass
class Trail:
    """Entries and the head kept beside them."""

    entries: list[AuditEntry]
    sequence: int
    digest: str

    def fault(self) -> ChainFault | None:
        """What the check says of it."""
        check = ChainCheck()
        check.walk(self.entries)
        return check.finish(self.sequence, self.digest)


def _trail(length: int) -> Trail:
    entries: list[AuditEntry] = []
    digest = GENESIS
    for sequence in range(1, length + 1):
        entry = AuditEntry(
            sequence=sequence,
            at=NOON + timedelta(microseconds=sequence),
            actor="ana",
            user_id="usr_ana",
            action="submitOrder",
            entity_id=f"ord_{sequence}",
            outcome=AuditOutcome.ACCEPTED,
            code=None,
            request_id=None,
            detail={"quantity": "10"},
            previous_digest=digest,
            digest="",
        )
        digest = entry.digest = digest_of(entry, digest)
        entries.append(entry)
    return Trail(entries, length, digest)


LENGTHS = st.integers(0, 12)


@given(LENGTHS)
def test_an_untouched_trail_is_whole(length: int) -> None:
    """No false alarm, not on an empty one either."""
    assert _trail(length).fault() is None


CHANGES: dict[str, Any] = {
    "at": NOON,
    "actor": "ben",
    "user_id": None,
    "action": "cancelOrder",
    "entity_id": "ord_x",
    "outcome": AuditOutcome.REFUSED,
    "code": "NOT_FOUND",
    "request_id": "r",
    "detail": {"quantity": "11"},
}


@pytest.mark.parametrize("field", CHANGES)
@given(data=st.data())
def test_a_changed_field_is_found_where_it_is(field: str, data: st.DataObject) -> None:
    """Every column of an entry is covered."""
    trail = _trail(data.draw(st.integers(1, 12)))
    at = data.draw(st.integers(1, len(trail.entries)))
    setattr(trail.entries[at - 1], field, CHANGES[field])
    assert trail.fault() == ChainFault(at, "entry was changed")


def test_every_column_is_covered() -> None:
    """A column added to the entry must be added to its digest, too."""
    assert {*CHANGES, "sequence", "previous_digest", "digest"} == set(AuditEntry._meta.fields_map)


@given(st.data())
def test_an_entry_rewritten_with_a_new_digest_is_found(data: st.DataObject) -> None:
    """Whoever computes the digest anew breaks the next entry, or the head when it is the last."""
    trail = _trail(data.draw(st.integers(1, 12)))
    at = data.draw(st.integers(1, len(trail.entries)))
    entry = trail.entries[at - 1]
    entry.actor = "ben"
    entry.digest = digest_of(entry, entry.previous_digest)
    found = trail.fault()
    assert found is not None
    assert found.sequence == min(at + 1, len(trail.entries))


@given(st.data())
def test_a_removed_entry_is_found_where_it_was(data: st.DataObject) -> None:
    """In the middle, at the beginning, at the end."""
    trail = _trail(data.draw(st.integers(1, 12)))
    at = data.draw(st.integers(1, len(trail.entries)))
    del trail.entries[at - 1]
    found = trail.fault()
    assert found is not None
    assert found.sequence == at


@given(st.data())
def test_a_trail_cut_off_is_found_at_the_cut(data: st.DataObject) -> None:
    """However much of its end is gone; the head remembers."""
    trail = _trail(data.draw(st.integers(1, 12)))
    kept = data.draw(st.integers(0, len(trail.entries) - 1))
    del trail.entries[kept:]
    assert trail.fault() == ChainFault(kept + 1, f"the trail ends before its head at {trail.sequence}")


@given(st.data())
def test_two_entries_that_changed_places_are_found(data: st.DataObject) -> None:
    """With their sequence numbers exchanged, too."""
    trail = _trail(data.draw(st.integers(2, 12)))
    at = data.draw(st.integers(1, len(trail.entries) - 1))
    first, second = trail.entries[at - 1 : at + 1]
    first.sequence, second.sequence = second.sequence, first.sequence
    trail.entries[at - 1 : at + 1] = [second, first]
    found = trail.fault()
    assert found is not None
    assert found.sequence == at
