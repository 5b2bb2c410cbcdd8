"""The engine that runs on this machine: where it listens, and asking it as its operator. For the command line."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from engine.clock import SystemClock
from engine.errors import EngineError
from engine.security.sign_in import SignInCodes
from engine.security.vault import Vault

TIMEOUT_S = 15.0
GOODBYE_S = 2.0  # an engine that does not answer by then ends the session itself, when its time is over


def address_file(data_dir: Path) -> Path:
    """Answer where a running engine notes its address."""
    return data_dir / "engine.json"


@dataclass(frozen=True, slots=True)
class LocalEngine:
    """A running engine, found by its data directory."""

    url: str
    pid: int
    data_dir: Path

    def sign_in_link(self, user: str) -> str:
        """Answer a link that signs a browser in, once, within ten minutes."""
        return f"{self.url}/#code={self._code(user)}"

    def ask(self, user: str, operation: str, variables: dict[str, Any]) -> dict[str, Any]:
        """Run one GraphQL operation as a local user. Raises EngineError with one clear line."""
        with self.signed_in(user) as client:
            try:
                answer = client.post("/graphql", json={"query": operation, "variables": variables}).json()
            except (httpx.HTTPError, ValueError) as error:
                raise self._unanswered(error) from None
        if errors := answer.get("errors"):
            raise EngineError(errors[0]["message"])
        return dict(answer["data"])

    @contextmanager
    def signed_in(self, user: str) -> Iterator[httpx.Client]:
        """Have a session of a local user for a while, in the client's one cookie. Raises EngineError."""
        with httpx.Client(base_url=self.url, timeout=TIMEOUT_S, trust_env=False) as client:
            try:
                client.post("/session", json={"code": self._code(user)}).raise_for_status()
            except httpx.HTTPError as error:
                raise self._unanswered(error) from None
            try:
                yield client
            finally:
                with suppress(httpx.HTTPError):
                    client.delete("/session", timeout=GOODBYE_S)

    def _unanswered(self, error: Exception) -> EngineError:
        return EngineError(f"the engine at {self.url} did not answer: {error}")

    def _code(self, user: str) -> str:
        return SignInCodes(Vault(self.data_dir / "vault.key"), SystemClock()).new(user)


def note_address(data_dir: Path, url: str) -> None:
    """Note where this process listens."""
    address_file(data_dir).write_text(json.dumps({"url": url, "pid": os.getpid()}))


def forget_address(data_dir: Path) -> None:
    """Take the note away."""
    address_file(data_dir).unlink(missing_ok=True)


def find_local(data_dir: Path) -> LocalEngine | None:
    """Answer the engine running on a data directory, or nothing."""
    try:
        noted = json.loads(address_file(data_dir).read_text())
        os.kill(noted["pid"], 0)
    except (OSError, ValueError, KeyError):
        return None
    return LocalEngine(noted["url"], noted["pid"], data_dir)
