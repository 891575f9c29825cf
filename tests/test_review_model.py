"""The life of cases held against a model of it: any order of acts, and what must come out."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)
from reviewing import (
    ANNA,
    APPROVE,
    BEN,
    CARA,
    ESCALATE,
    LEAD,
    REMOVE,
    add_case,
    add_item,
    expire,
    now,
    queue_of,
    settle,
)
from sqlalchemy import delete, select

from ostraka.errors import ConflictError, InvalidInputError
from ostraka.review.cases import get_case, withdraw
from ostraka.review.tables import CaseRow, ItemRow, StrikeRow
from ostraka.review.terms import Reviewer, Ruling
from ostraka.review.undoing import undo
from ostraka.storage import audit
from ostraka.storage.database import Database
from ostraka.work.tables import WorkRow

EVERYBODY = st.sampled_from([ANNA, BEN, CARA, LEAD])
RULINGS = st.sampled_from([APPROVE, REMOVE, ESCALATE])


@dataclass
class Model:
    """What a case with one reviewer must look like."""

    item_id: str
    state: str = "open"
    lead: bool = False
    holder: str | None = None
    slow: str | None = None
    """Whose lease ran out: they may go on as long as nobody else took the case."""
    barred: set[str] = field(default_factory=set)
    action: str = "escalate"
    decided_by: str | None = None
    decision: str | None = None
    skips: int = 0

    def may_go_on(self, who: Reviewer) -> bool:
        """Whether they hold the case, or would if they had been faster."""
        was_slow = self.state == "open" and self.holder is None and self.slow == who.id
        return self.holder == who.id or (was_slow and who.id not in self.barred)


class Life(RuleBasedStateMachine):
    url: str

    opened = Bundle("opened")

    def __init__(self) -> None:
        super().__init__()
        self.database = Database.at(self.url)
        with self.database.writing() as session:
            session.execute(delete(WorkRow))
        self.queue = queue_of(self.database)
        self.model: dict[str, Model] = {}

    def teardown(self) -> None:
        with self.database.reading() as session:
            assert audit.verify(session).whole
        self.database.close()

    def may_claim(self, model: Model, who: Reviewer) -> bool:
        return (
            model.state == "open"
            and model.holder is None
            and who.id not in model.barred
            and (who.lead or not model.lead)
        )

    @rule(target=opened)
    def open(self) -> str:
        item_id = add_item(self.database)
        case_id = add_case(self.database, item_id)
        self.model[case_id] = Model(item_id)
        return case_id

    @rule(who=EVERYBODY)
    def claim(self, who: Reviewer) -> None:
        claimed = self.queue.claim(who)
        able = [each for each, model in self.model.items() if self.may_claim(model, who)]
        if claimed is None:
            assert able == []
            return
        assert claimed.case_id in able
        self.model[claimed.case_id].holder = who.id
        self.model[claimed.case_id].slow = None

    @rule(case_id=opened, who=EVERYBODY, ruling=RULINGS)
    def decide(self, case_id: str, who: Reviewer, ruling: Ruling) -> None:
        model = self.model[case_id]
        allowed = model.may_go_on(who)
        try:
            made = settle(self.database, case_id, who, ruling)
        except InvalidInputError:
            assert model.lead
            assert ruling is ESCALATE
            return
        except ConflictError:
            assert not allowed
            return
        assert allowed
        model.holder = model.slow = None
        if ruling is ESCALATE:
            model.lead = True
            return
        model.barred.add(who.id)
        model.state, model.action = "decided", str(ruling.action)
        model.decided_by, model.decision = who.id, made

    @rule(case_id=opened, who=EVERYBODY)
    def release(self, case_id: str, who: Reviewer) -> None:
        model = self.model[case_id]
        try:
            self.queue.release(who, case_id)
        except ConflictError:
            assert not model.may_go_on(who)
        else:
            assert model.may_go_on(who)
            model.holder = model.slow = None

    @rule(case_id=opened, who=EVERYBODY)
    def skip(self, case_id: str, who: Reviewer) -> None:
        model = self.model[case_id]
        try:
            self.queue.skip(who, case_id, "Not mine.")
        except ConflictError:
            assert not model.may_go_on(who)
            return
        assert model.may_go_on(who)
        model.holder = model.slow = None
        model.barred.add(who.id)
        model.skips += 1
        model.lead |= model.skips >= 3

    @rule(case_id=opened)
    def withdraw(self, case_id: str) -> None:
        model = self.model[case_id]
        with self.database.writing() as session:
            done = withdraw(session, get_case(session, case_id, lock=True), now())
        assert done == (model.state == "open")
        if done:
            model.state, model.holder, model.slow = "withdrawn", None, None

    @rule(case_id=opened, who=EVERYBODY)
    def take_back(self, case_id: str, who: Reviewer) -> None:
        model = self.model[case_id]
        if model.decision is None or not (who.lead or who.id == model.decided_by):
            return
        with self.database.writing() as session:
            undo(session, model.decision, who, now(), seconds=600.0)
        assert model.decided_by is not None
        model.state, model.action, model.decision = "open", "escalate", None
        model.barred.discard(model.decided_by)
        model.holder = who.id if who.id == model.decided_by else None
        model.slow = None

    @rule(case_id=opened)
    def run_out(self, case_id: str) -> None:
        expire(self.database, case_id)
        self.queue = queue_of(self.database)
        assert self.queue.claim(ANNA, ["nowhere"]) is None  # takes back what ran out
        model = self.model[case_id]
        model.slow, model.holder = model.holder or model.slow, None

    @invariant()
    def rows_are_as_the_model_says(self) -> None:
        with self.database.reading() as session:
            for case_id, model in self.model.items():
                case = session.get_one(CaseRow, case_id)
                assert case.state == model.state
                assert (case.queue == "lead") == model.lead
                assert session.get_one(ItemRow, model.item_id).action == model.action
                work = session.scalars(select(WorkRow).where(WorkRow.subject == case_id)).all()
                live = [row for row in work if row.state in ("ready", "leased")]
                assert len(live) == (model.state == "open"), "no case is lost, none waits twice"
                held = [row.worker for row in live if row.state == "leased"]
                assert held == ([model.holder] if model.holder else [])
                standing = select(StrikeRow).where(
                    StrikeRow.item_id == model.item_id, StrikeRow.revoked_at.is_(None)
                )
                strikes = session.scalars(standing).all()
                assert [strike.decision_id for strike in strikes] == (
                    [model.decision] if model.action == "remove" else []
                )


def check(url: str, examples: int) -> None:
    machine = type("AnyLife", (Life,), {"url": url})
    run_state_machine_as_test(
        machine, settings=settings(max_examples=examples, stateful_step_count=25, deadline=None)
    )


def test_any_order_of_acts_on_sqlite() -> None:
    with tempfile.TemporaryDirectory() as folder:
        check(f"sqlite:///{Path(folder) / 'ostraka.db'}", examples=15)


def test_any_order_of_acts_on_postgresql(postgresql_cluster) -> None:
    check(postgresql_cluster.new_database(), examples=4)
