"""Options that several commands share, spelled once."""

from pathlib import Path
from typing import Annotated, Literal

import typer

Root = Annotated[Path, typer.Option("--root", help="Project folder.", show_default="the current folder")]
Sets = Annotated[list[str] | None, typer.Option("--set", metavar="A.B=V", help="Override a config value; repeatable.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
Force = Annotated[bool, typer.Option("--force", help="Replace an output that exists.")]
ConfigFile = Annotated[Path, typer.Argument(metavar="CONFIG", help="YAML file of one experiment.")]
Samples = Annotated[int, typer.Option(min=100, help="Bootstrap resamples.")]
Level = Annotated[float, typer.Option(min=0.5, max=0.999, help="Confidence level of the intervals.")]
Seed = Annotated[int | None, typer.Option(min=0, help="Seed of the bootstrap.", show_default="the model's own")]
Labelled = Annotated[Path | None, typer.Option("--data", help="Labelled file (text, label; id, group optional).")]
Page = Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Folder for the page of results.")]
Cases = Annotated[
    list[Path] | None,
    typer.Option("--cases", metavar="DIR", help="Folder of behavioural tests of yours, run after ours; repeatable."),
]
NoCases = Annotated[bool, typer.Option("--no-cases", help="Run no behavioural tests.")]
NoShortcuts = Annotated[
    bool,
    typer.Option("--no-shortcuts", help="Do not ask again with names masked, the target removed or sides swapped."),
]
By = Annotated[
    list[str] | None,
    typer.Option(
        metavar="COLUMN",
        help="Print figures for every value of a column, the worst first; repeatable. 'length' is words.",
    ),
]
FieldShares = Annotated[
    str | None,
    typer.Option(
        "--field-shares",
        metavar="SHARES",
        help="Labels' shares in the text that the model is for; precision is told for them too.",
        show_default="favor=0.3,against=0.05,neutral=0.65",
    ),
]
LabellingTool = Annotated[
    Literal["label-studio", "doccano", "argilla"], typer.Option("--tool", help="Which labelling tool.")
]
