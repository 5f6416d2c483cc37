"""Why (not): what a payload is, and whether a policy can be used."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toog.cli.running import fail

if TYPE_CHECKING:
    from services.router.policy import Policy

app = typer.Typer()


@app.command()
def explain(
    platform: Annotated[str, typer.Option(help="x, facebook, instagram, mastodon or bluesky")],
    me: Annotated[str, typer.Option(metavar="ID[:HANDLE]", help="our own account there")],
    file: Annotated[
        Path, typer.Argument(help="the payload; - reads it from standard input")
    ] = Path("-"),
    policy: Annotated[
        Path | None, typer.Option(help="judge by this policy.toml, not by the shipped one")
    ] = None,
    door: Annotated[str, typer.Option(help="own, or room: heard by a hashtag rule")] = "own",
) -> None:
    """Say what each event in a payload is, and why it comes to the desk or does not."""
    from datetime import UTC, datetime

    import msgspec

    from services.router.policy import PolicyError, read_policy, shipped_policy
    from toog.explain import DOORS, ExplainError
    from toog.explain import explain as explained
    from toog.explain import me as account_of

    judged_as = next((one for one in DOORS if one == door), None)
    if judged_as is None:
        fail(ValueError(f"--door {door}: choose {' or '.join(DOORS)}"))
    try:
        rules = read_policy(policy.read_text() if policy else shipped_policy())
        body = sys.stdin.buffer.read() if file == Path("-") else file.read_bytes()
        account = account_of(platform, me)
        found = explained(body, account, policy=rules, door=judged_as, now=datetime.now(UTC))
    except OSError as error:
        fail(ValueError(f"{error.filename or file} cannot be read: {error.strerror}"))
    except (UnicodeDecodeError, PolicyError, ExplainError) as error:
        fail(error)
    for sentence in found.unread[:20]:
        sys.stderr.write(f"toog: {sentence}\n")
    if len(found.unread) > 20:
        sys.stderr.write(f"toog: and {len(found.unread) - 20} more cannot be read\n")
    sys.stdout.buffer.write(msgspec.json.Encoder().encode_lines(found.lines))
    sys.stdout.buffer.flush()


policy_app = typer.Typer(help="The policy: what the desk may change.", no_args_is_help=True)
app.add_typer(policy_app, name="policy")


@policy_app.command("check")
def policy_check(file: Annotated[Path, typer.Argument(help="the policy.toml to look at")]) -> None:
    """Say what is wrong in a policy, a sentence per mistake; exit code 2 where anything is."""
    rules = policy_of(file).rules
    print(f"{file} can be used; verdicts by it will carry the rules {rules}")


def policy_of(file: Path) -> "Policy":
    """The policy of this file; says every mistake in it and ends with exit code 2."""
    from services.router.policy import PolicyError, read_policy

    try:
        return read_policy(file.read_text())
    except OSError as error:
        fail(ValueError(f"{file} cannot be read: {error.strerror}"))
    except UnicodeDecodeError:
        fail(ValueError(f"{file} is no text in UTF-8"))
    except PolicyError as error:
        for sentence in error.mistakes:
            sys.stderr.write(f"{file}: {sentence}\n")
        raise typer.Exit(2) from None
