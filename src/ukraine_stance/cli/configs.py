"""`stance config`: look at a config before anything is loaded."""

import json

import typer

from ukraine_stance.cli.options import ConfigFile, Sets

app = typer.Typer(help="Look at a config before anything is loaded.", no_args_is_help=True)


@app.command("check")
def config_check(config: ConfigFile, sets: Sets = None) -> None:
    """Name every fault of a config, or say that there is none."""
    from ukraine_stance import config as configs
    from ukraine_stance.project import config_file

    loaded = configs.load(config_file(config), sets or [])
    print(f"{config}: fine ({loaded.config.name}, {loaded.config.model.family})")


@app.command("show")
def config_show(config: ConfigFile, sets: Sets = None) -> None:
    """Print the resolved config, each value with its origin."""
    from ukraine_stance import config as configs
    from ukraine_stance.project import config_file

    print(configs.show(configs.load(config_file(config), sets or [])), end="")


@app.command("schema")
def config_schema() -> None:
    """Print the JSON schema of a config, for editors."""
    from ukraine_stance import config as configs

    print(json.dumps(configs.json_schema(), indent=2, ensure_ascii=False))
