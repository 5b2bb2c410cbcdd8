"""The vault: seals venue secrets with the keys of one file, and lends keys of their own to other uses.

The file holds one Fernet key a line; the first seals, all open. It is made at the first start, for its
owner only.
"""

import os
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from pathlib import Path

import orjson
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from engine.errors import VaultError

KEY_FILE = "vault.key"  # its name in the data directory
_OTHERS = 0o077


class Vault:
    """The keys of one file. Raises VaultError, in one line, when the file cannot be used."""

    def __init__(self, key_file: Path) -> None:
        self._file = key_file
        self._stamp = 0
        self._keys: tuple[bytes, ...] = ()
        if not key_file.exists():
            _create(key_file, Fernet.generate_key())
        self._load()

    def seal(self, owner_id: str, venue: str, secret: str) -> str:
        """Answer the ciphertext of a secret, bound to its owner and venue."""
        content = orjson.dumps({"owner": owner_id, "venue": venue, "secret": secret})
        return Fernet(self._keys[0]).encrypt(content).decode()

    def open(self, owner_id: str, venue: str, ciphertext: str) -> str:
        """Answer the secret. Raises VaultError when key, owner or venue is another, or a bit was changed."""
        content = orjson.loads(self._decrypt(ciphertext))
        if (content["owner"], content["venue"]) != (owner_id, venue):
            raise VaultError("the secret belongs to another owner or venue")
        return str(content["secret"])

    def reseal(self, ciphertext: str) -> str:
        """Answer the same content under the first key. Raises VaultError when no key opens it."""
        return Fernet(self._keys[0]).encrypt(self._decrypt(ciphertext)).decode()

    def add_key(self) -> None:
        """Put a new key first; the older ones stay, because sealed secrets may still need them."""
        keys = (Fernet.generate_key(), *self._keys)
        _replace(self._file, b"\n".join(keys) + b"\n")
        self._load()

    def derived_keys(self, purpose: str) -> list[bytes]:
        """Answer a 32-byte key for another purpose from each key, newest first (HKDF-SHA256, RFC 5869)."""
        return [
            HKDF(SHA256(), length=32, salt=None, info=f"quantum-leap {purpose}".encode()).derive(
                urlsafe_b64decode(key)
            )
            for key in self._keys
        ]

    def derived_fernet(self, purpose: str) -> MultiFernet:
        """Answer a cipher for another purpose: the first key's encrypts, all decrypt."""
        return MultiFernet([Fernet(urlsafe_b64encode(key)) for key in self.derived_keys(purpose)])

    def refresh(self) -> bool:
        """Read the file again if another process has changed it, and tell whether it had."""
        try:
            changed = self._file.stat().st_mtime_ns != self._stamp
        except OSError:
            return False  # the file went away; the keys in memory still serve
        if changed:
            self._load()
        return changed

    def _decrypt(self, ciphertext: str) -> bytes:
        try:
            return MultiFernet([Fernet(key) for key in self._keys]).decrypt(ciphertext)
        except (InvalidToken, ValueError):
            if self.refresh():
                return self._decrypt(ciphertext)
            raise VaultError("the secret was sealed with another key, or was changed") from None

    def _load(self) -> None:
        try:
            with self._file.open("rb") as file:
                status = os.fstat(file.fileno())
                lines = file.read().split()
        except OSError as error:
            raise VaultError(f"{self._file}: cannot be read: {error.strerror}") from error
        if status.st_mode & _OTHERS:
            mode = f"{status.st_mode & 0o777:04o}"
            raise VaultError(f"{self._file}: others may read it (mode {mode}); run chmod 600 {self._file}")
        if not lines:
            raise VaultError(
                f"{self._file}: holds no key; restore it, or remove it to lose all sealed secrets"
            )
        for number, key in enumerate(lines, start=1):
            _check_key(self._file, number, key)
        self._keys, self._stamp = tuple(lines), status.st_mtime_ns


def _check_key(file: Path, number: int, key: bytes) -> None:
    try:
        Fernet(key)
    except ValueError:
        raise VaultError(f"{file}: line {number} is not a Fernet key") from None


def _create(file: Path, key: bytes) -> None:
    """Make the key file, whole or not at all; if another process makes it at this moment, theirs wins."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        written = _write_beside(file, key + b"\n")
        try:
            os.link(written, file)
        except FileExistsError:
            pass
        finally:
            written.unlink()
    except OSError as error:
        raise VaultError(f"{file}: cannot be made: {error.strerror}") from error


def _replace(file: Path, content: bytes) -> None:
    try:
        _write_beside(file, content).replace(file)
    except OSError as error:
        raise VaultError(f"{file}: cannot be written: {error.strerror}") from error


def _write_beside(file: Path, content: bytes) -> Path:
    """Write a new file, readable by its owner only, to durable storage."""
    beside = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    return beside
