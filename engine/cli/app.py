"""The command line, for people and scripts: `trading-engine --help`."""

import asyncio
import sys
from collections.abc import Awaitable
from pathlib import Path
from typing import Annotated, NoReturn, TypeVar

import typer

from engine import __version__
from engine.cli.journal import journal
from engine.cli.options import DataDir
from engine.cli.watch import watch
from engine.errors import EngineError, MarketDataError
from engine.settings import read_settings

T = TypeVar("T")

app = typer.Typer(
    name="trading-engine",
    help="The control plane of an automatic trading engine. Settings also come from TRADING_ENGINE_* variables.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
tokens = typer.Typer(help="API tokens for scripts.", no_args_is_help=True)
app.add_typer(tokens, name="token")
app.add_typer(journal, name="journal")
app.add_typer(watch, name="watch")

User = Annotated[str, typer.Option(help="Whom the link signs in.")]


def main() -> None:
    """Run the command line; every expected failure is one line on standard error.

    What is worth a warning goes there, too: standard output is the command's answer and nothing else.
    """
    from engine.monitoring.log import LogFormat, configure_logging

    configure_logging(LogFormat.AUTO, "WARNING", sys.stderr)
    try:
        app()
    except MarketDataError as error:
        _fail("\n".join(f"{error.source}: {fault}" for fault in error.faults))
    except EngineError as error:
        _fail(str(error))


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on; 0: a free one.", show_default="8000")
    ] = None,
    data_dir: DataDir = None,
    replay: Annotated[
        Path | None, typer.Option(help="CSV file of prices to replay.", show_default="shipped")
    ] = None,
    speed: Annotated[
        float | None, typer.Option(help="Market times replayed a second.", show_default="2")
    ] = None,
    no_demo: Annotated[
        bool, typer.Option("--no-demo", help="Start without the demonstration strategy.")
    ] = False,
) -> None:
    """Start the engine and print a link that signs a browser in."""
    from engine.cli.server import run_server

    settings = read_settings(
        host=host, port=port, data_dir=data_dir, replay=replay, speed=speed, demo=False if no_demo else None
    )
    run_server(settings, typer.echo)


@app.command("open")
def open_(data_dir: DataDir = None, user: User = "operator") -> None:
    """Print a fresh sign-in link for the engine running here."""
    from engine.cli.local import find_local

    settings = read_settings(data_dir=data_dir)
    running = find_local(settings.data_dir)
    if running is None:
        _fail(f"no engine is running on {settings.data_dir}; start one with `trading-engine serve`")
    typer.echo(running.sign_in_link(user))


@tokens.command("create")
def create_token(
    user: Annotated[str, typer.Option(help="The token's user; made if new.")],
    role: Annotated[str, typer.Option(help="VIEWER, TRADER, RISK_OFFICER or OPERATOR.")],
    name: Annotated[str, typer.Option(help="What the token is for.")] = "command line",
    expires_in_days: Annotated[float | None, typer.Option(help="How long it may be used.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Create an API token and print it, and nothing else."""
    from engine.cli import admin

    settings = read_settings(data_dir=data_dir)
    lifetime_s = None if expires_in_days is None else int(expires_in_days * 86400)
    typer.echo(_run(admin.create_token(settings, user, role.upper().replace("-", "_"), name, lifetime_s)))


@app.command()
def stop(
    reason: Annotated[str, typer.Option(help="Why; kept for ever.")] = "stopped from the command line",
    scope: Annotated[str, typer.Option(help="ALL, USER, STRATEGY or SYMBOL.")] = "ALL",
    target: Annotated[str | None, typer.Option(help="The id or symbol, unless the scope is ALL.")] = None,
    flatten: Annotated[bool, typer.Option("--flatten", help="Also close every covered position.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Emergency stop: cancel every working order and refuse new ones until somebody resumes. (Ctrl-C ends `serve`.)"""
    from engine.cli import admin

    settings = read_settings(data_dir=data_dir)
    typer.echo(_run(admin.emergency_stop(settings, reason, scope.upper(), target, flatten)))


@app.command()
def migrate(data_dir: DataDir = None) -> None:
    """Bring the ledger's tables up to date; `serve` does this by itself."""
    from engine.cli import admin

    typer.echo(_run(admin.migrate_ledger(read_settings(data_dir=data_dir))))


@app.command()
def verify(data_dir: DataDir = None) -> None:
    """Walk the audit trail's chain of digests and say whether it is whole."""
    from engine.cli import admin

    intact, words = _run(admin.verify_audit(read_settings(data_dir=data_dir)))
    typer.echo(words, err=not intact)
    raise typer.Exit(0 if intact else 1)


@app.command()
def doctor(data_dir: DataDir = None) -> None:
    """Look at settings, ledger, wire, disk and pages, and say what is wrong."""
    from engine.cli.doctor import examine

    findings = _run(examine(read_settings(data_dir=data_dir)))
    for finding in findings:
        typer.echo(f"{'ok ' if finding.ok else 'BAD'}  {finding.subject}: {finding.words}")
    raise typer.Exit(0 if all(finding.ok for finding in findings) else 1)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def _run(work: Awaitable[T]) -> T:
    async def run() -> T:
        return await work

    return asyncio.run(run())


def _fail(words: str) -> NoReturn:
    typer.echo(words, err=True)
    sys.exit(1)


if __name__ == "__main__":
    main()
