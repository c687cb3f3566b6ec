"""Sealed secrets open in their own row and under their own key, and nowhere else."""

import base64
import copy
import pickle
import secrets
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from xroute.config.load import load
from xroute.config.secret import Secret
from xroute.errors import ConfigError
from xroute.store.vault import FILE, MasterKey, Place, Vault, read_keys

PLACE = Place("cred_1", "ws_a", "openai", "https://api.openai.com")
SECRET = Secret("sk-canary-0123456789")
HEX, OTHER = bytes(range(32)).hex(), bytes(range(100, 132)).hex()  # tests are named by them


def vault(folder: Path, **settings: str) -> Vault:
    environ = {"HOME": str(folder), "XROUTE_STATE_DIR": str(folder / "state")}
    return Vault(load(None, environ | {f"XROUTE_{name.upper()}": value for name, value in settings.items()}))


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_is_sealed_opens_again(here):
    own = vault(here, master_key=HEX)
    sealed, master = own.seal(SECRET, PLACE)
    assert own.open(sealed, master, PLACE) == SECRET
    assert SECRET.reveal().encode() not in sealed
    assert own.seal(SECRET, PLACE)[0] != sealed  # a nonce is never used twice


@pytest.mark.parametrize("field", ["id", "workspace", "provider", "host"])
def test_a_sealed_secret_opens_in_no_other_row_and_for_no_other_host(here, field):
    own = vault(here, master_key=HEX)
    sealed, master = own.seal(SECRET, PLACE)
    with pytest.raises(ConfigError, match=r"credential .* cannot be opened"):
        own.open(sealed, master, replace(PLACE, **{field: "other"}))


@pytest.mark.parametrize("at", [0, 5, 20, -1])
def test_a_changed_bit_is_noticed(here, at):
    own = vault(here, master_key=HEX)
    sealed, master = own.seal(SECRET, PLACE)
    broken = bytearray(sealed)
    broken[at] ^= 1
    with pytest.raises(ConfigError, match="cannot be opened"):
        own.open(bytes(broken), master, PLACE)


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x01" + bytes(12), b"\x02" + bytes(64)])
def test_what_was_never_sealed_is_refused(here, sealed):
    own = vault(here, master_key=HEX)
    with pytest.raises(ConfigError, match="Store the credential again"):
        own.open(sealed, MasterKey(bytes.fromhex(HEX)).id, PLACE)


def test_another_master_key_says_which_is_needed_and_what_to_set(here):
    sealed, master = vault(here, master_key=HEX).seal(SECRET, PLACE)
    with pytest.raises(ConfigError) as caught:
        vault(here, master_key=OTHER).open(sealed, master, PLACE)
    text = str(caught.value)
    assert master in text
    assert "XROUTE_MASTER_KEY" in text
    assert HEX not in text
    assert OTHER not in text


def test_a_missing_master_key_says_what_to_set_and_none_is_made(here):
    sealed, master = vault(here, master_key=HEX).seal(SECRET, PLACE)
    own = vault(here)
    with pytest.raises(ConfigError, match="which is not here: set master_key"):
        own.open(sealed, master, PLACE)
    with pytest.raises(ConfigError, match="which is not here"):
        own.seal(SECRET, PLACE, like=[master])
    assert not (here / "state" / FILE).exists()


def test_with_nothing_configured_a_file_is_made_at_first_need(here):
    own = vault(here)
    path = here / "state" / FILE
    assert own.known() == ()
    assert not path.exists()
    sealed, master = own.seal(SECRET, PLACE)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == [FILE]
    assert vault(here).open(sealed, master, PLACE) == SECRET


def test_of_two_processes_that_make_the_file_at_once_one_wins(here):
    first, second = vault(here), vault(here)
    assert first.known() == second.known() == ()
    assert first.seal(SECRET, PLACE)[1] == second.seal(SECRET, PLACE)[1]


def test_a_configured_file_is_read_and_never_made(here):
    path = here / "key"
    own = vault(here, master_key_file=str(path))
    with pytest.raises(ConfigError, match="is not there: set master_key"):
        own.seal(SECRET, PLACE)
    path.write_text(HEX + "\n")
    assert own.seal(SECRET, PLACE)[1] == MasterKey(bytes.fromhex(HEX)).id


def test_several_keys_all_open_and_the_first_seals(here):
    sealed, master = vault(here, master_key=OTHER).seal(SECRET, PLACE)
    both = vault(here, master_key=f"{HEX},{OTHER}")
    assert both.open(sealed, master, PLACE) == SECRET
    assert both.seal(SECRET, PLACE)[1] == MasterKey(bytes.fromhex(HEX)).id
    assert both.seal(SECRET, PLACE, like=[master])[1] == master  # as the other rows are


def test_a_file_that_another_process_has_changed_is_read_again(here):
    first, second = vault(here), vault(here)
    old = first.seal(SECRET, PLACE)
    assert second.open(*old, PLACE) == SECRET
    new = MasterKey(secrets.token_bytes(32))
    first.write([new, *first.known()])
    assert second.open(new.seal(SECRET, PLACE), new.id, PLACE) == SECRET
    assert second.open(*old, PLACE) == SECRET


@pytest.mark.parametrize(
    "encode",
    [
        bytes.hex,
        lambda key: key.hex().upper(),
        lambda key: base64.b64encode(key).decode(),
        lambda key: base64.urlsafe_b64encode(key).decode().rstrip("="),
    ],
)
def test_a_key_is_written_in_hex_or_base64(encode):
    key = secrets.token_bytes(32)
    assert read_keys([encode(key)], "master_key") == (MasterKey(key),)


@pytest.mark.parametrize("text", ["", "password", HEX[:-2], HEX + "00", "00" * 32, "ä" * 44])
def test_what_is_no_key_is_refused_and_never_quoted(text):
    with pytest.raises(ConfigError) as caught:
        read_keys([text], "master_key")
    assert caught.value.where == "master_key"
    assert not text or text not in str(caught.value)


def test_a_damaged_file_is_an_error_that_names_it(here):
    path = here / "key"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="key cannot be used: it is no text"):
        vault(here, master_key_file=str(path)).known()


def test_a_folder_that_cannot_be_written_is_an_error_that_names_it(here):
    (here / "state").write_text("a file")
    with pytest.raises(ConfigError, match=r"master\.key cannot be used: .* Else set master_key"):
        vault(here).seal(SECRET, PLACE)


def test_a_key_is_seen_nowhere(here):
    own = vault(here, master_key=HEX)
    [key] = own.known()
    for shown in (repr(own), repr(key), str(key), f"{key}", repr(own.known())):
        assert HEX not in shown
        assert HEX[:8] not in shown
    with pytest.raises(TypeError):
        pickle.dumps(key)
    with pytest.raises(TypeError):
        copy.deepcopy(key)
