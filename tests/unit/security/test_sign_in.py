"""Sign-in codes: good for ten minutes, from any process of the data directory, and from nobody else."""

from pathlib import Path

import pytest

from engine.errors import Refused
from engine.security.sign_in import CODE_LIFETIME_S, SignInCodes
from engine.security.vault import Vault
from tests.unit.monitoring.manual_clock import ManualClock


@pytest.fixture
def codes(vault: Vault, clock: ManualClock) -> SignInCodes:
    """Codes of one data directory."""
    return SignInCodes(vault, clock)


def test_a_code_of_another_process_is_read(tmp_path: Path, codes: SignInCodes, clock: ManualClock) -> None:
    """The data directory is all that the two have in common."""
    said = codes.read(SignInCodes(Vault(tmp_path / "vault.key"), clock).new("operator"))
    assert said is not None
    assert said.user_name == "operator"


def test_a_code_is_fit_for_a_link(codes: SignInCodes) -> None:
    """It stands in the fragment of a URL as it is."""
    code = codes.new("anna")
    assert code.replace("-", "").replace("_", "").isalnum()


def test_a_code_ends_after_ten_minutes(codes: SignInCodes, clock: ManualClock) -> None:
    """To the last second it is good, then never again."""
    code = codes.new("anna")
    clock.advance(CODE_LIFETIME_S)
    assert codes.read(code) is not None
    clock.advance(1)
    assert codes.read(code) is None


def test_every_code_is_another_and_says_so_in_any_spelling(codes: SignInCodes) -> None:
    """What is remembered of a used code cannot be escaped by writing the same code differently."""
    code = codes.new("anna")
    said, again, other = (
        codes.read(code),
        codes.read(code + "=" * (-len(code) % 4)),
        codes.read(codes.new("anna")),
    )
    assert said is not None
    assert said == again
    assert other is not None
    assert other.digest != said.digest
    assert len(said.digest) == 64


@pytest.mark.parametrize("code", ["", "x", "é" * 30, "A" * 180, "A" * 5_000_000, "gAAAAA" + "A" * 150])
def test_what_is_no_code_proves_nothing(codes: SignInCodes, code: str) -> None:
    """Noise of any size and alphabet is answered with nothing."""
    assert codes.read(code) is None


def test_a_sealed_credential_is_no_code(tmp_path: Path, codes: SignInCodes) -> None:
    """Codes and credentials have different keys, though both come from one file."""
    sealed = Vault(tmp_path / "vault.key").seal("usr_1", "PAPER", "x")
    assert codes.read(sealed) is None


def test_a_code_made_after_a_rotation_is_read_by_who_runs(
    tmp_path: Path, codes: SignInCodes, clock: ManualClock
) -> None:
    """The running process looks at the key file again; codes from before stay good."""
    before = codes.new("anna")
    other = Vault(tmp_path / "vault.key")
    other.add_key()
    assert codes.read(SignInCodes(other, clock).new("anna")) is not None
    assert codes.read(before) is not None


def test_a_code_for_a_name_nobody_can_have_is_refused(codes: SignInCodes) -> None:
    """The name and its rule are told."""
    with pytest.raises(Refused, match="user: must be 1 to 64"):
        codes.new("Anna; DROP TABLE users")
