"""`torch2caffe2 plan`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.cli import completion
from pipeline.cli.options import Config, Json, takes_conversion_options

Form = Annotated[
    str,
    typer.Option(
        "--dag",
        metavar="FORM",
        help="Draw the stages: text, mermaid, dot or svg.",
        autocompletion=completion.completing(completion.drawings),
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(plan)


@takes_conversion_options
def plan(typed: dict[str, Any], config: Config = None, dag: Form = "", json: Json = False) -> int:
    """Show what convert would run, what is cached, and why.

    With --dag, the stages are drawn instead; without a MODEL, all existing stages.

    torch2caffe2 plan model.t7 --input 1x3x224x224
    """
    from pipeline.cli.output import asked_models, print_failures, print_json, print_table
    from pipeline.engine import batch, planner
    from pipeline.errors import UsageError
    from pipeline.visible import visible

    if dag and json:
        raise UsageError("--dag and --json exclude each other", advice="leave one of them out")
    if dag:
        print(_drawn(typed, config, dag))
        return 0
    runs, left_out = asked_models(config, typed)
    plans = batch.look_at_all(runs, planner.plan, tuple[planner.StagePlan, ...]())
    code = print_failures(plans)
    if json:
        models = [{"model": p.model, "stages": planner.as_json(p.found), "errors": p.errors} for p in plans]
        print_json({"exit_code": code, "models": models, "left_out": [each.as_json() for each in left_out]})
        return code
    for each in plans:
        if len(plans) > 1:
            print(visible(each.heading))
        print_table(("stage", "state", "why"), planner.rows(each.found))
    return code


def _drawn(typed: dict[str, Any], config: Path | None, form: str) -> str:
    """Return a drawing of the stages of a conversion, with their states; without a model, of all stages."""
    from pipeline import config as configuration
    from pipeline.engine import drawing, planner
    from pipeline.errors import UsageError
    from pipeline.stages.discovery import discover

    if "model" not in typed and config is None:
        return drawing.drawn(discover(), form)
    options, *others = configuration.load(config, typed)
    if others:
        raise UsageError(f"{len(others) + 1} models are asked for, and one is drawn at a time", advice="name one")
    states = {stage.stage: stage.state for stage in planner.plan(options)}
    return drawing.drawn([stage for stage in discover() if stage.name in states], form, states)
