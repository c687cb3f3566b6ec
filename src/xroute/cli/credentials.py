"""`xroute credentials`: what is kept of providers' credentials, and the master key they are sealed under."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xroute.cli.cells import text
from xroute.cli.output import note
from xroute.cli.sources import ConfigOption, database_url, load_settings
from xroute.cli.terminal import MOST, MostOption, Terminal, action, group
from xroute.errors import ConfigError

if TYPE_CHECKING:
    from xroute.config.load import Loaded
    from xroute.store.vault import MasterKey, Vault

app = group()

COLUMNS = [
    text("id"),
    text("provider"),
    text("name"),
    text("secret", "shown"),
    text("host"),
    text("weight"),
    text("fallback"),
    text("disabled"),
    text("problem"),
]

Which = Annotated[str, typer.Argument(metavar="CREDENTIAL", help="Its id, or its name.")]
InstallationOption = Annotated[
    bool, typer.Option("--installation", help="One that serves everybody, not a workspace's own.")
]
WeightOption = Annotated[float | None, typer.Option(min=0, help="Its share, beside others of its kind.")]
FallbackOption = Annotated[
    bool | None, typer.Option(help="Where it fails, the installation's may be tried, or not.")
]


@action(app, "list")
def listed(terminal: Terminal, installation: InstallationOption = False, limit: MostOption = MOST) -> None:
    """List credentials, the newest first."""
    terminal.list(_folder(is_ours=installation), COLUMNS, limit)


@action(app)
def add(
    terminal: Terminal,
    provider: Annotated[str, typer.Argument(help="Whose: openai.")],
    name: Annotated[str, typer.Argument(help="What it is called.")],
    weight: WeightOption = None,
    fallback: FallbackOption = None,
    installation: InstallationOption = False,
) -> None:
    """Store a credential. Its secret is asked for, or read from standard input; it serves at once."""
    body = {"provider": provider, "name": name, "secret": _secret()}
    made = terminal.post(_folder(is_ours=installation), body | _told(weight=weight, fallback=fallback))
    _done(terminal, made, f"is stored, for {made['host']} alone")


@action(app)
def show(terminal: Terminal, credential: Which, installation: InstallationOption = False) -> None:
    """Show one credential, masked."""
    terminal.one(terminal.get(_path(terminal, credential, is_ours=installation)))


@action(app)
def update(
    terminal: Terminal,
    credential: Which,
    name: Annotated[str, typer.Option(help="Another name.")] = "",
    secret: Annotated[bool, typer.Option("--secret", help="Ask for another, or read it.")] = False,
    weight: WeightOption = None,
    fallback: FallbackOption = None,
    disabled: Annotated[bool | None, typer.Option("--disable/--enable", help="Not used, or used.")] = None,
    installation: InstallationOption = False,
) -> None:
    """Change what is given."""
    body = _told(name=name or None, weight=weight, fallback=fallback, disabled=disabled)
    if secret:
        body["secret"] = _secret()
    if not body:
        raise ConfigError("nothing is to be changed: say --name, --secret, --weight, --fallback or --disable")
    changed = terminal.patch(_path(terminal, credential, is_ours=installation), body)
    _done(terminal, changed, "is changed")


@action(app)
def remove(terminal: Terminal, credential: Which, installation: InstallationOption = False) -> None:
    """Delete a credential for good."""
    gone = terminal.delete(_path(terminal, credential, is_ours=installation))
    terminal.done(gone, f"credential {gone['id']} is deleted")


@action(app)
def test(terminal: Terminal, credential: Which, installation: InstallationOption = False) -> None:
    """Ask the provider for its list of models, which costs nothing; exit code 1 unless it is taken."""
    found = terminal.post(f"{_path(terminal, credential, is_ours=installation)}/test")
    terminal.one(found)
    if found["verdict"] != "ok":
        raise typer.Exit(1)


@action(app)
def confirm(
    terminal: Terminal,
    credential: Which,
    host: Annotated[str, typer.Argument(help="The provider's address as it is now.")],
    installation: InstallationOption = False,
) -> None:
    """Let a credential be sent to its provider's new address."""
    path = _path(terminal, credential, is_ours=installation)
    _done(terminal, terminal.post(f"{path}/confirm", {"host": host}), f"goes to {host} from now on")


def _secret() -> str:
    """What no option may hold: other users of the machine see a command's options."""
    if sys.stdin.isatty():
        return typer.prompt("secret", hide_input=True, err=True)
    if found := sys.stdin.read().strip():
        return found
    raise ConfigError("there is no secret on standard input")


def _folder(*, is_ours: bool) -> str:
    return "installation/credentials" if is_ours else "credentials"


def _path(terminal: Terminal, credential: str, *, is_ours: bool) -> str:
    folder = _folder(is_ours=is_ours)
    return f"{folder}/{terminal.remote.find(folder, 'cred_', credential, 'name')}"


def _told(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _done(terminal: Terminal, credential: dict[str, Any], said: str) -> None:
    terminal.done(credential, f"credential {credential['name']} ({credential['id']}) {said}")


@app.command("rotate-master")
def rotate_master(
    path: ConfigOption = None,
    new_key_file: Annotated[
        Path | None, typer.Option("--new-key-file", help="A file with the new key; else one is made.")
    ] = None,
) -> None:
    """Seal every stored credential under a new master key, all of them or none.

    Processes that run go on: with a key file they read both keys from it while this runs, and the new one
    afterwards. A key in the settings (`master_key`) is yours to change when this is done.
    """
    loaded = load_settings(path)
    # asyncio too; the vault needs cryptography and the database SQLAlchemy, which `--help` need not wait for.
    import asyncio

    from xroute.store.vault import Vault

    vault = Vault(loaded)
    new = _new_key(vault, new_key_file)
    old = vault.known()
    is_written = vault.file is not None and new not in old
    if is_written:
        vault.write([*old, new])
    count = asyncio.run(_rotated(loaded, vault, new))
    note(f"{count} credentials are sealed under master key {new.id}")
    if is_written:
        vault.write([new])
        note(f"which is in {vault.file} now")
    elif vault.file is not None:
        note(f"now take the old key out of {vault.file}")
    else:
        note(f"now set master_key (XROUTE_MASTER_KEY) to what {new_key_file} holds, and start xroute again")


def _new_key(vault: "Vault", file: Path | None) -> "MasterKey":
    from xroute.store.vault import new_key, read_keys

    if file is not None:
        try:
            text = file.read_text("ascii")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text"
            raise ConfigError(f"{file} cannot be read: {reason}") from None
        return read_keys(text.splitlines(), str(file))[0]
    if vault.file is None:
        raise ConfigError(
            "master_key is set in the settings, where no command can change it: make a new key with "
            "`openssl rand -hex 32 > FILE` and say --new-key-file FILE"
        )
    return new_key()


async def _rotated(loaded: "Loaded", vault: "Vault", new: "MasterKey") -> int:
    from xroute.store.audit import Actor
    from xroute.store.credentials import Credentials
    from xroute.store.db import AWAY, Database, why
    from xroute.store.migrate import HEAD, revision

    db = Database(database_url(loaded))
    try:
        if await revision(db) != HEAD:
            raise ConfigError(
                f"the database {db.address.shown} is of another release, or empty: name the right one as "
                "`database`, or start xroute once"
            )
        return await Credentials(db, vault).rotate(Actor("cli", name="command line", operator=True), new)
    except AWAY as error:
        raise ConfigError(f"cannot use the database {db.address.shown}: {why(error)}") from error
    finally:
        await db.close()
