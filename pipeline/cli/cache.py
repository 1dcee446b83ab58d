"""`torch2caffe2 cache list`, `cache collect`, `cache check`, `cache push` and `cache pull`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import Json, RemoteStore, StoreFolder

if TYPE_CHECKING:
    from pipeline.store.exchange import Moved
    from pipeline.store.remote import Remote
    from pipeline.store.store import Store

What = Annotated[
    list[str] | None,
    typer.Argument(metavar="[WHAT]...", help="Keys or models; by default, everything that the other store lacks."),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Manage the store of artifacts.", rich_markup_mode=None)
    group.command("list")(list_)
    group.command()(collect)
    group.command()(check)
    group.command()(push)
    group.command()(pull)
    app.add_typer(group, name="cache")


def list_(store: StoreFolder = None, json: Json = False) -> int:
    """List the artifacts, most recently used first.

    torch2caffe2 cache list
    """
    from pipeline.cli.output import print_json, print_table
    from pipeline.engine.reporters import age_text, size_text
    from pipeline.store import collect as collecting
    from pipeline.store.store import existing

    listed = collecting.entries(existing(store))
    if json:
        print_json([asdict(entry) for entry in listed])
    elif listed:
        rows = [(e.key[:12], e.kind, size_text(e.size), age_text(e.made), age_text(e.used), e.model) for e in listed]
        print_table(("key", "kind", "size", "made", "used", "model"), rows)
    return 0


def collect(
    store: StoreFolder = None,
    older_than: Annotated[
        str, typer.Option("--older-than", metavar="AGE", help="Not used for this time, such as 30d or 12h.")
    ] = "",
    max_size: Annotated[
        str, typer.Option("--max-size", metavar="SIZE", help="Reduce the store to this size, such as 10G.")
    ] = "",
    keep: Annotated[
        int, typer.Option("--keep", metavar="N", help="Always keep the newest N of each model and kind.")
    ] = 0,
    edited: Annotated[
        bool, typer.Option("--edited", help="Remove networks edited by hand, too; they cannot be made again.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be removed.")] = False,
    json: Json = False,
) -> int:
    """Remove artifacts beyond the given limits.

    Leftovers that nothing uses are removed, too.

    Networks edited by hand are kept, and what they were made from, so that their conversions can be resumed.

    torch2caffe2 cache collect --older-than 30d --dry-run
    """
    from pipeline.cli.output import print_json, print_table
    from pipeline.engine.reporters import size_text
    from pipeline.store import collect as collecting
    from pipeline.store.store import existing

    limits = collecting.Limits(
        collecting.parse_duration(older_than) if older_than else None,
        collecting.parse_size(max_size) if max_size else None,
        keep,
        edited,
    )
    removed = collecting.collect(existing(store), limits, dry_run)
    if json:
        print_json([asdict(removal) for removal in removed])
        return 0
    print_table(("", "", ""), [(removal.name[:12], size_text(removal.size), removal.why) for removal in removed])
    freed = size_text(sum(removal.size for removal in removed))
    print(f"{freed} {'would be' if dry_run else 'were'} freed", file=sys.stderr)
    return 0


def check(store: StoreFolder = None, json: Json = False) -> int:
    """Read every byte of the store. Damaged artifacts are moved aside, and the exit code is 6 if there are any.

    torch2caffe2 cache check
    """
    from pipeline.cli.output import print_json, print_table
    from pipeline.report.words import plural
    from pipeline.store import collect as collecting
    from pipeline.store.store import existing

    problems = collecting.check(existing(store))
    if json:
        print_json([{"name": name, "problem": problem} for name, problem in problems])
    else:
        print_table(("", ""), problems)
        print(plural(len(problems), "problem") if problems else "the store is sound", file=sys.stderr)
    return 6 if problems else 0


def push(what: What = None, store: StoreFolder = None, remote_store: RemoteStore = "", json: Json = False) -> int:
    """Send artifacts to a remote store.

    Those that it lacks are sent; or only WHAT, which replaces what is there.

    torch2caffe2 cache push --remote-store s3://bucket/folder
    """
    from pipeline.store import exchange

    moved = exchange.push(*_stores(store, remote_store), what or ())
    _tell_unmet(exchange.unmet(what or (), moved), "is here")
    return _tell_moved(moved, "sent", json)


def pull(what: What = None, store: StoreFolder = None, remote_store: RemoteStore = "", json: Json = False) -> int:
    """Fetch artifacts from a remote store.

    All that are missing here are fetched; or only WHAT.

    torch2caffe2 cache pull model.t7 --remote-store s3://bucket/folder
    """
    from pipeline.store import exchange

    moved = exchange.pull(*_stores(store, remote_store, create=True), what or ())
    _tell_unmet(exchange.unmet(what or (), moved), "lacks here")
    return _tell_moved(moved, "taken", json)


def _stores(store: Path | None, url: str, *, create: bool = False) -> tuple[Store, Remote]:
    """Open the local and the remote store. Raises UsageError if the remote store is not named or not reachable."""
    from pipeline.errors import UsageError
    from pipeline.store.remote import Remote
    from pipeline.store.store import existing, opened
    from pipeline.validation import check_value

    if not url:
        raise UsageError("no remote store was named", advice="--remote-store URL, or TORCH2CAFFE2_REMOTE_STORE")
    check_value("remote_store", url)
    remote = Remote(url)
    remote.require()
    return (opened if create else existing)(store), remote


def _tell_unmet(words: list[str], where: str) -> None:
    """Print which arguments match no artifact. That is no error: the artifacts may not have been made yet."""
    from pipeline.cli.output import tell

    for word in words:
        tell(f"no artifact that {where} is called {word}; cache list names those here")


def _tell_moved(moved: list[Moved], verb: str, json: bool) -> int:
    """Print which artifacts were transferred, and return the exit code: 6 if any is damaged."""
    from pipeline.cli.output import print_json, print_table
    from pipeline.engine.reporters import size_text
    from pipeline.report.words import plural

    if json:
        print_json([asdict(each) for each in moved])
    else:
        rows = [(e.key[:12], e.kind, size_text(e.size), e.model, e.problem) for e in moved]
        print_table(("key", "kind", "size", "model", "problem"), rows if moved else ())
        sound = [each for each in moved if not each.problem]
        amount = plural(len(sound), "artifact was", "artifacts were")
        print(f"{amount} {verb}, {size_text(sum(e.size for e in sound))}", file=sys.stderr)
    return 6 if any(each.problem for each in moved) else 0
