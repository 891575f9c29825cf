"""A job from upload to model with nothing in the server's own folder, all of it in S3."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import s3_server
from factory_client import examples, trained
from mistralai import Mistral
from serving import start_server

from ostraka.storage.objects import ObjectStore

pytest.importorskip("sklearn", reason="jobs need the train extra")


@pytest.fixture
def served(
    s3: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[str, ObjectStore]]:
    """A server with a worker, and the store that it keeps everything in."""
    for name, value in s3.items():
        monkeypatch.setenv(name, value)
    url = f"s3://{s3_server.BUCKET}/served"
    process, address = start_server(tmp_path, workers="1", object_store=url)
    yield address, ObjectStore(url)
    process.terminate()
    assert process.wait(30) == 0


def test_from_upload_to_answer(served: tuple[str, ObjectStore], tmp_path: Path) -> None:
    address, store = served
    client = Mistral(api_key="none", server_url=address)
    content = examples(60)
    job = trained(client, training=content)
    file = job.training_files[0]
    assert client.files.download(file_id=file).read() == content
    signed = client.files.get_signed_url(file_id=file).url
    assert httpx.get(signed).content == content
    assert httpx.get(signed + "0").status_code in (401, 403)
    answer = client.classifiers.classify(model=job.fine_tuned_model, inputs=["what an idiot"])
    assert set(answer.results[0]["tone"].scores) == {"rude", "kind"}
    kept = list(store.list())
    assert {key.partition("/")[0] for key in kept} == {"files", "models", "logs"}
    assert any(key.endswith("/manifest.json") for key in kept)
    assert not (tmp_path / ".ostraka" / "objects").exists()
    client.files.delete(file_id=file)
    client.models.delete(model_id=job.fine_tuned_model)
    assert httpx.get(signed).status_code in (403, 404)
