"""Sign-in codes: what the link on the terminal carries; made by any process that has the data directory.

A code is sealed, says whose it is, and carries a nonce that the ledger admits once. To make
one takes no ledger, so a second process (`trading-engine open`) can print a link for a server that runs.
"""

import hashlib
import secrets
from dataclasses import dataclass

import orjson
from cryptography.fernet import InvalidToken

from engine.clock import Clock
from engine.security.names import checked_user_name
from engine.security.vault import Vault

CODE_LIFETIME_S = 600
LONGEST_CODE = 1000  # characters; ours have about 200
_PURPOSE = "sign-in code"


@dataclass(frozen=True, slots=True)
class SignInCode:
    """A code that was ours and is not too old. `digest` is what the ledger keeps of it once it is used."""

    user_name: str
    digest: str


class SignInCodes:
    """Makes and reads codes, with a key of their own derived from the vault's."""

    def __init__(self, vault: Vault, clock: Clock) -> None:
        self._vault = vault
        self._clock = clock

    def new(self, user_name: str) -> str:
        """Answer a fresh code, good for ten minutes and one use. Raises Refused for a bad name."""
        content = orjson.dumps({"user": checked_user_name(user_name), "nonce": secrets.token_hex(16)})
        cipher = self._vault.derived_fernet(_PURPOSE)
        return cipher.encrypt_at_time(content, self._now_s()).decode().rstrip("=")

    def read(self, code: str) -> SignInCode | None:
        """Answer what a code says; nothing when it is too old or never was one of ours."""
        if len(code) > LONGEST_CODE:
            return None
        content = self._opened(code)
        if content is None and self._vault.refresh():
            content = self._opened(code)
        if content is None:
            return None
        said = orjson.loads(content)
        # The nonce, not the text: one sealed text can be written in several ways (base64 leaves bits unused).
        return SignInCode(said["user"], hashlib.sha256(said["nonce"].encode()).hexdigest())

    def _opened(self, code: str) -> bytes | None:
        padded = code + "=" * (-len(code) % 4)
        try:
            cipher = self._vault.derived_fernet(_PURPOSE)
            return cipher.decrypt_at_time(padded.encode("ascii"), CODE_LIFETIME_S, self._now_s())
        except (InvalidToken, ValueError):
            return None

    def _now_s(self) -> int:
        return int(self._clock.now().timestamp())
