"""A really started server with its worker, on both databases, and a job that it did."""

import time
from typing import Any

import pytest
from factory_client import create, examples, upload, wait_for
from mistralai import Mistral
from serving import served


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    settings = {"workers": "1", "max_file_bytes": "100000"}
    if request.param == "postgresql":
        settings["database_url"] = request.getfixturevalue("postgresql_cluster").new_database()
    with served(tmp_path_factory.mktemp("factory"), **settings) as address:
        yield address


@pytest.fixture(scope="module")
def client(address: str) -> Mistral:
    return Mistral(api_key="none", server_url=address)


@pytest.fixture(scope="module")
def job(client: Mistral) -> Any:
    """A job that went the notebook's way, all its states seen."""
    training = upload(client, examples(60))
    validation = upload(client, examples(20, 1000), "validation_file.jsonl")
    job = create(
        client,
        training,
        model="ministral-3b-latest",
        validation_files=[validation],
        hyperparameters={"training_steps": 30, "learning_rate": 5e-5},
        suffix="my.model-1",
        auto_start=False,
    )
    assert job.status == "QUEUED"
    assert job.metadata.cost == 0.0
    assert job.metadata.train_tokens is None
    assert job.hyperparameters.epochs is None
    job = wait_for(client, job.id, ["VALIDATED"])
    client.fine_tuning.jobs.start(job_id=job.id)
    retrieved = client.fine_tuning.jobs.get(job_id=job.id)
    while retrieved.status in ["QUEUED", "RUNNING"]:
        time.sleep(0.1)
        retrieved = client.fine_tuning.jobs.get(job_id=job.id)
        # Set in the same answer that first says so.
        assert (retrieved.status == "SUCCESS") == (retrieved.fine_tuned_model is not None)
    assert retrieved.status == "SUCCESS", retrieved.events
    return retrieved
