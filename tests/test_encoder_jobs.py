"""Encoder jobs from the API's request to a classified text; jobs where the extra is missing."""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from factory_client import create, examples, jsonl, upload, wait_for
from mistralai import Mistral
from mistralai.models import SDKError
from serving import start_server

pytest.importorskip("torch", reason="needs the train extra")

import tiny_encoder

LAUNCHER = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
BLOCK = """
from importlib.machinery import PathFinder

PACKAGES = {"sklearn", "torch", "scipy", "transformers", "accelerate"}
found = PathFinder.find_spec


def find_spec(name, path=None, target=None):
    return None if name.partition(".")[0] in PACKAGES else found(name, path, target)


PathFinder.find_spec = staticmethod(find_spec)
"""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_encoder.make(tmp_path_factory.mktemp("encoder") / "base"))


def serve(folder: Path, **settings: str) -> Iterator[Mistral]:
    process, address = start_server(folder, workers="1", **settings)
    yield Mistral(api_key="none", server_url=address)
    process.terminate()
    assert process.wait(30) == 0


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mistral]:
    yield from serve(tmp_path_factory.mktemp("encoders"), base_model_folders="true")


def asked(client: Mistral, base: str, steps: int) -> Any:
    training = upload(client, jsonl(*tiny_encoder.rows(120)))
    validation = upload(client, jsonl(*tiny_encoder.rows(40, seed=1)), "validation.jsonl")
    return create(
        client,
        training,
        model=base,
        validation_files=[validation],
        hyperparameters={"training_steps": steps, "learning_rate": 3e-3},
        auto_start=True,
    )


def test_a_folder_becomes_a_served_model(client: Mistral, base: str) -> None:
    job = wait_for(client, asked(client, base, 60).id, ["SUCCESS"], 240)
    assert [each.step_number for each in job.checkpoints] == list(range(60, 0, -1))
    assert job.metadata.train_tokens == 60 * job.metadata.train_tokens_per_step
    names = [event.name for event in job.events if event.name not in ("status-updated", "estimate")]
    began = ["process-starting", "rows-read", "loading", "training-options"]
    assert names == [*began, "exporting", "exported", "evaluating"]
    assert "/" not in job.fine_tuned_model
    texts = ["you are a stupid fool", "you are a lovely friend"]
    rude, kind = client.classifiers.classify(model=job.fine_tuned_model, inputs=texts).results
    assert rude["tone"].scores["rude"] > 0.5 > kind["tone"].scores["rude"]
    assert client.models.retrieve(model_id=job.fine_tuned_model).root == base


def test_a_folder_that_is_no_encoder_fails_the_validation(client: Mistral, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}', "utf-8")
    job = create(client, upload(client, examples(20)), model=str(tmp_path), auto_start=True)
    job = wait_for(client, job.id, ["FAILED_VALIDATION"])
    assert "no encoder but a model of type 'gpt2'" in job.events[-1].data["message"]


def test_callers_name_no_folder_unless_they_may(base: str, tmp_path: Path) -> None:
    process, address = start_server(tmp_path)
    (tmp_path / "owner" / "name").mkdir(parents=True)
    client = Mistral(api_key="none", server_url=address)
    file = upload(client, examples(10))
    for name in (base, "/nowhere", "../base", "~/base", "owner/name"):
        with pytest.raises(SDKError) as error:
            create(client, file, model=name)
        assert error.value.status_code == 400
        body = json.loads(error.value.body)
        assert body["message"].startswith(f"Invalid model: {name}. Folders are not taken")
        assert "base_model_folders" in body["message"]
    assert create(client, file, model="owner/other").status == "QUEUED"
    process.terminate()
    assert process.wait(30) == 0


def test_two_processes_train_one_model(base: str, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ACCELERATE_USE_CPU", "true")
        settings = {"base_model_folders": "true", "training_launcher": json.dumps(LAUNCHER)}
        server = serve(tmp_path, **settings)
        client = next(server)
    job = wait_for(client, asked(client, base, 12).id, ["SUCCESS"], 240)
    assert [each.step_number for each in job.checkpoints] == list(range(12, 0, -1))
    names = [event.name for event in job.events]
    assert names.count("exported") == names.count("evaluating") == 1
    answer = client.classifiers.classify(model=job.fine_tuned_model, inputs=["you are a fool"])
    assert answer.results
    long = asked(client, base, 50_000)
    end = ["CANCELLED"]
    wait_for(client, long.id, ["RUNNING"])
    while not client.fine_tuning.jobs.get(job_id=long.id).checkpoints:
        time.sleep(0.2)
    client.fine_tuning.jobs.cancel(job_id=long.id)
    wait_for(client, long.id, end, 10)
    assert list(server) == []


def test_a_launcher_that_is_not_there_fails_the_job(base: str, tmp_path: Path) -> None:
    settings = {"base_model_folders": "true", "training_launcher": '["no-such-launcher"]'}
    server = serve(tmp_path, **settings)
    client = next(server)
    job = wait_for(client, asked(client, base, 12).id, ["FAILED"], 120)
    assert "there is no program 'no-such-launcher'" in job.events[-1].data["message"]
    assert list(server) == []


@pytest.mark.parametrize("model", ["ostraka-lexical", "ostraka-encoder"])
def test_without_the_extra_a_job_says_what_to_install(tmp_path: Path, model: str) -> None:
    (tmp_path / "block").mkdir()
    (tmp_path / "block" / "sitecustomize.py").write_text(BLOCK, "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(tmp_path / "block"), prepend=":")
        server = serve(tmp_path)
        client = next(server)
    file = upload(client, examples(20))
    address = client.sdk_configuration.server_url
    body = {"model": model, "training_files": [file], "hyperparameters": {}}
    tried = httpx.post(f"{address}/v1/fine_tuning/jobs?dry_run=true", json=body, timeout=60)
    assert (tried.status_code, "ostraka[train]" in tried.text) == (503, True)
    job = create(client, file, model=model, auto_start=True)
    job = wait_for(client, job.id, ["FAILED_VALIDATION"])
    assert "pip install 'ostraka[train]'" in job.events[-1].data["message"]
    assert httpx.get(f"{address}/health").status_code == 200
    moderated = client.classifiers.moderate(model="ostraka-cascade", inputs=["hello"])
    assert moderated.results
    assert list(server) == []
