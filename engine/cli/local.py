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
        return f"{self.url}/graphiql#code={self._code(user)}"

    def ask(self, user: str, operation: str, variables: dict[str, Any]) -> dict[str, Any]:
        """Run one GraphQL operation as a local user. Raises EngineError with one clear line."""
        with httpx.Client(base_url=self.url, timeout=TIMEOUT_S, trust_env=False) as client:
            try:
                client.post("/session", json={"code": self._code(user)}).raise_for_status()
                answer = client.post("/graphql", json={"query": operation, "variables": variables}).json()
                client.delete("/session")
            except (httpx.HTTPError, ValueError) as error:
                raise EngineError(f"the engine at {self.url} did not answer: {error}") from None
        if errors := answer.get("errors"):
            raise EngineError(errors[0]["message"])
        return dict(answer["data"])

    @contextmanager
    def session(self, user: str) -> Iterator[str]:
        """Sign a local user in for a while; answer what proves it, as a token does. Raises EngineError."""
        with httpx.Client(base_url=self.url, timeout=TIMEOUT_S, trust_env=False) as client:
            try:
                client.post("/session", json={"code": self._code(user)}).raise_for_status()
            except httpx.HTTPError as error:
                raise EngineError(f"the engine at {self.url} did not answer: {error}") from None
            try:
                yield next(cookie.value or "" for cookie in client.cookies.jar)
            finally:
                with suppress(
                    httpx.HTTPError
                ):  # an engine that has ended knows the session no more, or ends it in time
                    client.delete("/session")

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
