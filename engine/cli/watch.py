"""`trading-engine watch`: what happens, live, from an engine here or elsewhere; a thin shell."""

from typing import Annotated

import typer

from engine.cli.options import DataDir

watch = typer.Typer(
    help="What happens, live. It goes on across lost connections and restarts of the engine, until Ctrl-C.",
    no_args_is_help=True,
)


@watch.callback()
def _watch() -> None:
    """Keep `events` a command of its own; Typer would make an only command the group itself."""


@watch.command()
def events(  # noqa: PLR0913 - each is an option
    after: Annotated[
        str | None,
        typer.Option(
            metavar="CURSOR", help="What came after this cursor, then what comes.", show_default="now"
        ),
    ] = None,
    type: Annotated[
        list[str] | None,
        typer.Option("--type", metavar="TYPE", help="Only events of this type; may be repeated."),
    ] = None,
    symbol: Annotated[str | None, typer.Option(metavar="SYMBOL", help="Only about this symbol.")] = None,
    user: Annotated[str | None, typer.Option(metavar="ID", help="Only of the user with this id.")] = None,
    entity: Annotated[
        str | None,
        typer.Option(
            "--entity", metavar="ID", help="Only about this order, position, strategy, alert or stop."
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Whole events, one JSON object a line.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="End with code 1 when a cursor can't be honoured.")
    ] = False,
    url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="An engine elsewhere; the token is in TRADING_ENGINE_TOKEN. Without, the one running here.",
            envvar="TRADING_ENGINE_URL",
        ),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Print events as they are committed: cursor, time, type, priority, entity, symbol, and the payload's beginning.

    What an event does not have is a dash. Lost connections are told on standard
    error, as is a cursor that can't be honoured: what was missed then is not
    printed. Ctrl-C ends it and tells how to go on.
    """
    from engine.cli.following import Wanted, print_live

    print_live(Wanted(after, tuple(type or ()), symbol, user, entity, strict), url, data_dir, as_json=json)
