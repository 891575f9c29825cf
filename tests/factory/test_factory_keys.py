"""Which keys may train, and which may only ask."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from factory_client import create, examples, upload
from mistralai import Mistral
from mistralai.models import SDKError
from serving import make_key, start_server

from ostraka.access.keys import Scope

pytest.importorskip("sklearn", reason="needs the train extra")


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """A server with one key of each of two scopes, and no worker."""
    url = f"sqlite:///{tmp_path / 'kept' / 'ostraka.db'}"
    keys = {scope: make_key(url, scope)[1] for scope in (Scope.MODERATE, Scope.TRAIN)}
    process, address = start_server(tmp_path, database_url=url, data_dir=str(tmp_path / "kept"))
    yield address, keys
    process.terminate()
    assert process.wait(20) == 0


def test_training_needs_its_scope(locked: tuple[str, dict[str, str]]) -> None:
    address, keys = locked
    moderate = Mistral(api_key=keys[Scope.MODERATE], server_url=address)
    train = Mistral(api_key=keys[Scope.TRAIN], server_url=address)
    for refused in (
        lambda: upload(moderate, examples(4)),
        lambda: moderate.fine_tuning.jobs.list(),
        lambda: moderate.models.delete(model_id="ft:x"),
        lambda: moderate.models.archive(model_id="ft:x"),
        lambda: train.classifiers.classify(model="ft:x", inputs="a"),
    ):
        with pytest.raises(SDKError) as error:
            refused()
        assert error.value.status_code == 403
    file = upload(train, examples(4))
    job = create(train, file)
    assert train.fine_tuning.jobs.list(created_by_me=True).total == 1
    assert train.fine_tuning.jobs.cancel(job_id=job.id).status == "CANCELLED"
    url = train.files.get_signed_url(file_id=file).url
    assert httpx.get(url).content == examples(4)
    nobody = httpx.get(f"{address}/v1/files/{file}/content")
    assert nobody.status_code == 401
    assert moderate.models.list().data
