"""Properties of the recipes, the division into parts, and the conversions."""

import itertools
import json
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostraka.errors import DataError
from ostraka.taxonomy import CIVIL_COMMENTS
from ostraka.train.examples import parse_example
from ostraka.train.preparation import convert
from ostraka.train.preparation.balanced import Balance
from ostraka.train.preparation.order import drawn, streamed
from ostraka.train.preparation.outcome import write
from ostraka.train.preparation.pool import ColumnBatch, Pool
from ostraka.train.preparation.recipe import WHOLE, Options, Recipe, select
from ostraka.train.preparation.split import assign
from ostraka.train.preparation.stratify import stratified
from ostraka.train.preparation.texts import is_usable, normalised, text_key, usable_key

LABELS = CIVIL_COMMENTS.names
FEW = settings(max_examples=25, deadline=None)


def made_up(rows: int, seed: int = 0, *, distinct: bool = True) -> list[tuple[str, list[float]]]:
    """Rows as civil_comments has them: most are clean, rare labels sit on toxic rows."""
    draw = random.Random(seed)
    found = []
    for number in range(rows):
        shares = [0.0] * len(LABELS)
        if draw.random() < 0.3:
            shares[0] = draw.choice((0.5, 0.6, 0.83, 1.0))
            shares[4] = draw.choice((0.0, 0.5, 0.7))
            for rare in (2, 3, 5, 6):
                shares[rare] = 0.75 if draw.random() < 0.08 else 0.1
        text = f"Comment {number}." if distinct else f"Comment {draw.randrange(rows // 2)}!"
        found.append((text, shares))
    return found


def pool_of(rows: list[tuple[str, list[float]]], chunk: int = 1000) -> Pool:
    pool = Pool(LABELS)
    starts = range(0, len(rows), chunk)
    pool.read((batch_of(rows[start : start + chunk], start + 1) for start in starts), "rows")
    return pool


def batch_of(rows: list[tuple[str, list[float]]], first: int) -> ColumnBatch:
    columns: dict = {"text": [text for text, _ in rows]}
    columns |= {name: [shares[i] for _, shares in rows] for i, name in enumerate(LABELS)}
    return ColumnBatch(columns, first)


# The notebook's recipe


def taken_by_the_notebook(splits: list[list[dict]], seed: int) -> list[list[tuple[str, list[str]]]]:
    """What its cells do to rows that are shuffled already, told anew, row by row."""
    chance = random.Random(seed)
    kept_splits = []
    for rows in splits:
        clean = [row for row in rows if not any(row["flags"].values())]
        flagged = [row for row in rows if any(row["flags"].values())]
        size = len(flagged) / (1 - 0.1)
        limit = int(size * (1 - 0.1))
        seen = Counter()
        kept = []
        for row in flagged[:limit]:
            names = [name for name, flag in row["flags"].items() if flag]
            if any((seen[name] + 1) / limit > 0.2 for name in names):
                continue
            seen.update(names)
            kept.append(row)
        kept += clean[: int(size * 0.1)]
        chance.shuffle(kept)
        kept_splits.append(kept)
    everything = [row for rows in kept_splits for row in rows]
    names = [
        name
        for name in LABELS
        if sum(row["flags"][name] for row in everything) / len(everything) >= 0.01
    ]
    return [
        [(row["text"], [n for n in names if row["flags"][n]] or ["safe"]) for row in rows]
        for rows in kept_splits
    ]


def shuffled_as_streams_were(rows: list, size: int, seed: int) -> list:
    """The buffer shuffle of `datasets` until version 4, told anew."""
    generator = np.random.default_rng(seed)
    places = itertools.chain.from_iterable(
        generator.integers(0, size, size=1000) for _ in itertools.count()
    )
    buffer, given_out = [], []
    for row in rows:
        if len(buffer) < size:
            buffer.append(row)
        else:
            place = next(places)
            given_out.append(buffer[place])
            buffer[place] = row
        if len(given_out) == size:
            return given_out
    generator.shuffle(buffer)
    return (given_out + buffer)[:size]


@pytest.mark.parametrize("seed", [42, 7])
@pytest.mark.parametrize("sizes", [(2500, 300, 200), (5000, 700, 650), (1200, 90, 90)])
def test_notebook_takes_the_same_rows_in_the_same_order(
    tmp_path: Path, sizes: tuple[int, int, int], seed: int
) -> None:
    lengths = {"train": 3000, "validation": 600, "test": 600}
    sources = {name: made_up(rows, len(name)) for name, rows in lengths.items()}
    splits = []
    for size, rows in zip(sizes, sources.values(), strict=True):
        flagged = [
            {"text": text, "flags": {n: s > 0.5 for n, s in zip(LABELS, shares, strict=True)}}
            for text, shares in rows
        ]
        splits.append(shuffled_as_streams_were(flagged, size, seed))
    pools = {name: pool_of(rows) for name, rows in sources.items()}
    options = Options(Recipe.NOTEBOOK, sizes=sizes, seed=seed)
    outcome = write(tmp_path, select(pools, options), pools, options, {"name": "made up"})
    for name, expected in zip(outcome["files"], taken_by_the_notebook(splits, seed), strict=True):
        lines = [
            json.dumps({"text": text, "labels": {"moderation": labels}}) + "\n"
            for text, labels in expected
        ]
        assert (tmp_path / name).read_text("utf-8") == "".join(lines)
    assert "severe_toxicity" not in outcome["labels"]
    assert any("no seed" in note for note in outcome["notes"])


@FEW
@given(st.integers(1, 2500), st.integers(1, 2500), st.integers(0, 9))
def test_streamed_order(rows: int, wanted: int, seed: int) -> None:
    expected = shuffled_as_streams_were(list(range(rows)), wanted, seed)
    assert streamed(rows, wanted, seed).tolist() == expected


# Our recipe


@FEW
@given(st.integers(200, 1500), st.integers(1, 700), st.integers(0, 99), st.booleans())
def test_draws_do_not_depend_on_chunks(rows: int, chunk: int, seed: int, parts: bool) -> None:
    made = made_up(rows, seed, distinct=False)
    names = ("train", "validation", "test") if parts else (WHOLE,)

    def chosen(size: int) -> dict:
        pools = {name: pool_of(made, size) for name in names}
        selection = select(pools, Options(seed=seed))
        assert {pool.digest for pool in pools.values()}
        return {
            name: [part.pool.text(row) for row in part.rows]
            for name, part in selection.parts.items()
        }

    one = chosen(chunk)
    assert one == chosen(1000)
    keys = [text_key(text) for texts in one.values() for text in texts]
    assert len(keys) == len(set(keys)), "a text is in two parts, or twice in one"


def test_balance_is_stated_and_reached(tmp_path: Path) -> None:
    made = made_up(20_000)
    pools = {WHOLE: pool_of(made)}
    options = Options(balance=Balance(clean_share=0.4, frequent_share=0.3))
    selection = select(pools, options)
    outcome = write(tmp_path, selection, pools, options, {"name": "made up"})
    assert outcome["frequent_labels"] == ["toxicity", "insult"]
    for file in outcome["files"].values():
        assert file["reached"]["clean_share"] == pytest.approx(0.4, abs=0.015)
        assert file["reached"]["frequent_share"] == pytest.approx(0.3, abs=0.015)
    kept = {
        json.loads(line)["text"]: json.loads(line)
        for name in outcome["files"]
        for line in (tmp_path / name).read_text("utf-8").splitlines()
    }
    rare = [text for text, shares in made if max(shares[i] for i in (1, 2, 3, 5, 6)) >= 0.5]
    assert len(rare) > 1000 and set(rare) <= kept.keys(), "every row with a rare label stays"
    text, shares = next(each for each in made if each[0] in kept and each[1][0] == 0.5)
    assert "toxicity" in kept[text]["labels"]["moderation"], "half of the annotators are enough"
    assert list(kept[text]["soft_labels"]["moderation"].values()) == pytest.approx(shares)
    again = write(tmp_path / "again", select(pools, options), pools, options, {"name": "made up"})
    assert again["files"] == outcome["files"]


@pytest.mark.parametrize(
    ("rows", "balance", "note"),
    [
        ([1.0] * 30 + [0.0] * 5, Balance(), "all flagged rows stay"),
        ([1.0] * 20 + [0.0] * 400, Balance(clean_share=0.97), "no others among the rows looked at"),
        ([1.0] * 200 + [0.0] * 60, Balance(clean_share=1.0), "the other kind are not left out"),
    ],
)
def test_a_missed_balance_says_why(rows: list[float], balance: Balance, note: str) -> None:
    made = [
        (f"Comment {number}.", [share, *[0.0] * (len(LABELS) - 1)])
        for number, share in enumerate(rows)
    ]
    with pool_of(made) as pool:
        selection = select({WHOLE: pool}, Options(balance=balance))
    assert any(note in each for each in selection.notes), selection.notes


def test_test_texts_are_kept_out_of_training() -> None:
    made = made_up(3000)
    pools = {"train": pool_of(made), "test": pool_of(made[:1000])}
    selection = select(pools, Options(balance=Balance(clean_share=0.2)))
    texts = {
        name: {part.pool.text(row) for row in part.rows} for name, part in selection.parts.items()
    }
    assert texts["test"] and texts["train"] and not texts["test"] & texts["train"]
    assert selection.parts["train"].duplicates > 50


def test_too_few_rows_are_errors() -> None:
    pools = {WHOLE: pool_of(made_up(100))}
    with pytest.raises(DataError, match=r"100 rows, 300 were asked for"):
        select(pools, Options(sizes=(100, 100, 100)))
    with pytest.raises(DataError, match="all three sizes"):
        select(pools, Options(sizes=(10, None, None)))
    with pytest.raises(DataError, match="no row has a share"):
        select({WHOLE: pool_of([("Hello.", [0.0] * 7)])}, Options())
    with pytest.raises(DataError, match="no rows"):
        select({WHOLE: pool_of([])}, Options(Recipe.NOTEBOOK))
    assert sorted(drawn(50, None, 1, 0)) == list(range(50))


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("toxicity", 1.5, "column 'toxicity' holds '1.5'"),
        ("toxicity", None, "column 'toxicity' holds nothing"),
        ("threat", "much", "column 'threat' holds 'much'"),
        ("text", None, "column 'text' holds no text"),
        ("text", "\ud800", "column 'text' holds half a surrogate pair"),
    ],
)
def test_bad_rows_are_named(column: str, value: object, reason: str) -> None:
    columns: dict = {name: [0.0, 0.0, 0.9] for name in LABELS}
    columns["text"] = ["One.", "Two.", "Three."]
    columns[column][1] = value
    with pytest.raises(DataError, match=rf"rows, row 8: {reason}.*--skip-bad-rows"):
        Pool(LABELS).read([ColumnBatch(columns, 7)], "rows")
    pool = Pool(LABELS)
    pool.read([ColumnBatch(columns, 7)], "rows", skip_bad_rows=True)
    assert (len(pool), pool.left_out, pool.text(1)) == (2, 1, "Three.")


# Texts


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("You fool!", "  you   FOOL"),
        ("Ｆｕｌｌ", "full"),
        ("Straße", "strasse."),
        ("“Quoted”", "quoted"),
    ],
)
def test_texts_that_count_as_the_same(one: str, other: str) -> None:
    assert text_key(one) == text_key(other)


def test_texts_that_do_not() -> None:
    apart = ["कि", "की", "?!", "!!", "a b", "ab", "👍", "👎"]
    assert len({text_key(text) for text in apart}) == len(apart)


@FEW
@given(st.text())
def test_normalised_texts_stay_so(text: str) -> None:
    assert normalised(normalised(text)) == normalised(text)


@FEW
@given(st.text() | st.text(st.characters(max_codepoint=127)))
def test_keys_of_bytes_are_those_of_texts(text: str) -> None:
    encoded = text.encode("utf-8", "ignore")
    usable = is_usable(encoded.decode())
    assert usable_key(encoded) == (text_key(encoded.decode()) if usable else None)


# Parts


@FEW
@given(
    st.lists(st.sets(st.integers(0, 5)), min_size=1, max_size=300),
    st.integers(0, 99),
    st.sampled_from([(0.8, 0.1, 0.1), (0.5, 0.5, 0.0), (1.0, 0.0, 0.0), (0.34, 0.33, 0.33)]),
)
def test_parts_have_their_share(
    labels: list[set[int]], seed: int, shares: tuple[float, ...]
) -> None:
    carried = [sorted(each) for each in labels]
    parts = stratified(carried, shares, seed)
    assert parts.tolist() == stratified(carried, shares, seed).tolist()
    for part, share in enumerate(shares):
        own = int((parts == part).sum())
        assert own == 0 if not share else abs(own - share * len(labels)) <= 6 + 0.05 * len(labels)


def test_every_label_has_its_share() -> None:
    carried = [[i for i, share in enumerate(shares) if share >= 0.5] for _, shares in made_up(5000)]
    parts = stratified(carried, (0.8, 0.1, 0.1), 1)
    totals = Counter(label for each in carried for label in each)
    for label, total in totals.items():
        own = sum(label in each for each, part in zip(carried, parts, strict=True) if part == 1)
        assert abs(own - 0.1 * total) <= 1.5


ROWS = st.fixed_dictionaries(
    {
        "text": st.text(min_size=1, max_size=12).filter(
            lambda text: bool(text.strip()) and "\0" not in text
        ),
        "labels": st.fixed_dictionaries(
            {},
            optional={
                "moderation": st.lists(st.sampled_from(["a b", "c", '["d"]']), unique=True),
                "topic": st.sampled_from(["x", "[y", '"z"', "true", "1"]),
            },
        ).filter(bool),
    },
    optional={
        "id": st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n"), min_size=1),
        "soft_labels": st.just({"moderation": {"c": 0.25}}),
    },
).filter(lambda row: "soft_labels" not in row or "moderation" in row["labels"])


@FEW
@given(st.lists(ROWS, min_size=1, max_size=60), st.integers(0, 99))
def test_no_text_is_in_two_parts(rows: list[dict], seed: int) -> None:
    examples = [parse_example(row) for row in rows]
    parts = assign(examples, (0.6, 0.2, 0.2), seed)
    assert len(parts) == len(rows) and set(parts.tolist()) <= {0, 1, 2}
    places: dict[bytes, set[int]] = {}
    for example, part in zip(examples, parts.tolist(), strict=True):
        places.setdefault(text_key(example.text), set()).add(part)
    assert all(len(each) == 1 for each in places.values())


# Conversion


@FEW
@given(ROWS)
def test_flat_rows_hold_everything(row: dict) -> None:
    reading = convert.Reading()
    for as_text in (False, True):
        assert convert.from_flat(convert.to_flat(row, as_text=as_text), reading) == row


@FEW
@given(ROWS)
def test_fasttext_holds_what_it_can_and_says_the_rest(row: dict) -> None:
    lost: Counter[str] = Counter()
    line = convert.to_fasttext(row, "moderation", lost)
    back = convert.from_fasttext(line, "moderation", single=False)
    if not +lost:
        assert back == {"text": row["text"], "labels": row["labels"]}
    assert back["text"] == " ".join(row["text"].split())
