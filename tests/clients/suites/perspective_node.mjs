// What `google.discoverAPI` of npm's `googleapis` does, through the package it does it with, and
// the plain calls of Coral and of Discourse's plug-in as their sources make them.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Discovery } from "googleapis-common";

const SERVER = process.env.OSTRAKA_TEST_SERVER;
const RUDE = "You are a stupid idiot.";

async function analyze(resource) {
  const make = await new Discovery({}).discoverAPI(`${SERVER}/$discovery/rest?version=v1alpha1`);
  return make({ version: "v1alpha1" }).comments.analyze({ key: "unused", resource });
}

async function post(path, body, headers = {}) {
  return fetch(`${SERVER}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
}

test("the discovered client", async () => {
  const requestedAttributes = { TOXICITY: {}, INSULT: { scoreThreshold: 0.5 } };
  const answer = await analyze({ comment: { text: RUDE }, requestedAttributes });
  assert.equal(answer.status, 200);
  assert.ok(answer.data.attributeScores.TOXICITY.summaryScore.value > 0.5);
  assert.ok(answer.data.attributeScores.INSULT.spanScores[0].score.value > 0.5);
});

test("the discovered client's error", async () => {
  const requestedAttributes = { TOXICITY: {} };
  await assert.rejects(analyze({ comment: { text: "" }, requestedAttributes }), (error) => {
    assert.equal(error.status, 400);
    assert.match(error.message, /Comment must be non-empty\./);
    const [detail] = error.response.data.error.details;
    return detail.errorType === "COMMENT_EMPTY";
  });
});

test("Coral's call", async () => {
  const answer = await post("/v1alpha1/comments:analyze?key=unused", {
    comment: { text: RUDE },
    doNotStore: true,
    requestedAttributes: { TOXICITY: {} },
    languages: ["en"],
  });
  assert.ok(answer.ok);
  const { attributeScores } = await answer.json();
  assert.ok(attributeScores.TOXICITY.summaryScore.value > 0.5);
});

test("the call of Discourse's plug-in", async () => {
  const body = {
    comment: { text: RUDE },
    doNotStore: true,
    sessionId: "https://forum.example.org_42",
    requestedAttributes: { SEVERE_TOXICITY: { scoreType: "PROBABILITY" } },
  };
  const headers = { accept: "*/*", "user-agent": "Discourse/3.5.0" };
  const answer = await post("/v1alpha1/comments:analyze?key=unused", body, headers);
  const { attributeScores } = await answer.json();
  assert.equal(typeof attributeScores.SEVERE_TOXICITY.summaryScore.value, "number");
});
