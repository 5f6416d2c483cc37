"""`toog <verb>`: jobs, operator's calls and the demo. Thin: every verb is one call elsewhere."""

import typer

from toog.cli import counting, dead, explaining, finding, jobs, judging_again, reviving, valve

app = typer.Typer(
    help="Webcare for the social desk on broadcast nights.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for verbs in (jobs, explaining, counting, finding, judging_again, reviving, dead, valve):
    app.add_typer(verbs.app)
