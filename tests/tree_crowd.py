"""A crowd over the public API: contributors, a moderator, and servers that die in between.

It speaks Open-Assistant's protocol as its own clients do: ask, acknowledge, hand in. Whoever gets
no answer sends the same again.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID, uuid4

import httpx
from serving import start_server

PATIENCE = 300.0
"""Seconds for which a contributor goes on sending what no server answers."""
LABELS = ("quality", "helpfulness", "creativity", "humor", "toxicity", "violence")
BANNED, BUSY = 4001, 4
MAY_BE_REFUSED = {
    "task": {1006, 1012, 4001},
    "ack": {2010, 2100, 2101, 2103, 4001},
    "interaction": {2010, 2100, 2101, 2103, 2105, 1011, 4001},
    "nack": {2010, 2100, 2101, 2103, 2105, 4001},
}
"""What a contributor may be told although they do nothing wrong: none is there, a moderator was
quicker, the task ran out, they were banned."""


class Servers:
    """Servers on one database; each may be killed, and comes back at another address."""

    def __init__(self, folder: Path, count: int, **settings: str) -> None:
        self.folder, self.settings = folder, settings
        self.kills = 0
        self._running = [start_server(folder, **settings) for _ in range(count)]

    def address(self, number: int) -> str:
        return self._running[number % len(self._running)][1]

    def kill(self, number: int) -> None:
        self._running[number][0].kill()
        self._running[number][0].wait()
        self._running[number] = start_server(self.folder, **self.settings)
        self.kills += 1

    def close(self) -> None:
        for process, _ in self._running:
            process.terminate()
        for process, _ in self._running:
            assert process.wait(30) == 0


@dataclass
class Told:
    """What the crowd was told, over all contributors."""

    done: Counter[str] = field(default_factory=Counter)
    refused: Counter[tuple[str, int]] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    banned: set[str] = field(default_factory=set)
    """Ids of those whom the moderator banned."""
    left: set[str] = field(default_factory=set)
    """Tasks of which their contributors went away."""
    sent_away: set[str] = field(default_factory=set)
    """Names of those who were told that they are banned."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, what: str, response: httpx.Response, who: str) -> bool:
        """Whether it went well; what should not have been said is a fault."""
        if response.is_success:
            return True
        with suppress(ValueError):
            code = response.json().get("error_code", -1)
            with self.lock:
                self.refused[what, code] += 1
            if code == BANNED:
                self.sent_away.add(who)
            if code in MAY_BE_REFUSED[what]:
                return False
        with self.lock:
            self.faults.append(f"{what}: {response.status_code} {response.text[:300]}")
        return False


class Client:
    """Sends requests to one of the servers, again where none answers."""

    def __init__(self, servers: Servers, number: int, key: str) -> None:
        self._servers, self._number = servers, number
        headers = {"X-API-Key": key} if key else {}
        self._http = httpx.Client(timeout=100, headers=headers)

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """The answer; a request that changes something has one key however often it is sent."""
        headers = dict(options.pop("headers", {}))
        if method == "POST":
            headers["Idempotency-Key"] = uuid4().hex
        end = time.monotonic() + PATIENCE
        while True:
            address = self._servers.address(self._number)
            try:
                answer = self._http.request(
                    method, f"{address}/api/v1{path}", headers=headers, **options
                )
            except httpx.TransportError:
                if time.monotonic() > end:
                    raise
                self._number += 1
                time.sleep(0.05)
                continue
            if not _is_busy(answer) or time.monotonic() > end:
                return answer
            time.sleep(0.2)

    def close(self) -> None:
        self._http.close()


def _is_busy(answer: httpx.Response) -> bool:
    """Whether it says that nothing was done and the same may be sent again."""
    return answer.status_code in (409, 503) and answer.json().get("error_code") == BUSY


class Contributor:
    """One person: does what they are asked for, mostly well."""

    def __init__(self, client: Client, name: str, told: Told, random: Random) -> None:
        self.client, self.told, self.random = client, told, random
        self.user = {"id": name, "display_name": name.title(), "auth_method": "local"}
        self.header = {"x-oasst-user": f"local:{name}"}

    def is_banned(self) -> bool:
        """Whether they were told so."""
        return self.user["id"] in self.told.sent_away

    def arrive(self) -> None:
        profile = self.user | {"tos_acceptance": True}
        self.client.send("POST", "/frontend_users/", json=profile)

    def prompt(self) -> bool:
        """Write a prompt, if one is wanted."""
        task = self._ask("initial_prompt")
        return task is not None and self._write(task)

    def work(self) -> bool:
        """Do whatever comes next; whether there was something."""
        task = self._ask("random")
        if task is None:
            return False
        if task["type"] == "initial_prompt":  # there is nothing else, and prompts enough
            self._skip(task)
            return False
        chance = self.random.random()
        if chance < 0.06:
            self._skip(task)
        elif chance < 0.07:
            self._leave(task)
        elif task["type"].startswith("label_"):
            self._label(task)
        elif task["type"].startswith("rank_"):
            self._rank(task)
        else:
            self._write(task)
        return True

    def _ask(self, kind: str) -> dict[str, Any] | None:
        body = {"type": kind, "user": self.user, "collective": False, "lang": "en"}
        answer = self.client.send("POST", "/tasks/", json=body)
        return answer.json() if self.told.note("task", answer, self.user["id"]) else None

    def _acknowledged(self, task: dict[str, Any]) -> str | None:
        name = uuid4().hex
        answer = self.client.send(
            "POST", f"/tasks/{task['id']}/ack", json={"message_id": name}, headers=self.header
        )
        return name if self.told.note("ack", answer, self.user["id"]) else None

    def _skip(self, task: dict[str, Any]) -> None:
        answer = self.client.send(
            "POST", f"/tasks/{task['id']}/nack", json={"reason": "no time"}, headers=self.header
        )
        if self.told.note("nack", answer, self.user["id"]):
            self._count("skipped")

    def _write(self, task: dict[str, Any]) -> bool:
        text = f"Words of {self.user['id']}, number {self.random.randrange(10**12)}."
        return self._hand_in(
            task,
            {
                "type": "text_reply_to_message",
                "user_message_id": uuid4().hex,
                "text": text,
                "lang": "en",
            },
            acknowledged="message_id",
        )

    def _label(self, task: dict[str, Any]) -> bool:
        bad = self.random.random() < 0.12
        labels = {name: 0.0 for name in task["valid_labels"]}
        labels |= {name: self.random.choice((0, 0.5, 1)) for name in labels if name in LABELS}
        labels["spam"] = float(bad)
        return self._hand_in(
            task,
            {
                "type": "text_labels",
                "task_id": task["id"],
                "message_id": task["message_id"],
                "text": task["conversation"]["messages"][-1]["text"],
                "labels": labels,
            },
        )

    def _rank(self, task: dict[str, Any]) -> bool:
        order = list(range(len(task["reply_messages"])))
        self.random.shuffle(order)
        body = {"type": "message_ranking", "ranking": order}
        if self.random.random() < 0.1:
            body["not_rankable"] = True
        return self._hand_in(task, body, acknowledged="message_id")

    def _hand_in(
        self, task: dict[str, Any], body: dict[str, Any], acknowledged: str | None = None
    ) -> bool:
        name = self._acknowledged(task)
        if name is None:
            return self._leave(task)
        body = body | {"user": self.user} | ({acknowledged: name} if acknowledged else {})
        answer = self.client.send("POST", "/tasks/interaction", json=body)
        if not self.told.note("interaction", answer, self.user["id"]):
            return self._leave(task)
        assert answer.json()["type"] == "task_done"
        self._count(body["type"])
        return True

    def _leave(self, task: dict[str, Any]) -> bool:
        """Go away from a task, which then runs out."""
        with self.told.lock:
            self.told.left.add(f"task_{UUID(task['id']).hex}")
        return False

    def _count(self, what: str) -> None:
        with self.told.lock:
            self.told.done[what] += 1


class Moderator:
    """Deletes, halts, lets go on and bans, through the admin's half of the API."""

    def __init__(self, client: Client, told: Told, random: Random) -> None:
        self.client, self.told, self.random = client, told, random
        self.acts: Counter[str] = Counter()

    def meddle(self) -> None:
        """One act on something that is there."""
        found = self._read("/messages/", max_count=100)
        if not found:
            return
        message = self.random.choice(found)
        act = self.random.choice(("delete", "halt", "halt", "ban", "flag"))
        match act:
            case "delete" if message["parent_id"]:
                self._do(act, "DELETE", f"/messages/{message['id']}")
            case "halt":
                for halt in ("true", "false"):
                    path = f"/messages/{message['id']}/tree/state"
                    self._do(act, "PUT", path, params={"halt": halt})
            case "ban" if len(self.told.banned) < 4 and message["user_id"]:
                self._do(act, "PUT", f"/users/{message['user_id']}", params={"enabled": "false"})
                self.told.banned.add(message["user_id"])

    def _do(self, act: str, method: str, path: str, **options: Any) -> None:
        answer = self.client.send(method, path, **options)
        if answer.is_success:
            self.acts[act] += 1
        elif answer.status_code >= 500:
            self.told.faults.append(f"{act}: {answer.status_code} {answer.text[:300]}")

    def _read(self, path: str, **query: Any) -> Any:
        answer = self.client.send("GET", path, params=query)
        if not answer.is_success:
            self.told.faults.append(f"GET {path}: {answer.status_code} {answer.text[:300]}")
            return []
        return answer.json()


def at_once(calls: list[Callable[[], None]]) -> None:
    """Run all of them in threads of their own; the first error of any comes out."""
    with ThreadPoolExecutor(len(calls)) as pool:
        for each in [pool.submit(call) for call in calls]:
            each.result()
