"""`ostraka data` as people use it: real commands on real files."""

import gzip
import json
from pathlib import Path

import pytest
from running import KIND, RUDE, ostraka, read, write

from ostraka.taxonomy import CIVIL_COMMENTS

LABELS = CIVIL_COMMENTS.names


def comments(rows: int, *, first: int = 0) -> list[dict]:
    """Made-up rows with civil_comments' columns: a third toxic, a ninth with a rare label."""
    found = []
    for number in range(first, first + rows):
        shares = dict.fromkeys(LABELS, 0.0)
        if number % 3 == 0:
            shares |= {"toxicity": 0.5 + number % 5 / 10, "insult": number % 2 * 0.7}
        if number % 9 == 0:
            shares["threat"] = 0.6
        found.append({"text": f"Comment number {number}.", **shares})
    return found


def row(text: str, *labels: str) -> dict:
    return {"text": text, "labels": {"moderation": list(labels)}}


@pytest.mark.parametrize("name", ["in.csv", "in.csv.gz", "in.parquet", "in.jsonl.zst"])
def test_prepare_from_any_format(tmp_path: Path, name: str) -> None:
    write(tmp_path / name, comments(2200))
    done = ostraka(tmp_path, "data", "prepare", "civil-comments", name, "-o", "out", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    rows = {part: read(tmp_path / "out" / part) for part in report["files"]}
    assert [len(each) for each in rows.values()] == [
        each["rows"] for each in report["files"].values()
    ]
    assert sum(len(each) for each in rows.values()) > 500
    assert report["frequent_labels"] == ["toxicity", "threat", "insult"]
    assert report == json.loads((tmp_path / "out/preparation.json").read_text("utf-8"))
    # What is chosen depends on the rows alone, not on how they were stored.
    digest = report["source"]["parts"]["whole"]["rows_sha256"]
    write(tmp_path / "other.jsonl", comments(2200))
    again = ostraka(
        tmp_path, "data", "prepare", "civil-comments", "other.jsonl", "-o", "two", "--json"
    )
    other = json.loads(again.stdout)
    assert other["source"]["parts"]["whole"]["rows_sha256"] == digest
    assert other["files"] == report["files"]
    checked = ostraka(tmp_path, "data", "check", *(f"out/{part}" for part in rows))
    assert checked.returncode == 0 and "No errors." in checked.stdout, checked.stdout
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
        [*rows, "preparation.json", "preparation.md"]
    )


def test_a_report_that_is_redirected_is_whole(tmp_path: Path) -> None:
    write(tmp_path / "in.csv", comments(400))
    wanted = ("--clean-share", "0.99")  # cannot be reached, and the report says why
    done = ostraka(tmp_path, "data", "prepare", "civil-comments", "in.csv", "-o", "out", *wanted)
    report = (tmp_path / "out/preparation.md").read_text("utf-8")
    assert "99.0% were wanted (there are no others among the" in report
    assert "clean rows: " in report and report.count("no others") == 1, "one reason, told once"
    assert done.stdout.strip() == report.strip()


def test_prepare_from_a_folder_with_parts(tmp_path: Path) -> None:
    source = tmp_path / "civil"
    source.mkdir()
    write(source / "train-0.csv", comments(900))
    write(source / "train-1.csv", comments(900, first=900))
    write(source / "validation.csv", comments(300, first=5000))
    write(source / "test.csv", comments(300, first=1700))
    command = ("data", "prepare", "civil-comments", "civil", "-o", "out")
    done = ostraka(tmp_path, *command)
    assert done.returncode == 0, done.stderr
    assert "training_file.jsonl" in done.stdout and "clean, 50.0% wanted" in done.stdout
    test = {each["text"] for each in read(tmp_path / "out/test_file.jsonl")}
    assert not test & {each["text"] for each in read(tmp_path / "out/training_file.jsonl")}
    again = ostraka(tmp_path, *command)
    assert again.returncode == 1 and "--replace writes over it" in again.stderr
    notebook = ostraka(tmp_path, *command, "--replace", "--recipe", "notebook", "--json")
    report = json.loads(notebook.stdout)
    assert {each["looked_at"] for each in report["files"].values()} == {1800, 300}
    labels = [each["labels"]["moderation"] for each in read(tmp_path / "out/training_file.jsonl")]
    assert ["safe"] in labels and all(labels)


@pytest.mark.parametrize("recipe", ["balanced", "notebook"])
def test_prepare_from_the_hub(tmp_path: Path, recipe: str) -> None:
    pytest.importorskip("datasets", reason="needs the datasets extra")
    copy = tmp_path / "copy"
    copy.mkdir()
    for part, first in (("train", 0), ("validation", 5000), ("test", 6000)):
        write(copy / f"{part}-00000.parquet", comments(600, first=first))
    write(copy / "train-00001.parquet", comments(600, first=9000))
    command = ("data", "prepare", "civil-comments", "--repository", str(copy), "--json")
    done = ostraka(tmp_path, *command, "--recipe", recipe, "-o", "out", HF_HUB_OFFLINE="1")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["source"]["parts"]["train"]["rows"] == 1200
    assert read(tmp_path / "out/test_file.jsonl")


def test_prepare_says_what_is_wrong(tmp_path: Path) -> None:
    def error(*arguments: str) -> str:
        done = ostraka(tmp_path, "data", "prepare", *arguments)
        assert done.returncode in (1, 2) and done.stdout == ""
        return done.stderr

    write(tmp_path / "short.csv", [{"text": KIND, "toxicity": 0.1}])
    assert "no column 'severe_toxicity'; its columns: text, toxicity" in error(
        "civil-comments", "short.csv"
    )
    bad = comments(5)
    bad[2]["insult"] = "much"
    write(tmp_path / "bad.csv", bad)
    assert "bad.csv, row 3: column 'insult' holds 'much'" in error("civil-comments", "bad.csv")
    assert "cannot be read" in error("civil-comments", "missing.csv")
    assert "civil-comments" in error("jigsaw")
    assert "do not go together" in error("civil-comments", "bad.csv", "--repository", "x")
    (tmp_path / "empty").mkdir()
    assert "begins with 'train'" in error("civil-comments", "empty")
    assert [path for path in tmp_path.iterdir() if path.name.startswith((".", "training"))] == []


def test_check(tmp_path: Path) -> None:
    write(tmp_path / "train.jsonl", [row(RUDE, "insult"), row(KIND), row("Hm, well.", "spam")])
    lines = [
        json.dumps(row("you are a STUPID idiot", "insult")),
        json.dumps(row(RUDE)),
        '{"text": "no labels"}',
        "not json",
        json.dumps(row("x" * 200, "rare")),
        json.dumps(row("Twice.", "insult")),
        json.dumps(row("Twice.", "insult")),
        json.dumps({"text": "Single.", "labels": {"moderation": "insult"}}),
    ]
    (tmp_path / "test.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    command = ("data", "check", "train.jsonl", "test.jsonl", "--long-text", "100")
    done = ostraka(tmp_path, *command, "--json")
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert found["totals"] == {
        "bad row": 2,
        "bad file": 2,
        "leak": 2,
        "conflict": 1,
        "duplicate": 1,
        "long": 1,
    }
    assert found["shared_texts"] == {"train.jsonl and test.jsonl": 2}
    said = [(each["row"], each["reason"]) for each in found["findings"]]
    assert (1, "has nearly the same text as row 1 of train.jsonl") in said
    assert (2, "has the same text as row 1 of train.jsonl") in said
    assert (7, "has the same text as row 6") in said
    assert (0, "has the label 'rare' of 'moderation', which train.jsonl lacks") in said
    shown = ostraka(tmp_path, *command, "--show", "1").stdout
    assert "test.jsonl, row 4: is not JSON" not in shown and "and 1 more" in shown
    fine = ostraka(tmp_path, "data", "check", "train.jsonl")
    assert fine.returncode == 0
    missing = ostraka(tmp_path, "data", "check", "missing.jsonl")
    assert missing.returncode == 1 and "cannot be read" in missing.stderr


def test_split_keeps_rows_as_they_stand(tmp_path: Path) -> None:
    rows = [
        row(f"Text {number}.", *(["insult"] if number % 5 == 0 else [])) for number in range(200)
    ]
    rows += [row("text 3", "insult"), row("TEXT 3!")]
    rows[7]["extra"] = {"kept": [1, 2.0, None]}
    content = "".join(
        json.dumps(each, indent=None, separators=(",", " : ")) + "\n" for each in rows
    )
    (tmp_path / "rows.jsonl.gz").write_bytes(gzip.compress(content.encode()))
    done = ostraka(tmp_path, "data", "split", "rows.jsonl.gz", "-o", "out", "--seed", "3", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    parts = {name: (tmp_path / "out" / name).read_text("utf-8") for name in report["files"]}
    assert sorted("".join(parts.values()).splitlines()) == sorted(content.splitlines())
    same = [name for name, text in parts.items() if "Text 3." in text]
    assert len(same) == 1 and all(each in parts[same[0]] for each in ("text 3", "TEXT 3!"))
    labels = [each["targets"]["moderation"]["flagged"] for each in report["files"].values()]
    assert labels[0] in (32, 33) and min(labels[1:]) >= 3
    two = ostraka(tmp_path, "data", "split", "rows.jsonl.gz", "-o", "two", "--shares", "3,1,0")
    assert two.returncode == 0
    assert len(list((tmp_path / "two").iterdir())) == 2
    wrong = ostraka(tmp_path, "data", "split", "rows.jsonl.gz", "--shares", "1,2")
    assert wrong.returncode == 2 and "--shares" in wrong.stderr


EVERYTHING = [
    {"text": 'Two\nlines, "quoted"\tand\r\nmore', "labels": {"moderation": ["insult", "b c"]}},
    {"text": "None.", "labels": {"moderation": [], "topic": "[not a list"}, "id": "17"},
    {
        "text": "Shares.",
        "labels": {"moderation": ["x"]},
        "soft_labels": {"moderation": {"x": 0.75}},
    },
    {"messages": [{"role": "user", "content": "Hello"}], "labels": {"topic": "greeting"}},
]


@pytest.mark.parametrize(
    "name", ["out.csv", "out.tsv.gz", "out.parquet", "out.jsonl.zst", "out_folder"]
)
def test_conversion_and_back(tmp_path: Path, name: str) -> None:
    if name == "out_folder":
        pytest.importorskip("datasets", reason="needs the datasets extra")
    write(tmp_path / "in.jsonl", EVERYTHING)
    for source, target in (("in.jsonl", name), (name, "back.jsonl")):
        done = ostraka(tmp_path, "data", "convert", source, target)
        assert done.returncode == 0, done.stderr
        assert "Lost" not in done.stderr
    assert read(tmp_path / "back.jsonl") == EVERYTHING
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["in.jsonl", name, "back.jsonl"]
    )


def test_conversion_of_tables_of_others(tmp_path: Path) -> None:
    write(
        tmp_path / "in.csv",
        [
            {
                "id": "1",
                "body": RUDE,
                "tags": "insult; spam",
                "lang": "en",
                "rude": "0.8",
                "ad": "1",
            },
            {"id": "2", "body": KIND, "tags": "", "lang": "en", "rude": "0", "ad": "0"},
        ],
    )
    options = ("--text-column", "body", "--label-column", "tags", "--separator", ";")
    done = ostraka(tmp_path, "data", "convert", "in.csv", "a.jsonl", *options)
    assert done.returncode == 0, done.stderr
    first, second = read(tmp_path / "a.jsonl")
    assert first["labels"] == {"moderation": ["insult", "spam"]} and first["id"] == "1"
    assert (second["text"], second["labels"]) == (KIND, {"moderation": []})
    options = (
        "--text-column",
        "body",
        "--label-column",
        "lang=lang",
        "--figure-columns",
        "rude,ad",
    )
    done = ostraka(tmp_path, "data", "convert", "in.csv", "b.jsonl", *options)
    first, second = read(tmp_path / "b.jsonl")
    assert first["labels"] == {"lang": "en", "moderation": ["rude", "ad"]}
    assert first["soft_labels"] == {"moderation": {"rude": 0.8, "ad": 1.0}}
    wrong = ostraka(tmp_path, "data", "convert", "in.csv", "c.jsonl")
    assert wrong.returncode == 1 and "no column 'text'; its columns: id, body" in wrong.stderr
    none = ostraka(tmp_path, "data", "convert", "in.csv", "c.jsonl", "--text-column", "body")
    assert none.returncode == 1 and "in.csv, row 1: 'labels'" in none.stderr
    assert not (tmp_path / "c.jsonl").exists()


def test_csv_says_what_it_cannot_hold(tmp_path: Path) -> None:
    row = {"text": KIND, "labels": {"moderation": [], "topic": "tea"}, "id": 3, "note": ""}
    write(tmp_path / "in.jsonl", [row, row | {"id": "3", "note": "fine"}])
    done = ostraka(tmp_path, "data", "convert", "in.jsonl", "out.csv")
    assert done.returncode == 0, done.stderr
    said = done.stderr.replace("\n", " ")
    assert "Lost in csv: 1 values of other fields that are empty" in said
    assert "Lost in csv: 1 values of other fields that are no text" in said


def test_parquet_keeps_numbers_that_none_of_its_columns_holds(tmp_path: Path) -> None:
    rows = [row(KIND, "safe") | {"id": number} for number in (1, 2**63, -(2**70))]
    write(tmp_path / "in.jsonl", rows)
    for goal, source in (("out.parquet", "in.jsonl"), ("back.jsonl", "out.parquet")):
        done = ostraka(tmp_path, "data", "convert", source, goal)
        assert done.returncode == 0, done.stderr
    assert [int(each["id"]) for each in read(tmp_path / "back.jsonl")] == [1, 2**63, -(2**70)]


def test_fasttext_says_what_it_cannot_hold(tmp_path: Path) -> None:
    write(tmp_path / "in.jsonl", EVERYTHING)
    done = ostraka(tmp_path, "data", "convert", "in.jsonl", "out.ft")
    assert done.returncode == 0
    lines = (tmp_path / "out.ft").read_text("utf-8").splitlines()
    assert lines[0] == '__label__insult __label__b_c Two lines, "quoted" and more'
    assert len(lines) == 4
    for lost in ("labels whose spaces", "line breaks", "conversations", "shares", "other fields"):
        assert lost in done.stderr
    (tmp_path / "in.txt").write_text("__label__en Hello there\n__label__de Guten Tag\n", "utf-8")
    done = ostraka(
        tmp_path, "data", "convert", "in.txt", "b.jsonl", "--single", "--target", "language"
    )
    assert [each["labels"] for each in read(tmp_path / "b.jsonl")] == [
        {"language": "en"},
        {"language": "de"},
    ]


def test_plot(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs the train extra")
    write(tmp_path / "train.jsonl", [row(RUDE, "insult", "<b>"), row(KIND, "safe"), row("Hm.")])
    write(tmp_path / "test.jsonl", [row("Oh $x$.", "insult"), {"text": "?", "labels": {"t": "a"}}])
    done = ostraka(tmp_path, "data", "plot", "train.jsonl", "test.jsonl")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "panels.png").read_bytes().startswith(b"\x89PNG")
    page = (tmp_path / "panels.html").read_text("utf-8")
    assert page.count('<div class="panel') == 2 * 3 + 2
    assert "<b>" not in page and "&lt;b&gt;" in page and "66.7%" in page
    assert RUDE not in page and "http" not in page and "<script" not in page
    other = ostraka(tmp_path, "data", "plot", "test.jsonl", "--target", "x", "-o", "p.html")
    assert other.returncode == 2 and "targets: moderation, t" in other.stderr
    wrong = ostraka(tmp_path, "data", "plot", "test.jsonl", "-o", "p.jpg")
    assert wrong.returncode == 2 and "no .png" in wrong.stderr
