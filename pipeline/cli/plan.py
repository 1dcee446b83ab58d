"""`torch2caffe2 plan`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from pipeline.cli.options import Config, Json, takes_conversion_options


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(plan)


@takes_conversion_options
def plan(
    typed: dict[str, Any],
    config: Config = None,
    dag: Annotated[str, typer.Option("--dag", metavar="FORM", help="Draw all stages: text, mermaid or dot.")] = "",
    json: Json = False,
) -> int:
    """Say which stages a convert would run, which are cached, and why.

    torch2caffe2 plan model.t7 --input 1x3x224x224
    """
    if dag:
        from pipeline.engine.dag import drawn
        from pipeline.stages.discovery import discover

        print(drawn(discover(), dag))
        return 0
    from pipeline import config as configuration
    from pipeline.cli.talk import print_json, print_table
    from pipeline.engine import planner
    from pipeline.visible import visible

    plans = {options.name: planner.plan(options) for options in configuration.load(config, typed)}
    if json:
        print_json({"models": [{"model": name, "stages": planner.as_json(each)} for name, each in plans.items()]})
        return 0
    for name, stages in plans.items():
        if len(plans) > 1:
            print(f"{visible(name)}:")
        print_table(("stage", "state", "why"), planner.rows(stages))
    return 0
