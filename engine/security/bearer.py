"""Bearer secrets: how they look, what is kept of them, who is behind one. Called by `tokens`."""

import hashlib
import re
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime

from engine.actor import Actor
from engine.clock import Clock
from models.user import TokenKind

PREFIXES = {TokenKind.API: "qlt_", TokenKind.SESSION: "qls_"}
MOST_KEPT = 1_000  # viewers in memory; beyond, the one asked for longest ago goes
KEPT_S = 5.0  # how long the ledger is not asked again; revocations are heard of sooner

_LOOK = re.compile(r"ql[ts]_[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer(Actor):
    """An actor who proved who they are, by which token, and until when that holds."""

    token_id: str
    expires_at: datetime | None

    def has_expired(self, now: datetime) -> bool:
        """Tell whether the proof is too old; long-lived sockets ask again and again."""
        return self.expires_at is not None and now >= self.expires_at


def new_secret(kind: TokenKind) -> str:
    """Answer a fresh secret of 256 random bits."""
    return PREFIXES[kind] + secrets.token_urlsafe(32)


def looks_right(secret: str) -> bool:
    """Tell whether a text could be one of ours, so that noise costs no look into the ledger."""
    return _LOOK.fullmatch(secret) is not None


def digest_of(secret: str) -> str:
    """Answer what the ledger keeps: SHA-256 suffices, because a secret of 256 bits cannot be guessed."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


class ViewerCache:
    """Who is behind a secret's digest, bounded in number and time; refusals are not kept."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: OrderedDict[str, tuple[Viewer, float]] = OrderedDict()
        self.generation = 0

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, digest: str) -> Viewer | None:
        """Answer a viewer kept not too long ago, whose token has not expired meanwhile."""
        kept = self._kept.get(digest)
        if kept is None:
            return None
        viewer, until_s = kept
        has_expired = viewer.expires_at is not None and viewer.has_expired(self._clock.now())
        if has_expired or self._clock.monotonic() >= until_s:
            del self._kept[digest]
            return None
        self._kept.move_to_end(digest)
        return viewer

    def keep(self, digest: str, viewer: Viewer, generation: int) -> None:
        """Keep a viewer, unless a revocation was heard of since the ledger was asked."""
        if generation != self.generation:
            return
        self._kept[digest] = viewer, self._clock.monotonic() + KEPT_S
        self._kept.move_to_end(digest)
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)

    def drop(self, token_id: str) -> None:
        """Forget whoever came with a token, and whatever is being read at this moment."""
        self.generation += 1
        for digest in [digest for digest, (viewer, _) in self._kept.items() if viewer.token_id == token_id]:
            del self._kept[digest]
