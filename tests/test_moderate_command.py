"""`ostraka moderate` on texts, standard input and files of every format."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from running import KIND, RUDE, ostraka, read, write


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("in.jsonl", "out.csv"),
        ("in.csv", "out.jsonl.zst"),
        ("in.tsv.gz", "out.parquet"),
        ("in.parquet", "out.parquet"),
        ("in.jsonl.zst", "out.tsv.gz"),
        ("in.txt", "out.jsonl"),
    ],
)
def test_every_format_in_and_out(tmp_path: Path, source: str, target: str) -> None:
    write(tmp_path / source, [{"text": RUDE, "id": "a"}, {"text": KIND, "id": "b"}])
    done = ostraka(tmp_path, "moderate", "-f", source, "-o", target)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert "1 flagged (50.00%)" in done.stderr
    rude, kind = read(tmp_path / target)
    assert rude["text"] == RUDE and kind["text"] == KIND
    assert [str(row.get("id", "–")) for row in (rude, kind)] in (["a", "b"], ["–", "–"])
    assert str(rude["ostraka_flagged"]).lower() == "true"
    assert str(kind["ostraka_flagged"]).lower() == "false"
    assert "insult" in rude["ostraka_categories"] and not kind["ostraka_categories"]
    assert float(rude["ostraka_score_insult"]) > 0.9 > float(kind["ostraka_score_insult"])
    assert rude["ostraka_model"].startswith("ostraka-cascade@sha256:")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([source, target])


def test_rows_that_cannot_be_judged_are_named_and_never_safe(tmp_path: Path) -> None:
    lines = [
        json.dumps({"body": KIND}).encode(),
        b'{"body": ""}',
        b'{"body": null}',
        b'{"body": 7}',
        b'{"other": "x"}',
        b'{"body": "half',
        b'["a list"]',
        b'{"body": "\xff"}',
        b'{"body": "\\ud800"}',
        b"",
        json.dumps({"body": "word " * 30}).encode(),
    ]
    (tmp_path / "in.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    done = ostraka(
        tmp_path,
        *("moderate", "-f", "in.jsonl", "-o", "out.jsonl", "--only-flagged"),
        OSTRAKA_MAX_TEXT_CHARACTERS="100",
    )
    assert done.returncode == 3
    rows = read(tmp_path / "out.jsonl")
    assert [row["ostraka_row"] for row in rows] == list(range(2, 12))
    assert all(row["ostraka_flagged"] is None and row["ostraka_error"] for row in rows)
    assert rows[0]["ostraka_error"] == "is empty"
    assert rows[2]["ostraka_error"] == "is no text but a number"
    assert rows[9]["ostraka_error"] == "is too long: 150 characters, at most 100"
    assert "10 not judged" in done.stderr and "row 8 is not valid UTF-8" in done.stderr

    stopped = ostraka(tmp_path, "moderate", "-f", "in.jsonl", "-o", "o.jsonl", "--strict")
    assert stopped.returncode == 1
    assert "in.jsonl: row 2 is empty" in stopped.stderr
    assert not (tmp_path / "o.jsonl").exists()


def test_crooked_tables(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('id,message\n1,"two\nlines"\n\n2\n3,a,b\n', "utf-8")
    done = ostraka(tmp_path, "moderate", "-f", "a.csv", "-o", "a.jsonl")
    assert done.returncode == 3
    rows = read(tmp_path / "a.jsonl")
    assert rows[0]["message"] == "two\nlines" and rows[0]["ostraka_flagged"] is False
    assert [row["ostraka_error"] for row in rows[1:]] == [
        "has 1 fields where the header has 2",
        "has 3 fields where the header has 2",
    ]
    (tmp_path / "b.csv").write_bytes("text\nx\n".encode("utf-16"))
    assert "UTF-16" in ostraka(tmp_path, "moderate", "-f", "b.csv", "-o", "b.jsonl").stderr


def test_cut_off_archives_are_errors(tmp_path: Path) -> None:
    for name in ("a.jsonl.gz", "b.jsonl.zst"):
        write(tmp_path / name, [{"text": f"{KIND} {number}"} for number in range(500)])
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[: len(whole) // 2])
        done = ostraka(tmp_path, "moderate", "-f", name, "-o", "out.jsonl", "--restart")
        assert done.returncode == 1 and "is damaged after line" in done.stderr
        assert not (tmp_path / "out.jsonl").exists()


def test_the_text_column_is_asked_for_by_name(tmp_path: Path) -> None:
    write(tmp_path / "in.csv", [{"title": KIND, "what": RUDE}])
    unclear = ostraka(tmp_path, "moderate", "-f", "in.csv")
    assert unclear.returncode == 2
    assert "--text-column; its columns: title, what" in unclear.stderr
    wrong = ostraka(tmp_path, "moderate", "-f", "in.csv", "--text-column", "text")
    assert wrong.returncode == 2 and "its columns: title, what" in wrong.stderr
    right = ostraka(tmp_path, "moderate", "-f", "in.csv", "--text-column", "what", "--json")
    assert json.loads(right.stdout)["flagged"] is True


def test_columns_are_never_overwritten(tmp_path: Path) -> None:
    write(tmp_path / "in.jsonl", [{"text": KIND, "ostraka_flagged": "mine"}])
    taken = ostraka(tmp_path, "moderate", "-f", "in.jsonl", "-o", "out.jsonl")
    assert taken.returncode == 2 and "--prefix" in taken.stderr
    other = ostraka(tmp_path, "moderate", "-f", "in.jsonl", "-o", "out.jsonl", "--prefix", "new_")
    assert other.returncode == 0
    assert read(tmp_path / "out.jsonl")[0]["ostraka_flagged"] == "mine"
    again = ostraka(tmp_path, "moderate", "-f", "in.jsonl", "-o", "out.jsonl", "--prefix", "new_")
    assert again.returncode == 1 and "--restart replaces it" in again.stderr
    itself = ostraka(tmp_path, "moderate", "-f", "in.jsonl", "-o", "in.jsonl", "--prefix", "n_")
    assert itself.returncode == 2 and "is the input itself" in itself.stderr


def test_json_lines_of_many_shapes_keep_every_column(tmp_path: Path) -> None:
    rows = [{"text": KIND, "n": number} for number in range(300)]
    rows += [{"text": KIND, "n": "seven", "late": {"deep": [1, None]}}, {"text": KIND, "n": 2**80}]
    write(tmp_path / "in.jsonl", rows)
    for name in ("out.csv", "out.parquet", "out.jsonl"):
        done = ostraka(tmp_path, "moderate", "-f", "in.jsonl", "-o", name)
        assert done.returncode == 0, done.stderr
        last = read(tmp_path / name)
        assert [str(last[0]["n"]), last[300]["n"], str(last[301]["n"])] == [
            "0",
            "seven",
            str(2**80),
        ]
        late = last[300]["late"]
        assert (json.loads(late) if isinstance(late, str) else late) == {"deep": [1, None]}


def test_types_of_parquet_survive(tmp_path: Path) -> None:
    table = pa.table(
        {
            "comment_text": [RUDE, KIND, None],
            "at": pa.array([1, 2, None], pa.timestamp("ns", "UTC")),
            "price": pa.array(["1.10", None, "2.5"]).cast(pa.decimal128(10, 3)),
            "raw": [b"\xff", b"", None],
        }
    )
    pq.write_table(table, tmp_path / "in.parquet", row_group_size=2)
    assert ostraka(tmp_path, "moderate", "-f", "in.parquet", "-o", "out.parquet").returncode == 3
    out = pq.read_table(tmp_path / "out.parquet")
    assert out.select(table.column_names).equals(table)
    assert ostraka(tmp_path, "moderate", "-f", "in.parquet", "-o", "out.jsonl").returncode == 3
    first = read(tmp_path / "out.jsonl")[0]
    assert (first["raw"], first["price"]) == ("/w==", "1.100") and first["at"].endswith("001Z")


def test_categories_and_thresholds(tmp_path: Path) -> None:
    one = ostraka(tmp_path, "moderate", RUDE, "--category", "spam", "--json", "--exit-code")
    verdict = json.loads(one.stdout)
    assert one.returncode == 0 and list(verdict["scores"]) == ["spam"]
    low = ostraka(
        tmp_path,
        *("moderate", RUDE, "--category", "spam", "--threshold", "spam=0.0", "--exit-code"),
    )
    assert low.returncode == 1 and "flagged" in low.stdout
    for option, value in (("--threshold", "spam=2"), ("--threshold", "x=0.1"), ("--category", "x")):
        wrong = ostraka(tmp_path, "moderate", RUDE, option, value)
        assert wrong.returncode == 2 and option in wrong.stderr, wrong.stderr


def test_texts_are_texts_and_files_are_files(tmp_path: Path) -> None:
    write(tmp_path / "in.csv", [{"text": RUDE}])
    confused = ostraka(tmp_path, "moderate", "in.csv")
    assert confused.returncode == 2 and "--file in.csv" in confused.stderr
    missing = ostraka(tmp_path, "moderate", "-f", "nope.csv")
    assert missing.returncode == 1 and "nope.csv cannot be read" in missing.stderr
    unknown = ostraka(tmp_path, "moderate", "-f", "in.docx")
    assert unknown.returncode == 2 and "--input-format" in unknown.stderr


def test_standard_input(tmp_path: Path) -> None:
    done = ostraka(tmp_path, "moderate", stdin=f"{RUDE}\n\n{KIND}\n")
    lines = done.stdout.splitlines()
    assert done.returncode == 3 and len(lines) == 3
    assert "flagged" in lines[0] and "is empty" in lines[1] and "not flagged" in lines[2]
    rows = "".join(json.dumps({"body": text}) + "\n" for text in (RUDE, KIND))
    done = ostraka(
        tmp_path,
        *("moderate", "-", "--input-format", "jsonl", "-o", "out.csv", "--json", "--exit-code"),
        stdin=rows,
    )
    summary = json.loads(done.stdout)
    assert done.returncode == 1 and (summary["rows"], summary["flagged"]) == (2, 1)
    assert len(read(tmp_path / "out.csv")) == 2
    assert ostraka(tmp_path, "moderate").returncode == 0  # an empty pipe holds no rows


def test_explanations(tmp_path: Path) -> None:
    shown = ostraka(tmp_path, "moderate", RUDE, "--explain", "--category", "insult")
    assert "stupid" in shown.stdout.split("alone")[1] and shown.returncode == 0
    told = ostraka(tmp_path, "moderate", RUDE, "--explain", "--json")
    words = json.loads(told.stdout)["explanation"]["insult"]
    assert [word["text"] for word in words] == RUDE.split()
    assert max(words, key=lambda word: word["alone"])["text"] in ("stupid", "idiot.")
    assert [RUDE[word["begin"] : word["end"]] for word in words] == RUDE.split()
