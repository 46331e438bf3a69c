"""`stance config`: look at a config before anything is loaded."""

import json
from typing import Annotated, Literal

import typer

from ukraine_stance.cli.options import ConfigFile, Sets

Kind = Annotated[Literal["experiment", "gate", "sweep"], typer.Option(help="What the file holds.")]

app = typer.Typer(help="Look at a config before anything is loaded.", no_args_is_help=True)


@app.command("check")
def config_check(config: ConfigFile, sets: Sets = None, kind: Kind = "experiment") -> None:
    """Name every fault of a config, or say that there is none."""
    from ukraine_stance import config as configs
    from ukraine_stance.project import config_file

    if kind == "gate":
        rules = configs.load_gate(config_file(config), sets or []).config
        print(f"{config}: fine (rules of the gate of {rules.registered_model})")
        return
    if kind == "sweep":
        tried = configs.load_sweep(config_file(config), sets or []).config
        print(f"{config}: fine (a sweep of {tried.config}, {tried.trials} trials)")
        return
    loaded = configs.load(config_file(config), sets or [])
    print(f"{config}: fine ({loaded.config.name}, {loaded.config.model.family})")


@app.command("show")
def config_show(config: ConfigFile, sets: Sets = None, kind: Kind = "experiment") -> None:
    """Print the resolved config, each value with its origin."""
    from ukraine_stance import config as configs
    from ukraine_stance.project import config_file

    path, given = config_file(config), sets or []
    if kind == "gate":
        print(configs.show(configs.load_gate(path, given)), end="")
    elif kind == "sweep":
        print(configs.show(configs.load_sweep(path, given)), end="")
    else:
        print(configs.show(configs.load(path, given)), end="")


@app.command("schema")
def config_schema() -> None:
    """Print the JSON schema of a config, for editors."""
    from ukraine_stance import config as configs

    print(json.dumps(configs.json_schema(), indent=2, ensure_ascii=False))
