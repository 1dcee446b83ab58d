"""`torch2caffe2 cache list`, `cache collect` and `cache check`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Annotated

import typer

from pipeline.cli.options import Json, StoreFolder


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Look after the store of artifacts.", no_args_is_help=True, rich_markup_mode=None)
    group.command("list")(list_)
    group.command()(collect)
    group.command()(check)
    app.add_typer(group, name="cache")


def list_(store: StoreFolder = None, json: Json = False) -> int:
    """List the artifacts, the one used last first.

    torch2caffe2 cache list
    """
    from pipeline.cli.talk import print_json, print_table
    from pipeline.engine.reporters import age_text, size_text
    from pipeline.store import collect as collecting
    from pipeline.store.store import opened

    listed = collecting.entries(opened(store))
    if json:
        print_json([asdict(entry) for entry in listed])
    elif listed:
        rows = [(e.key[:12], e.kind, size_text(e.size), age_text(e.made), age_text(e.used), e.model) for e in listed]
        print_table(("key", "kind", "size", "made", "used", "model"), rows)
    return 0


def collect(
    store: StoreFolder = None,
    older_than: Annotated[str, typer.Option("--older-than", metavar="AGE", help="Not used for 30d, 12h.")] = "",
    max_size: Annotated[str, typer.Option("--max-size", metavar="SIZE", help="Bring the store to 10G.")] = "",
    keep: Annotated[
        int, typer.Option("--keep", metavar="N", help="Keep the newest N of each model and kind in any case.")
    ] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    json: Json = False,
) -> int:
    """Remove artifacts past the limits given, and what is of no use to anybody.

    torch2caffe2 cache collect --older-than 30d --dry-run
    """
    from pipeline.cli.talk import print_json, print_table
    from pipeline.engine.reporters import size_text
    from pipeline.store import collect as collecting
    from pipeline.store.store import opened

    limits = collecting.Limits(
        collecting.parse_duration(older_than) if older_than else None,
        collecting.parse_size(max_size) if max_size else None,
        keep,
    )
    removed = collecting.collect(opened(store), limits, dry_run)
    if json:
        print_json([asdict(removal) for removal in removed])
        return 0
    print_table(("", "", ""), [(removal.name[:12], size_text(removal.size), removal.why) for removal in removed])
    freed = size_text(sum(removal.size for removal in removed))
    print(f"{freed} {'would be' if dry_run else 'were'} freed", file=sys.stderr)
    return 0


def check(store: StoreFolder = None, json: Json = False) -> int:
    """Read every byte of the store; damaged artifacts are put aside, and exit code 6 tells of them.

    torch2caffe2 cache check
    """
    from pipeline.cli.talk import print_json, print_table
    from pipeline.store import collect as collecting
    from pipeline.store.store import opened

    problems = collecting.check(opened(store))
    if json:
        print_json([{"name": name, "problem": problem} for name, problem in problems])
    else:
        print_table(("", ""), problems)
        print(f"{len(problems)} problems" if problems else "the store is sound", file=sys.stderr)
    return 6 if problems else 0
