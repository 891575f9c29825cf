"""Files of the classifier factory, through the real SDKs."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from factory_client import create, examples, upload, wait_for
from mistralai import Mistral
from mistralai.models import SDKError

from ostraka.factory.base import Factory
from ostraka.factory.files import keep_file
from ostraka.factory.uploads import Upload
from ostraka.settings import Settings

pytest.importorskip("sklearn", reason="needs the train extra")


def test_a_file_has_the_fields_of_both_vendors(client: Mistral, address: str) -> None:
    kept = client.files.upload(file={"file_name": "a.jsonl", "content": examples(4)})
    assert (kept.num_lines, kept.purpose, kept.source) == (4, "fine-tune", "upload")
    assert kept.sample_type == "instruct"
    assert len(kept.signature) == 16
    raw = httpx.get(f"{address}/v1/files/{kept.id}").json()
    assert raw["bytes"] == len(examples(4))
    assert raw["mimetype"] == "application/jsonl"
    assert raw["visibility"] == "workspace"
    assert raw["deleted"] is False
    assert raw["status"] == "processed"
    again = client.files.upload(file={"file_name": "a.jsonl", "content": examples(4)})
    assert again.id == kept.id
    other = client.files.upload(file={"file_name": "b.jsonl", "content": examples(4)})
    assert other.id != kept.id


def test_the_same_file_at_the_same_time_is_one(client: Mistral) -> None:
    content = examples(7, 5000)
    with ThreadPoolExecutor(4) as pool:
        ids = {*pool.map(lambda _: upload(client, content, "race.jsonl"), range(8))}
    assert len(ids) == 1


def test_the_same_file_lives_as_long_as_the_last_upload_asks(address: str, tmp_path: Path) -> None:
    def kept(**form: str) -> dict[str, Any]:
        files = {"file": ("lives.jsonl", examples(5, 6000))}
        answer: dict[str, Any] = httpx.post(f"{address}/v1/files", files=files, data=form).json()
        return answer

    first, later, shorter = kept(expiry="1"), kept(expiry="5"), kept(expiry="2")
    assert first["expires_at"] < later["expires_at"] == shorter["expires_at"]
    assert kept()["expires_at"] is None is kept(expiry="1")["expires_at"]
    factory = Factory.open(Settings(data_dir=tmp_path))
    expired = Upload("a.jsonl", expires_at=datetime.now(UTC) - timedelta(seconds=1))
    gone = keep_file(factory, expired, BytesIO(examples(3)))
    again = keep_file(factory, Upload("a.jsonl"), BytesIO(examples(3)))
    assert (again.id != gone.id, again.expires_at) == (True, None)
    factory.database.close()


def test_files_are_listed_filtered_and_paged(client: Mistral) -> None:
    ids = [upload(client, examples(3, 100 * n), f"paged-{n}.jsonl") for n in range(3)]
    batch = client.files.upload(
        file={"file_name": "paged.jsonl", "content": b'{"custom_id": "1"}\n'}, purpose="batch"
    )
    found = client.files.list(search="paged-")
    assert [each.id for each in found.data] == ids[::-1]
    assert found.total == 3
    second = client.files.list(search="paged-", page=1, page_size=2)
    assert [each.id for each in second.data] == ids[:1]
    assert [each.id for each in client.files.list(purpose="batch").data] == [batch.id]
    both = client.files.list(sample_type=["batch_request", "pretrain"], source=["upload"])
    assert [each.id for each in both.data] == [batch.id]
    assert client.files.list(source=["mistral"]).data == []
    assert not isinstance(client.files.list(search="paged", include_total=False).total, int)


def test_bytes_come_back_and_by_signed_address(client: Mistral, address: str) -> None:
    content = examples(5)
    file = upload(client, content, "back.jsonl")
    assert client.files.download(file_id=file).read() == content
    plain = httpx.get(f"{address}/v1/files/{file}/content")
    assert plain.headers["content-type"] == "application/octet-stream"
    url = client.files.get_signed_url(file_id=file, expiry=1).url
    assert httpx.get(url).content == content
    expired = url.replace("expires=", "expires=1&x=")
    assert httpx.get(expired).status_code == 401
    signature = url.rpartition("signature=")[2]
    for forged in (f"{signature[:-4]}0000", "%C3%A9"):
        assert httpx.get(url.replace(signature, forged)).status_code == 401
    for moment in ("9" * 5000, "-1", "%C2%B2"):
        assert httpx.get(url.replace("expires=", f"expires={moment}&x=")).status_code == 401
    client.files.delete(file_id=file)
    assert httpx.get(url).status_code == 404


def test_a_deleted_file_is_gone(client: Mistral) -> None:
    file = upload(client, examples(6), "gone.jsonl")
    assert client.files.delete(file_id=file).deleted is True
    for call in (client.files.retrieve, client.files.delete, client.files.download):
        with pytest.raises(SDKError) as error:
            call(file_id=file)
        assert error.value.status_code == 404
    assert upload(client, examples(6), "gone.jsonl") != file


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "has no rows"),
        (b"no json\n", "row 1: is not JSON"),
        (b'{"text": "a", "labels": {"x": "y"}}\n[]\n', "row 2: a row is an object"),
        (b'{"text": "a", "labels": {"x": "y"}}\n\xff\n', "row 2: is not UTF-8"),
        (b'{"text": "a"}\n{"text": "", "labels": {"x": "y"}}\n', "2 of 2 rows are faulty"),
        (b'{"text": "' + b"a" * 90_000 + b'"}\n' * 1, "row 1"),
        (b'{"text": "a \\ud83d", "labels": {"x": "y"}}\n', "row 1: 'text': contains half a char"),
        (b'{"text": "a", "labels": {"x": "\\ud83d"}}\n', "'labels.x': contains half a character"),
        (b'{"text": "a", "labels": {"x": "y"}, "id": ' + b"1" * 5000 + b"}\n", "too many digits"),
    ],
)
def test_files_that_no_job_can_use_are_refused(client: Mistral, content: bytes, said: str) -> None:
    with pytest.raises(SDKError) as error:
        upload(client, content, "bad.jsonl")
    body = json.loads(error.value.body)
    assert error.value.status_code == 422
    assert body["detail"] == "Invalid file format."
    assert said in body["message"]


def test_a_mark_of_byte_order_is_no_fault(client: Mistral) -> None:
    content = b"\xef\xbb\xbf" + examples(4)
    file = upload(client, content, "from-windows.jsonl")
    assert client.files.download(file_id=file).read() == content
    job = wait_for(client, create(client, file).id, ["VALIDATED"])
    client.fine_tuning.jobs.cancel(job_id=job.id)


def test_uploads_of_another_kind_are_refused(client: Mistral, address: str) -> None:
    with pytest.raises(SDKError) as error:
        upload(client, b"a,b\n", "rows.csv")
    assert "only .jsonl is taken" in error.value.body
    with pytest.raises(SDKError) as error:
        client.files.upload(file={"file_name": "a.jsonl", "content": b"{}\n"}, purpose="assistants")
    assert json.loads(error.value.body)["detail"][0]["loc"] == ["body", "purpose"]
    with pytest.raises(SDKError) as error:
        upload(client, b"x" * 200_000, "large.jsonl")
    assert error.value.status_code == 413
    agent = {"user-agent": "mistral-client-python/1.12.4"}
    no_file = httpx.post(f"{address}/v1/files", files={"purpose": (None, "batch")}, headers=agent)
    assert no_file.json()["detail"][0]["loc"] == ["body", "file"]
    json_body = httpx.post(f"{address}/v1/files", json={}, headers=agent)
    assert json_body.status_code == 415


def test_openai_sdk_keeps_files_too(address: str) -> None:
    client = openai.OpenAI(api_key="none", base_url=f"{address}/v1", max_retries=0)
    kept = client.files.create(file=("openai.jsonl", examples(3)), purpose="fine-tune")
    assert kept.status == "processed"
    assert client.files.retrieve(kept.id).filename == "openai.jsonl"
    assert client.files.content(kept.id).read() == examples(3)
    other = client.files.create(file=("openai-2.jsonl", examples(3)), purpose="fine-tune")
    listed = [each.id for each in client.files.list(limit=1)]
    assert listed[:2] == [other.id, kept.id]
    assert len(listed) == len(set(listed))
    assert client.files.delete(kept.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(kept.id)
    with pytest.raises(openai.UnprocessableEntityError, match="not JSON"):
        client.files.create(file=("bad.jsonl", b"bad\n"), purpose="fine-tune")
