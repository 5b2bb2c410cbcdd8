"""Bearer secrets and the short memory of who is behind them."""

from datetime import timedelta

import pytest

from engine.security import bearer
from engine.security.bearer import KEPT_S, MOST_KEPT, Viewer, ViewerCache, digest_of, looks_right, new_secret
from models.user import Role, TokenKind
from tests.unit.monitoring.manual_clock import ManualClock


def viewer(token_id: str, clock: ManualClock, lifetime_s: float = 3600) -> Viewer:
    expires_at = clock.now() + timedelta(seconds=lifetime_s)
    return Viewer("anna", Role.TRADER, "usr_1", token_id=token_id, expires_at=expires_at)


@pytest.mark.parametrize("kind", TokenKind)
def test_a_secret_says_its_kind_and_nothing_else(kind: TokenKind) -> None:
    """A prefix by which people and scanners know it, then 256 random bits."""
    secret = new_secret(kind)
    assert secret.startswith(bearer.PREFIXES[kind])
    assert len(secret) == 47
    assert looks_right(secret)
    assert secret != new_secret(kind)


@pytest.mark.parametrize(
    "text", ["", "qlt_", "qlt_" + "a" * 42, "qlt_" + "a" * 44, "qlx_" + "a" * 43, "qlt_" + "é" * 43]
)
def test_noise_does_not_look_like_a_secret(text: str) -> None:
    """Such texts never cost a look into the ledger."""
    assert not looks_right(text)


def test_a_viewer_is_forgotten_after_a_few_seconds() -> None:
    """The ledger is asked again, so that nothing stays true here for long."""
    clock = ManualClock()
    cache = ViewerCache(clock)
    cache.keep("d", viewer("tok_1", clock), cache.generation)
    assert cache.find("d") is not None
    clock.advance(KEPT_S)
    assert cache.find("d") is None
    assert len(cache) == 0


def test_a_kept_viewer_expires_on_time() -> None:
    """Being kept makes no token live longer."""
    clock = ManualClock()
    cache = ViewerCache(clock)
    cache.keep("d", viewer("tok_1", clock, lifetime_s=2), cache.generation)
    clock.advance(2)
    assert cache.find("d") is None


def test_the_memory_is_bounded_and_drops_who_was_away_longest() -> None:
    """However many tokens come, a thousand are kept."""
    clock = ManualClock()
    cache = ViewerCache(clock)
    for number in range(MOST_KEPT):
        cache.keep(digest_of(str(number)), viewer(f"tok_{number}", clock), cache.generation)
    assert cache.find(digest_of("0")) is not None
    cache.keep("one more", viewer("tok_more", clock), cache.generation)
    assert len(cache) == MOST_KEPT
    assert cache.find(digest_of("0")) is not None
    assert cache.find(digest_of("1")) is None


def test_a_revocation_drops_the_viewer_and_whoever_is_being_read() -> None:
    """A look into the ledger that began before the revocation leaves nothing behind after it."""
    clock = ManualClock()
    cache = ViewerCache(clock)
    cache.keep("kept", viewer("tok_1", clock), cache.generation)
    begun = cache.generation
    cache.drop("tok_1")
    cache.keep("read meanwhile", viewer("tok_1", clock), begun)
    assert cache.find("kept") is None
    assert cache.find("read meanwhile") is None


def test_a_viewer_shows_no_secret() -> None:
    """What is printed of a viewer names the token's id only."""
    assert "qlt_" not in repr(viewer("tok_1", ManualClock()))
