"""`trading-engine journal`: the ledger's events for people and scripts; each command is a thin shell."""

import asyncio
from typing import Annotated

import typer

from engine.cli.options import DataDir
from engine.errors import EngineError
from engine.settings import read_settings

journal = typer.Typer(
    help="What happened, in the order of the commits. It reads beside a running engine and changes nothing.",
    no_args_is_help=True,
)

MOST_LAST = 10_000  # events that are in memory at once

After = Annotated[str | None, typer.Option(metavar="CURSOR", help="Only what came after this cursor.")]
Types = Annotated[
    list[str] | None,
    typer.Option("--type", metavar="TYPE", help="Only events of this type; may be repeated."),
]
EntityId = Annotated[
    str | None,
    typer.Option("--entity", metavar="ID", help="Only about this order, position, strategy, alert or stop."),
]


@journal.command()
def tail(  # noqa: PLR0913 - each is an option
    after: After = None,
    type: Types = None,
    user: Annotated[str | None, typer.Option(metavar="ID", help="Only of the user with this id.")] = None,
    entity: EntityId = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    last: Annotated[
        int | None,
        typer.Option(
            min=0, max=MOST_LAST, help="How many of the newest, unless --after is given.", show_default="20"
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Whole events, one JSON object a line.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Print events: cursor, time, type, priority, entity, symbol, and the payload's beginning.

    What an event does not have is a dash. Each cursor is one for --after,
    here and in the API.
    """
    from engine.cli.tail import Begin, print_tail
    from engine.ledger.selection import Selection, types_named

    if after is not None and last is not None:
        raise EngineError("last: cannot be combined with after, which prints all that came since")
    wanted = Selection(types_named(type or ()), user, entity)
    begin = Begin(after, 20 if last is None else last)
    try:
        asyncio.run(print_tail(read_settings(data_dir=data_dir), wanted, begin, follow=follow, as_json=json))
    except KeyboardInterrupt:
        if not follow:
            raise


@journal.command()
def export(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Where to write; - is standard output.")],
    after: After = None,
    through: Annotated[
        str | None,
        typer.Option(metavar="CURSOR", help="Only up to this cursor.", show_default="the newest event"),
    ] = None,
    type: Types = None,
    force: Annotated[bool, typer.Option("--force", help="Take the place of a file that is there.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Write events to a file: a header line, then one event a line, as JSON.

    FILE appears when it is complete, readable by its owner only: it tells of
    accounts and orders. The next export goes on after the cursor that is told.
    """
    from engine.cli.export import Wanted, export_journal
    from engine.ledger.selection import types_named

    wanted = Wanted(after, through, types_named(type or ()))
    settings = read_settings(data_dir=data_dir)
    typer.echo(asyncio.run(export_journal(settings, file, wanted, force=force)), err=True)


@journal.command()
def replay(
    file: Annotated[
        str | None,
        typer.Argument(metavar="FILE", help="An export; - is standard input.", show_default=False),
    ] = None,
    ledger: Annotated[
        bool, typer.Option("--ledger", help="The events of the ledger itself instead of a file.")
    ] = False,
    after: After = None,
    handler: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="An installed handler, or package.module:function; may be repeated.",
            show_default="all installed ones",
        ),
    ] = None,
    type: Types = None,
    entity: EntityId = None,
    data_dir: DataDir = None,
) -> None:
    """Hand recorded events to handlers of your own, and print what they make of them.

    They run in a scratch ledger that is thrown away: nothing of the real one is
    changed. What a handler does OUTSIDE of it (a message, a webhook) is really
    done, with the key it has in an engine. A failed attempt is repeated without
    waiting. The built-in handlers are not replayed: they would send orders.
    The exit code is 1 when an attempt failed.
    """
    from engine.cli.replay import Recorded, find_handlers, replay_events
    from engine.ledger.selection import Selection, types_named

    if (file is None) is not ledger:
        raise EngineError("file: give an export, or --ledger, and not both")
    if after is not None and not ledger:
        raise EngineError("after: goes with --ledger; an export holds what it was made with")
    recorded = Recorded(file, after, Selection(types_named(type or ()), None, entity))
    handlers = find_handlers(handler or ())
    went_well = asyncio.run(replay_events(read_settings(data_dir=data_dir), recorded, handlers, typer.echo))
    raise typer.Exit(0 if went_well else 1)
