import hashlib
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from s3_server import BUCKET

from ostraka.errors import NotFoundError, SettingsError, StorageError
from ostraka.settings import load_settings
from ostraka.storage.objects import ObjectStore


@pytest.fixture(params=["folder", "memory", "s3"])
def store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> ObjectStore:
    """A folder, and two stores that are none."""
    if request.param == "folder":
        return ObjectStore(str(tmp_path / "objects"))
    if request.param == "s3":
        for name, value in request.getfixturevalue("s3").items():
            monkeypatch.setenv(name, value)
        return ObjectStore(f"s3://{BUCKET}/{uuid.uuid4().hex}")
    return ObjectStore(f"memory://{uuid.uuid4().hex}")


def interrupted() -> Iterator[bytes]:
    yield b"half"
    raise RuntimeError("cut off")


def test_what_is_put_can_be_read(store: ObjectStore) -> None:
    stored = store.put("files/one.jsonl", [b"ab", b"", b"c"])
    assert stored.key == "files/one.jsonl"
    assert stored.bytes == 3
    assert stored.sha256 == hashlib.sha256(b"abc").hexdigest()
    assert store.exists("files/one.jsonl")
    assert not store.exists("files")
    assert store.read("files/one.jsonl") == b"abc"
    with store.open("files/one.jsonl") as stream:
        assert stream.read(2) == b"ab"
    store.put("files/one.jsonl", [b"new"])
    assert store.read("files/one.jsonl") == b"new"


def test_nothing_of_an_interrupted_write_is_seen(store: ObjectStore) -> None:
    with pytest.raises(RuntimeError):
        store.put("a/b", interrupted())
    assert not store.exists("a/b")
    store.put("a/b", [b"whole"])
    with pytest.raises(RuntimeError):
        store.put("a/b", interrupted())
    assert store.read("a/b") == b"whole"
    assert list(store.list()) == ["a/b"]


def test_lists_by_prefix_and_deletes(store: ObjectStore) -> None:
    assert list(store.list()) == []
    for key in ("models/a-1/x", "models/a-1/deep/y", "models/a-10/z", "files/q"):
        store.put(key, [key.encode()])
    assert list(store.list("models/a-1/")) == ["models/a-1/deep/y", "models/a-1/x"]
    assert list(store.list("models/a-1")) == ["models/a-1/deep/y", "models/a-1/x", "models/a-10/z"]
    assert list(store.list("nothing/here")) == []
    store.delete("files/q")
    store.delete("files/q")
    assert not store.exists("files/q")
    with pytest.raises(NotFoundError, match="files/q"):
        store.read("files/q")


def test_folders_go_up_and_come_down(store: ObjectStore, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "report").mkdir(parents=True)
    (source / "manifest.json").write_bytes(b"{}")
    (source / "report" / "loss.png").write_bytes(bytes(range(256)))
    stored = store.upload_folder("models/job-1/", source)
    assert [each.key for each in stored] == [
        "models/job-1/manifest.json",
        "models/job-1/report/loss.png",
    ]
    store.download_folder("models/job-1", target)
    assert (target / "manifest.json").read_bytes() == b"{}"
    assert (target / "report" / "loss.png").read_bytes() == bytes(range(256))
    with pytest.raises(NotFoundError):
        store.download_folder("models/job-2", target)


@pytest.mark.parametrize("key", ["", "/etc/x", "../x", "a/../b", "a//b", ".partial/x", "a/", "a b"])
def test_keys_stay_inside(store: ObjectStore, key: str) -> None:
    with pytest.raises(ValueError, match="no key"):
        store.put(key, [b""])


@given(st.lists(st.binary(max_size=50), max_size=8))
def test_any_bytes_in_any_chunks(chunks: list[bytes]) -> None:
    store = ObjectStore("memory://property")
    assert store.put("x", chunks).sha256 == hashlib.sha256(store.read("x")).hexdigest()
    assert store.read("x") == b"".join(chunks)


def test_a_killed_writer_leaves_nothing_to_see(tmp_path: Path) -> None:
    code = (
        "import sys, time\n"
        "from ostraka.storage.objects import ObjectStore\n"
        "def chunks():\n"
        "    yield b'half' * 100_000\n"
        "    print('half', flush=True)\n"
        "    time.sleep(60)\n"
        "ObjectStore(sys.argv[1]).put('a', chunks())\n"
    )
    root = tmp_path / "objects"
    writer = subprocess.Popen([sys.executable, "-c", code, root], stdout=subprocess.PIPE)
    assert writer.stdout.readline() == b"half\n"
    writer.kill()
    writer.communicate()
    [partial] = (root / ".partial").iterdir()
    store = ObjectStore(str(root))
    assert not store.exists("a")
    assert list(store.list()) == []
    assert partial.exists(), "another process may still be writing it"
    long_ago = time.time() - 2 * 24 * 3600
    os.utime(partial, (long_ago, long_ago))
    ObjectStore(str(root))
    assert not partial.exists()


def test_objects_are_nobody_elses_to_read(tmp_path: Path) -> None:
    ObjectStore(str(tmp_path / "objects")).put("a/b", [b"private"])
    for path in (tmp_path / "objects" / "a", tmp_path / "objects" / "a" / "b"):
        assert path.stat().st_mode & 0o077 == 0


def test_what_cannot_be_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="object_store"):
        ObjectStore("nowhere://bucket")
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="object store"):
        ObjectStore(str(tmp_path / "file")).put("a", [b""])


def test_the_setting(tmp_path: Path) -> None:
    settings = load_settings(data_dir=tmp_path)
    assert settings.resolved_object_store == str(tmp_path / "objects")
    assert load_settings(object_store="s3://bucket/x").resolved_object_store == "s3://bucket/x"
