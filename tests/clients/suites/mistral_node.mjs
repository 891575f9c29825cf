// The `@mistralai/mistralai` package of npm, whose parsers refuse a missing field.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Mistral } from "@mistralai/mistralai";

const SERVER = process.env.OSTRAKA_TEST_SERVER;
const FAULTY = process.env.OSTRAKA_TEST_SERVER_FAULTY;
const THREAT = "I will find you and kill you.";
const KIND = "Thank you for your help, have a lovely day.";
const MODEL = "mistral-moderation-latest";

function client(serverURL = SERVER) {
  return new Mistral({ apiKey: "unused", serverURL });
}

async function failure(promise) {
  let caught;
  await assert.rejects(promise, (error) => {
    caught = error;
    return true;
  });
  return caught;
}

test("moderations", async () => {
  const answer = await client().classifiers.moderate({ model: MODEL, inputs: [KIND, THREAT] });
  assert.equal(answer.model, "mistral-moderation-2603");
  const [calm, threat] = answer.results;
  assert.equal(calm.categories.violence_and_threats, false);
  assert.equal(threat.categories.violence_and_threats, true);
  assert.ok(threat.categoryScores.violence_and_threats > 0.5);
});

test("chat moderations", async () => {
  const inputs = [
    { role: "user", content: THREAT },
    { role: "assistant", content: "Good morning." },
  ];
  const answer = await client().classifiers.moderateChat({ model: MODEL, inputs });
  assert.equal(answer.results.length, 1);
  assert.equal(answer.results[0].categories.violence_and_threats, false);
});

test("models, pinned ones too", async () => {
  const names = (await client().models.list()).data.map((card) => card.id);
  assert.ok(names.includes(MODEL) && names.includes("ostraka-cascade"));
  const card = await (await fetch(`${SERVER}/v1/models/ostraka-cascade`)).json();
  const pinned = await client().models.retrieve({ modelId: card.pinned_id });
  assert.equal(pinned.id, card.pinned_id);
});

test("errors", async () => {
  const invalid = await failure(client().classifiers.moderate({ model: MODEL, inputs: [] }));
  assert.equal(invalid.name, "HTTPValidationError");
  assert.equal(invalid.statusCode, 422);
  assert.deepEqual(invalid.detail[0].loc, ["body", "input"]);
  const unknown = await failure(client().classifiers.moderate({ model: "a", inputs: KIND }));
  assert.equal(unknown.statusCode, 400);
  assert.equal(JSON.parse(unknown.body).code, "1500");
  const missing = await failure(client().models.retrieve({ modelId: "nonsense" }));
  assert.equal(missing.statusCode, 404);
});

test("other statuses", async () => {
  for (const [fault, status] of [
    ["unauthenticated", 401],
    ["forbidden", 403],
    ["overloaded", 429],
    ["crash", 500],
  ]) {
    const call = client(FAULTY).classifiers.moderate(
      { model: MODEL, inputs: KIND },
      { fetchOptions: { headers: { "x-fault": fault } } },
    );
    assert.equal((await failure(call)).statusCode, status);
  }
});
