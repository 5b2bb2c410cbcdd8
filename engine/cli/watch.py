"""`trading-engine watch`: what an engine tells over its API, as it happens; a thin shell."""

import os
from typing import Annotated

import typer

from engine.cli.options import DataDir

watch = typer.Typer(
    help="What happens, as it happens: over the API of the engine running here, or of one elsewhere.",
    no_args_is_help=True,
)

URL, TOKEN = "TRADING_ENGINE_URL", "TRADING_ENGINE_TOKEN"


@watch.callback()
def _group() -> None:
    """Keep `watch` a group: Typer takes a lone command for the whole."""


@watch.command()
def events(  # noqa: PLR0913 - each is an option
    after: Annotated[
        str | None, typer.Option(metavar="CURSOR", help="Begin after this cursor.", show_default="now")
    ] = None,
    type: Annotated[
        list[str] | None,
        typer.Option("--type", metavar="TYPE", help="Only events of this type; may be repeated."),
    ] = None,
    symbol: Annotated[str | None, typer.Option(metavar="SYMBOL", help="Only about this symbol.")] = None,
    user: Annotated[str | None, typer.Option(metavar="ID", help="Only of the user with this id.")] = None,
    entity: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Only about this order, position, strategy, alert or stop."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Whole events, one JSON object a line.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="End with code 1 where a cursor can't be honoured.")
    ] = False,
    url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="An engine elsewhere.", show_default=f"${URL}, else the one here"),
    ] = None,
    token_env: Annotated[
        str, typer.Option(metavar="NAME", help="The variable that holds the token for an engine elsewhere.")
    ] = TOKEN,
    data_dir: DataDir = None,
) -> None:
    """Print events as they happen: cursor, time, type, priority, entity, symbol, and the payload's beginning.

    Of the engine running here it shows what its operator sees; of one elsewhere,
    what the token's user sees. It goes on across lost connections and restarts
    of the engine: nothing is missed, nothing comes twice.

    Standard error tells when a connection is lost or back; when a cursor can't be
    honoured, why (it goes on from now then: read the state anew); and at Ctrl-C
    the cursor to go on after. The exit code is 0 after Ctrl-C, 1 after an error.
    """
    from engine.cli.following import Wanted, elsewhere, here, print_events
    from engine.errors import EngineError
    from engine.ledger.selection import types_named

    if url is not None and data_dir is not None:
        raise EngineError("url: cannot be combined with data-dir, which names the engine running here")
    if data_dir is None:
        url = url or os.environ.get(URL)
    engine = here(data_dir) if url is None else elsewhere(url, token_env)
    filter = {"types": types_named(type or ()) or None, "symbol": symbol, "userId": user, "entityId": entity}
    wanted = Wanted({name: value for name, value in filter.items() if value is not None}, strict, json)
    print_events(engine, wanted, after)
