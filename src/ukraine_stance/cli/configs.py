"""`stance config`: look at a config before anything is loaded."""

import json

import typer

from ukraine_stance.cli.options import ConfigFile, Sets

app = typer.Typer(help="Look at a config before anything is loaded.", no_args_is_help=True)


@app.command("check")
def config_check(config: ConfigFile, sets: Sets = None) -> None:
    """Name every fault of a config (an experiment, a sweep or the gate's rules), or say that there is none."""
    from ukraine_stance import config as configs
    from ukraine_stance.project import config_file

    loaded = configs.load_any(config_file(config), sets or []).config
    if isinstance(loaded, configs.GateConfig):
        what = f"rules of the gate of {loaded.registered_model}"
    elif isinstance(loaded, configs.SweepConfig):
        what = f"a sweep of {loaded.config}, {loaded.trials} trials"
    else:
        what = f"{loaded.name}, {loaded.model.family}"
    print(f"{config}: fine ({what})")


@app.command("show")
def config_show(config: ConfigFile, sets: Sets = None) -> None:
    """Print the resolved config, each value with its origin."""
    from ukraine_stance import config as configs
    from ukraine_stance.project import config_file

    print(configs.show(configs.load_any(config_file(config), sets or [])), end="")


@app.command("schema")
def config_schema() -> None:
    """Print the JSON schema of a config, for editors."""
    from ukraine_stance import config as configs

    print(json.dumps(configs.json_schema(), indent=2, ensure_ascii=False))
