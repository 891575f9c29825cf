"""`ostraka policy …`: check a policy, run its examples, compare two, see why one decides.

A policy is a TOML file, or one that the database keeps; the word `default` stands for the one that
ships with the package, `active` for the one that acts.
"""

import json
import re
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from ostraka.assess.artefact import MANIFEST, bundled_artefact_folder
from ostraka.cli.console import ExitCode, answers
from ostraka.cli.lazy import LazyCommand, lazy_group
from ostraka.cli.policy_facts import facts_from
from ostraka.cli.policy_rendering import (
    print_changes,
    print_notes,
    print_outcome,
    print_policy,
    print_problems,
    print_results,
    print_untested,
)
from ostraka.errors import ArtefactError, InvalidInputError, PolicyError
from ostraka.policy.advice import notes_on, untested
from ostraka.policy.compiled import Policy
from ostraka.policy.difference import diff
from ostraka.policy.evaluation import evaluate
from ostraka.policy.presets import default_text
from ostraka.policy.testing import ExampleResult, Score, run_examples
from ostraka.settings import load_settings

DEFAULT: Final = "default"
_KEPT_NAME: Final = re.compile(r"active|(sha256:)?[0-9a-f]{8,64}")
"""What names a policy in the database, unless a file has this name."""

_KEPT: Final = {
    name: LazyCommand(f"ostraka.cli.{module}", function, help)
    for name, module, function, help in (
        (
            "add",
            "policy_store",
            "add",
            "Add a policy to the database; it does not act before it is activated.",
        ),
        (
            "list",
            "policy_store",
            "list_policies",
            "List the policies that are kept, and which one acts.",
        ),
        ("activate", "policy_store", "activate", "Let a policy act from now on."),
        ("backtest", "policy_trials", "backtest", "Replay a policy on stored items."),
        ("shadow", "policy_trials", "shadow", "Say what drafts make of live traffic."),
        (
            "rollback",
            "policy_store",
            "rollback",
            "Let the policy act that acted before the present one.",
        ),
    )
}
"""What needs the database, which takes half a second to load."""

app = typer.Typer(
    cls=lazy_group(_KEPT),
    help="Check policies, run their examples, compare them, see why they decide.",
)


@app.callback(no_args_is_help=True)
def _group() -> None:
    """Check policies, run their examples, compare them, see why they decide."""


_FILE_HELP: Final = (
    "A TOML file, or the digest of a policy that is kept (8 digits do); `active` is the one that "
    "acts, `default` the one that ships."
)
File = Annotated[str, typer.Argument(metavar="POLICY", help=_FILE_HELP)]
Json = Annotated[bool, typer.Option("--json", help="For machines.")]


@app.command()
def check(policy: File = DEFAULT, as_json: Json = False) -> None:
    """Check a policy: every fault with its table, rule, field and line.

    For example:

      ostraka policy check policy.toml

    Exit codes: 0 it can be used; 1 it has faults; 2 wrong usage.
    """
    text = policy_text(policy)
    try:
        checked = Policy.parse(text)
    except PolicyError as error:
        if as_json:
            problems = [_problem(each) for each in error.problems]
            typer.echo(json.dumps({"valid": False, "problems": problems}))
        else:
            print_problems(policy, error)
        raise typer.Exit(ExitCode.FAILURE) from error
    document = checked.document
    notes = notes_on(document, _scored_categories())
    if as_json:
        card = {"valid": True, "name": checked.name, "digest": checked.digest, "notes": notes}
        typer.echo(json.dumps(card, ensure_ascii=False))
        return
    typer.echo(
        f"{policy} can be used: {len(document.categories)} categories, {len(document.rules)} "
        f"rules, {len(document.queues)} queues, {len(document.examples)} examples.\n"
        f"Digest: {checked.digest}"
    )
    print_notes(notes)


@app.command()
def test(
    policy: File = DEFAULT,
    texts: Annotated[
        bool, typer.Option("--texts/--no-texts", help="Score the examples that are texts.")
    ] = True,
    as_json: Json = False,
) -> None:
    """Run a policy's examples: those with scores as they are, texts by your classifier.

    For example:

      ostraka policy test
      ostraka policy test policy.toml --no-texts

    Exit codes: 0 every example holds; 1 one does not, or the policy has faults; 2 wrong usage.
    """
    loaded = load_policy(policy)
    has_texts = any(each.text is not None for each in loaded.document.examples)
    results = run_examples(loaded, classifier() if texts and has_texts else None)
    if as_json:
        typer.echo(json.dumps([_result(each) for each in results]))
    else:
        print_results(results)
        print_untested(untested(loaded.document, results))
    if any(not each.passed and not each.skipped for each in results):
        raise typer.Exit(ExitCode.FAILURE)


@app.command("diff")
def diff_command(
    old: Annotated[str, typer.Argument(metavar="OLD", help=_FILE_HELP)],
    new: Annotated[str, typer.Argument(metavar="NEW", help=_FILE_HELP)],
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 1 if they differ.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Say in sentences what changes from one policy to another.

    For example:

      ostraka policy diff default policy.toml
      ostraka policy diff active 758c6680
    """
    changes = diff(load_policy(old).document, load_policy(new).document)
    if as_json:
        rows = [{"table": c.table, "entry": c.entry, "change": c.sentence} for c in changes]
        typer.echo(json.dumps(rows, ensure_ascii=False))
    else:
        print_changes(changes)
    if exit_code and changes:
        raise typer.Exit(ExitCode.FAILURE)


@app.command()
def show(
    policy: File = DEFAULT,
    as_toml: Annotated[
        bool, typer.Option("--toml", help="The text itself: a file to start from.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show a policy: its rules in order, ladder, categories and queues.

    For example:

      ostraka policy show
      ostraka policy show --toml > policy.toml
    """
    if as_toml:
        typer.echo(policy_text(policy), nl=False)
        return
    loaded = load_policy(policy)
    if as_json:
        document = loaded.document.model_dump(mode="json")
        typer.echo(json.dumps({"digest": loaded.digest} | document, ensure_ascii=False))
    else:
        print_policy(answers(), loaded)


@app.command()
def explain(
    policy: File = DEFAULT,
    text: Annotated[str | None, typer.Option(help="A text; your classifier scores it.")] = None,
    score: Annotated[
        list[str] | None,
        typer.Option(metavar="CATEGORY=VALUE", help="A score; may be repeated."),
    ] = None,
    fact: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE", help="Any other fact, as `author.violations=5`; may be repeated."
        ),
    ] = None,
    facts: Annotated[
        Path | None,
        typer.Option(help="A JSON file of facts.", exists=True, dir_okay=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what a policy says of an item, and the whole path: rules, facts, thresholds.

    For example:

      ostraka policy explain --text "You are a stupid idiot."
      ostraka policy explain policy.toml --score hate=0.9 --fact author.violations=5
    """
    loaded = load_policy(policy)
    stated = facts_from(facts, score or [], fact or [], text, classifier)
    outcome = evaluate(loaded, stated)
    if as_json:
        typer.echo(json.dumps(outcome.as_dict(), ensure_ascii=False))
    else:
        print_outcome(answers(), outcome)


def policy_text(policy: str) -> str:
    """The text of a file, of a policy that is kept, or of the preset.

    Raises:
        InvalidInputError: there is no such file, or it is no text.
        NotFoundError: no policy that is kept has this digest.
    """
    if policy == DEFAULT:
        return default_text()
    if _KEPT_NAME.fullmatch(policy) and not Path(policy).exists():
        from ostraka.cli.policy_kept import kept_text

        return kept_text(policy)
    try:
        return Path(policy).read_text("utf-8")
    except FileNotFoundError as error:
        raise InvalidInputError(f"there is no file '{policy}'") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"'{policy}' cannot be read: {error}") from error


def load_policy(policy: str) -> Policy:
    """A policy from wherever it is; faults are printed one a line.

    Raises:
        typer.Exit: it has faults.
    """
    try:
        return Policy.parse(policy_text(policy))
    except PolicyError as error:
        print_problems(policy, error)
        raise typer.Exit(ExitCode.FAILURE) from error


def classifier() -> Score:
    """What the settings' classifier says of a text."""
    from ostraka.factory.cascade import moderator_of

    return moderator_of(load_settings()).moderate


def _scored_categories() -> list[str]:
    folder = load_settings().model_folder or bundled_artefact_folder()
    try:
        manifest = json.loads((Path(folder) / MANIFEST).read_text("utf-8"))
        return list(manifest["categories"])
    except (OSError, ValueError, KeyError) as error:
        raise ArtefactError(f"the model folder '{folder}' has no {MANIFEST} to read") from error


def _problem(problem: Any) -> dict[str, Any]:
    names = ("message", "table", "rule", "field", "line")
    return {name: getattr(problem, name) for name in names}


def _result(result: ExampleResult) -> dict[str, Any]:
    return {
        "name": result.example.name,
        "passed": result.passed,
        "skipped": result.skipped,
        "problems": list(result.problems),
        "outcome": result.outcome.as_dict() if result.outcome else None,
    }
