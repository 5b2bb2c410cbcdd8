"""The vault: what it seals only the same owner and venue open, and its key file is for its owner only."""

import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import VaultError
from engine.security.vault import Vault


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """Where the keys will be."""
    return tmp_path / "data" / "vault.key"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Vault:
    """One vault for the property test."""
    return Vault(tmp_path_factory.mktemp("vault") / "vault.key")


def test_the_first_start_makes_a_key_file_for_its_owner_only(key_file: Path) -> None:
    """Nobody else may read it, nor look into its folder; nothing half-written is left beside it."""
    Vault(key_file)
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(key_file.parent.stat().st_mode) == 0o700
    assert [path.name for path in key_file.parent.iterdir()] == [key_file.name]


def test_the_next_start_opens_what_was_sealed(key_file: Path) -> None:
    """The key file is kept, not made again."""
    sealed = Vault(key_file).seal("usr_1", "PAPER", "s3cret")
    assert Vault(key_file).open("usr_1", "PAPER", sealed) == "s3cret"


def test_processes_that_start_together_share_one_key(key_file: Path) -> None:
    """However many make the file at the same moment, all end with the same key."""
    with ThreadPoolExecutor(8) as threads:
        vaults = list(threads.map(lambda _: Vault(key_file), range(8)))
    sealed = [vault.seal("usr_1", "PAPER", "x") for vault in vaults]
    assert all(vaults[0].open("usr_1", "PAPER", each) == "x" for each in sealed)


@given(secret=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200))
def test_any_text_is_sealed_and_opened(shared: Vault, secret: str) -> None:
    """What comes out is what went in, and the ciphertext does not hold it."""
    sealed = shared.seal("usr_1", "PAPER", secret)
    assert shared.open("usr_1", "PAPER", sealed) == secret


@pytest.mark.parametrize(("owner", "venue"), [("usr_2", "PAPER"), ("usr_1", "OTHER"), ("PAPER", "usr_1")])
def test_another_owner_or_venue_opens_nothing(key_file: Path, owner: str, venue: str) -> None:
    """A ciphertext copied into another user's row is worthless there."""
    vault = Vault(key_file)
    sealed = vault.seal("usr_1", "PAPER", "s3cret")
    with pytest.raises(VaultError, match="another owner or venue"):
        vault.open(owner, venue, sealed)


@pytest.mark.parametrize(
    "change", [lambda text: text[:-5] + "AAAA=", lambda text: "", lambda text: "é", lambda text: text[:40]]
)
def test_a_changed_ciphertext_opens_nothing(key_file: Path, change: Callable[[str], str]) -> None:
    """Tampering is told as a VaultError, whatever was done."""
    vault = Vault(key_file)
    sealed = vault.seal("usr_1", "PAPER", "s3cret")
    with pytest.raises(VaultError, match="another key, or was changed"):
        vault.open("usr_1", "PAPER", change(sealed))


def test_a_new_key_seals_and_the_old_one_still_opens(key_file: Path) -> None:
    """Adding a key loses nothing, and what is sealed anew needs the new key only."""
    vault = Vault(key_file)
    old = vault.seal("usr_1", "PAPER", "s3cret")
    vault.add_key()
    assert vault.open("usr_1", "PAPER", old) == "s3cret"
    renewed = vault.reseal(old)
    newest, *older = key_file.read_bytes().split()
    assert len(older) == 1
    key_file.write_bytes(newest)
    assert Vault(key_file).open("usr_1", "PAPER", renewed) == "s3cret"
    with pytest.raises(VaultError):
        Vault(key_file).open("usr_1", "PAPER", old)


def test_a_key_added_by_another_process_is_found(key_file: Path) -> None:
    """A running process opens what a second one sealed after a rotation."""
    running, second = Vault(key_file), Vault(key_file)
    second.add_key()
    sealed = second.seal("usr_1", "PAPER", "s3cret")
    assert running.open("usr_1", "PAPER", sealed) == "s3cret"
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o610])
def test_a_key_file_that_others_may_touch_is_refused(key_file: Path, mode: int) -> None:
    """One line that says what to run."""
    Vault(key_file)
    key_file.chmod(mode)
    with pytest.raises(VaultError, match=f"mode {mode:04o}.*chmod 600"):
        Vault(key_file)


@pytest.mark.parametrize(("content", "words"), [("", "holds no key"), ("good\nbad", "line 1 is not")])
def test_a_broken_key_file_is_refused_without_showing_it(key_file: Path, content: str, words: str) -> None:
    """One line that names the file and the line, never what stands there."""
    key_file.parent.mkdir()
    key_file.write_text(content)
    key_file.chmod(0o600)
    with pytest.raises(VaultError, match=words) as caught:
        Vault(key_file)
    assert "\n" not in str(caught.value)
    assert "good" not in str(caught.value)


def test_a_key_file_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    """A folder that is a file, for example."""
    (tmp_path / "data").write_text("")
    with pytest.raises(VaultError, match="cannot be made"):
        Vault(tmp_path / "data" / "vault.key")


def test_each_purpose_has_a_key_of_its_own(key_file: Path) -> None:
    """Neither the vault's key nor another purpose's can be told from a derived one."""
    vault = Vault(key_file)
    [one], [other] = vault.derived_keys("one"), vault.derived_keys("other")
    assert len({one, other, key_file.read_bytes()}) == 3
    assert vault.derived_keys("one") == [one]
