"""The words that moved a case's scores, tried by the stage that answered."""

from collections.abc import Sequence

from ostraka.console.review.case_view import ScoreLine, TextView
from ostraka.console.services import Scorer
from ostraka.console.vocabularies import Row
from ostraka.console.words import Reasons, longest_explained, reasons
from ostraka.errors import JudgeError, OverloadedError, UnknownModelError
from ostraka.moderator import Verdict
from ostraka.taxonomy import Category

EVEN = 0.5
"""Where the policy has no threshold for a category."""


async def moving_words(scorer: Scorer, view: TextView) -> Sequence[Reasons]:
    """What moved the highest scores; nothing where the stage cannot be asked again."""
    text, stage = view.item.text, view.verdict.stage
    if not text or len(text) > longest_explained(stage):
        return ()
    rows = [_row(line) for line in view.scores if line.name in set(Category)]
    known = {row.category: row for row in rows}
    verdict = Verdict(
        scores={category: row.score for category, row in known.items()},
        flags={category: row.flagged for category, row in known.items()},
        stage=stage,
        sure=view.verdict.sure,
        model=view.verdict.model,
        versions=view.verdict.versions,
    )
    try:
        return await reasons(scorer, text, verdict, rows)
    except (UnknownModelError, JudgeError, OverloadedError):
        return ()


def _row(line: ScoreLine) -> Row:
    threshold = line.threshold if line.threshold is not None else EVEN
    mark = line.doubtful if line.doubtful is not None else threshold
    return Row(line.name, Category(line.name), line.score, threshold, line.score >= mark)
