"""`ostraka policy backtest | shadow`: what a draft would have done, and what it would do."""

import json
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from ostraka.cli.comparison_rendering import print_backtest, print_shadow
from ostraka.cli.console import ExitCode, answers, notices
from ostraka.cli.policy import File, Json, policy_text
from ostraka.cli.policy_store import ACTOR, Note
from ostraka.errors import InvalidInputError
from ostraka.review.backtest import keep, replay
from ostraka.review.comparison import ShadowReport
from ostraka.review.comparison_texts import with_texts
from ostraka.review.policies import PolicyStore, shadows
from ostraka.review.replaying import Window
from ostraka.review.shadow_report import model_reports, policy_report
from ostraka.settings import load_settings
from ostraka.storage.database import Database

_DAYS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]


def backtest(
    policy: File,
    newest: Annotated[
        int | None, typer.Option(min=1, help="Only so many items, the newest; all if not given.")
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option("--from", formats=_DAYS, help="Only items from this moment on, in UTC."),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option("--to", formats=_DAYS, help="Only items before this moment, in UTC."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Replay a policy on stored items, with scores and facts as they were; nothing is done.

    The policy and the report are kept, so that it may be activated afterwards.

    For example:

      ostraka policy backtest draft.toml
      ostraka policy backtest draft.toml --newest 100000

    Exit codes: 0 items were replayed; 1 none could be; 2 wrong usage.
    """
    window = Window(_utc(since), _utc(until), newest)
    if window.since and window.until and window.since >= window.until:
        raise InvalidInputError("--from is not before --to")
    store, text, console = PolicyStore(), policy_text(policy), notices()
    with closing(Database.at(load_settings().resolved_database_url)) as database:
        with database.writing() as session:
            digest = store.add(session, text, ACTOR, "", datetime.now(UTC)).digest
        with console.status("Replaying …") as status:
            report = replay(
                database, store, digest, window, lambda n: status.update(f"{n:,} items replayed")
            )
        with database.writing() as session:
            store.kept(session, report.against, datetime.now(UTC))
            keep(session, report, ACTOR, datetime.now(UTC))
        with database.reading() as session:
            report = replace(report, compared=with_texts(session, report.compared))
    if as_json:
        typer.echo(json.dumps(report.as_dict(), ensure_ascii=False))
    else:
        print_backtest(answers(), report)
    if not report.replayed:
        raise typer.Exit(ExitCode.FAILURE)


def shadow(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[DIGEST|MODEL]", help="A policy's digest, or a candidate model; all if none."
        ),
    ] = None,
    start: Annotated[bool, typer.Option("--start", help="Begin to show it live traffic.")] = False,
    end: Annotated[bool, typer.Option("--end", help="End its run; what it said stays.")] = False,
    note: Note = "",
    as_json: Json = False,
) -> None:
    """Say what drafts and candidate models make of live traffic without acting.

    For example:

      ostraka policy shadow 758c6680 --start
      ostraka policy shadow 758c6680

    Exit codes: 0 it has seen enough to be judged by it; 1 not yet; 2 wrong usage.
    """
    if (start or end) and (name is None or start == end):
        raise InvalidInputError("--start and --end take one policy, and not both")
    settings, store = load_settings(), PolicyStore()
    with closing(Database.at(settings.resolved_database_url)) as database:
        if name is not None and (start or end):
            _switch(database, store, name, note, start=start)
            return
        with database.reading() as session:
            reports = _reports(session, store, name, settings.shadow_minimum)
            reports = [replace(r, compared=with_texts(session, r.compared)) for r in reports]
    if as_json:
        typer.echo(json.dumps([report.as_dict() for report in reports], ensure_ascii=False))
    for report in reports if not as_json else ():
        print_shadow(answers(), report)
    if not reports and not as_json:
        notices().print("Nothing is in shadow. Begin with: ostraka policy shadow DIGEST --start")
    if not all(report.ready for report in reports):
        raise typer.Exit(ExitCode.FAILURE)


def _switch(database: Database, store: PolicyStore, name: str, note: str, *, start: bool) -> None:
    now = datetime.now(UTC)
    with database.writing() as session:
        digest = store.kept(session, name, now).digest
        act = store.start_shadow if start else store.stop_shadow
        act(session, digest, ACTOR, note, now)
    typer.echo(f"{digest} is {'in' if start else 'no longer in'} shadow.")


def _reports(
    session: Any, store: PolicyStore, name: str | None, minimum: int
) -> list[ShadowReport]:
    if name is None:
        running = [policy_report(session, digest, minimum) for digest in shadows(session)]
        return running + model_reports(session, minimum)
    models = model_reports(session, minimum, name)
    return models or [policy_report(session, store.digest(session, name), minimum)]


def _utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment else None
