"""Clients' keys: shown once, kept as keyed hashes, readable by their owner alone."""

import json
import stat
from pathlib import Path

import pytest

from xroute.errors import ConfigError
from xroute.store.keyfile import KeyStore
from xroute.store.pepper import PREFIX, SHOWN, digest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state" / "xroute"


@pytest.fixture
def store(folder: Path) -> KeyStore:
    return KeyStore(folder)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_store_that_was_never_used_is_empty_and_writes_nothing(store, folder):
    assert store.load() == []
    assert not folder.exists()


def test_a_key_is_shown_once_and_kept_as_a_hash(store, folder):
    key = store.create("laptop")
    [kept] = store.load()
    assert key.startswith(PREFIX)
    assert len(key) > 40
    assert (kept.name, kept.shown) == ("laptop", key[:SHOWN])
    assert kept.hash == digest(store.pepper(), key).hex()
    everything = "".join(path.read_text() for path in folder.iterdir())
    assert key not in everything
    assert key[SHOWN + 1 :] not in everything


def test_what_is_shown_of_a_key_does_not_give_it_away(store):
    key = store.create("laptop")
    assert len(key) - SHOWN > 30


def test_keys_add_up_and_all_differ(store):
    keys = {store.create(f"key {n}") for n in range(5)}
    assert len(keys) == 5
    assert [kept.name for kept in store.load()] == [f"key {n}" for n in range(5)]
    assert len({kept.hash for kept in store.load()}) == 5


def test_the_pepper_is_made_once_and_kept_apart(store, folder):
    pepper = store.pepper()
    assert len(pepper) == 32
    assert KeyStore(folder).pepper() == pepper
    assert not (folder / "keys.json").exists()
    store.create("laptop")
    assert pepper.hex() not in (folder / "keys.json").read_text()


def test_another_pepper_gives_another_hash(store):
    assert digest(store.pepper(), "xr-1") != digest(b"another", "xr-1")
    assert digest(store.pepper(), "xr-1") != digest(store.pepper(), "xr-2")


def test_files_are_readable_by_the_owner_alone(store, folder):
    store.create("laptop")
    assert mode(folder) == 0o700
    assert {path.name: mode(path) for path in folder.iterdir()} == {"keys.json": 0o600, "pepper": 0o600}


def test_a_file_left_by_a_crash_does_not_make_keys_readable(store, folder):
    folder.mkdir(parents=True)
    left = folder / "keys.new"
    left.write_text("half")
    left.chmod(0o644)
    store.create("laptop")
    assert mode(folder / "keys.json") == 0o600
    assert not left.exists()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "{}",
        "null",
        "7",
        '"text"',
        "[1]",
        "[{}]",
        '[{"name": "a"}]',
        '[{"name": "a", "shown": "xr-", "hash": "00", "created": "", "more": 1}]',
        '[{"name": "a", "shown": "xr-", "hash": "no hex", "created": ""}]',
        '[{"name": "a", "shown": "xr-", "hash": "00ff", "created": ""}]',
        '[{"name": "a", "shown": "xr-", "hash": null, "created": ""}]',
    ],
)
def test_a_damaged_key_file_is_an_error_that_says_which(store, folder, text):
    store.create("laptop")
    (folder / "keys.json").write_text(text)
    with pytest.raises(ConfigError) as caught:
        store.load()
    assert str(folder / "keys.json") in str(caught.value)
    assert "it is damaged" in str(caught.value)
    with pytest.raises(ConfigError):
        store.create("another")  # would throw the old ones away
    assert (folder / "keys.json").read_text() == text


@pytest.mark.parametrize("text", ["", "zz", "00ff", "00" * 31, "00" * 33])
def test_a_damaged_pepper_is_an_error_and_no_other_pepper(store, folder, text):
    store.create("laptop")
    (folder / "pepper").write_text(text)
    with pytest.raises(ConfigError, match="pepper"):
        store.pepper()


def test_bytes_that_are_no_text_are_damage(store, folder):
    store.create("laptop")
    (folder / "keys.json").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="damaged"):
        store.load()


def test_a_folder_that_cannot_be_made_is_an_error_that_says_what_to_do(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigError, match="Set state_dir"):
        KeyStore(tmp_path / "file" / "xroute").create("laptop")


def test_a_file_that_is_a_folder_is_an_error(store, folder):
    (folder / "keys.json").mkdir(parents=True)
    with pytest.raises(ConfigError, match=r"keys\.json"):
        store.load()


def test_the_file_is_plain_json_with_a_time(store, folder):
    store.create("laptop")
    [entry] = json.loads((folder / "keys.json").read_text())
    assert set(entry) == {"name", "shown", "hash", "created"}
    assert entry["created"].endswith("+00:00")


def test_a_lost_pepper_is_told_and_not_replaced(tmp_path):
    KeyStore(tmp_path).create("first")
    (tmp_path / "pepper").unlink()
    with pytest.raises(ConfigError, match="pepper is missing"):
        KeyStore(tmp_path).pepper()
    assert not (tmp_path / "pepper").exists()
