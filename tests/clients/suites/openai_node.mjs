// The `openai` package of npm, through its own types and exceptions.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";

import OpenAI, {
  APIConnectionTimeoutError,
  APIError,
  AuthenticationError,
  BadRequestError,
  ConflictError,
  InternalServerError,
  NotFoundError,
  PermissionDeniedError,
  RateLimitError,
} from "openai";

const SERVER = process.env.OSTRAKA_TEST_SERVER;
const IGNORING_IMAGES = process.env.OSTRAKA_TEST_SERVER_IGNORING_IMAGES;
const FAULTY = process.env.OSTRAKA_TEST_SERVER_FAULTY;
const RUDE = "You are a stupid idiot and everybody laughs at you.";
const KIND = "Thank you for your help, have a lovely day.";
const PICTURE = { type: "image_url", image_url: { url: "https://example.org/a.png" } };
const CATEGORIES = [
  "harassment",
  "harassment/threatening",
  "hate",
  "hate/threatening",
  "illicit",
  "illicit/violent",
  "self-harm",
  "self-harm/instructions",
  "self-harm/intent",
  "sexual",
  "sexual/minors",
  "violence",
  "violence/graphic",
];
const NOT_MODELLED = ["sexual/minors", "self-harm/instructions", "violence/graphic"];

function client(server = SERVER, options = {}) {
  return new OpenAI({ baseURL: `${server}/v1`, apiKey: "unused", maxRetries: 0, ...options });
}

function failing(fault, options = {}, times = undefined) {
  const defaultHeaders = { "x-fault": fault };
  if (times !== undefined) {
    defaultHeaders["x-fault-times"] = String(times);
    defaultHeaders["x-fault-key"] = randomUUID();
  }
  return client(FAULTY, { defaultHeaders, ...options });
}

async function failure(kind, promise) {
  let caught;
  await assert.rejects(promise, (error) => {
    caught = error;
    return error instanceof kind;
  });
  return caught;
}

test("every category is in all three maps", async () => {
  const answer = await client().moderations.create({ input: RUDE });
  assert.match(answer.id, /^modr-/);
  assert.equal(answer.model, "omni-moderation-latest");
  const [result] = answer.results;
  assert.equal(result.flagged, true);
  for (const map of ["categories", "category_scores", "category_applied_input_types"]) {
    assert.deepEqual(Object.keys(result[map]).sort(), [...CATEGORIES].sort());
  }
  for (const name of CATEGORIES) {
    const seen = !NOT_MODELLED.includes(name);
    assert.equal(typeof result.categories[name], "boolean");
    assert.ok(result.category_scores[name] >= 0 && result.category_scores[name] <= 1);
    assert.deepEqual(result.category_applied_input_types[name], seen ? ["text"] : []);
  }
});

test("lists and parts", async () => {
  const list = await client().moderations.create({ input: [KIND, RUDE] });
  assert.deepEqual(list.results.map((result) => result.flagged), [false, true]);
  const input = [KIND, RUDE].map((text) => ({ type: "text", text }));
  const parts = await client().moderations.create({ input, model: "omni-moderation-2024-09-26" });
  assert.equal(parts.results.length, 1);
  assert.equal(parts.results[0].flagged, true);
});

test("images are rejected, or ignored beside a text", async () => {
  const input = [{ type: "text", text: RUDE }, PICTURE];
  const rejected = await failure(BadRequestError, client().moderations.create({ input }));
  assert.equal(rejected.code, "image_not_supported");
  const ignored = await client(IGNORING_IMAGES).moderations.create({ input });
  assert.deepEqual(ignored.results[0].category_applied_input_types.violence, ["text"]);
  const two = client(IGNORING_IMAGES).moderations.create({ input: [...input, PICTURE] });
  assert.equal((await failure(BadRequestError, two)).code, "too_many_images");
});

test("legacy and pinned models", async () => {
  const model = "text-moderation-latest";
  const legacy = await client().moderations.create({ input: RUDE, model });
  assert.equal(legacy.model, "text-moderation-007");
  assert.equal(Object.keys(legacy.results[0].categories).length, 11);
  const card = await client().models.retrieve("ostraka-cascade");
  const pinned = await client().moderations.create({ input: RUDE, model: card.pinned_id });
  assert.equal(pinned.model, card.pinned_id);
  assert.equal((await client().models.retrieve(card.pinned_id)).id, card.pinned_id);
});

test("models", async () => {
  const names = [];
  for await (const card of client().models.list()) {
    assert.equal(card.object, "model");
    assert.equal(typeof card.created, "number");
    names.push(card.id);
  }
  assert.ok(names.includes("omni-moderation-latest") && names.includes("ostraka-cascade"));
  await failure(NotFoundError, client().models.retrieve("nonsense"));
});

test("bad input names the field", async () => {
  for (const [body, param, code] of [
    [{ input: "" }, "input", "empty_input"],
    [{ input: [] }, "input", "empty_input"],
    [{ input: 3 }, "input", "invalid_type"],
    [{}, "input", "missing_required_parameter"],
    [{ input: ["a", { type: "text", text: "b" }] }, "input", "invalid_type"],
    [{ input: Array(9).fill("a") }, "input", "too_many_inputs"],
    [{ input: "a".repeat(100_001) }, "input", "string_above_max_length"],
    [{ input: "a", model: 3 }, "model", "invalid_type"],
  ]) {
    const error = await failure(BadRequestError, client().moderations.create(body));
    assert.deepEqual([error.status, error.param, error.code], [400, param, code]);
    assert.equal(error.type, "invalid_request_error");
    assert.match(error.requestID, /^req_/);
  }
  const large = client().moderations.create({ input: "a".repeat(250_000) });
  assert.equal((await failure(APIError, large)).status, 413);
});

test("unknown model and path", async () => {
  const model = client().moderations.create({ input: "a", model: "nonsense" });
  assert.equal((await failure(NotFoundError, model)).code, "model_not_found");
  const path = client().chat.completions.create({ model: "a", messages: [] });
  assert.equal((await failure(NotFoundError, path)).type, "invalid_request_error");
});

test("every status raises its exception", async () => {
  for (const [fault, kind, status, code] of [
    ["unauthenticated", AuthenticationError, 401, "invalid_api_key"],
    ["forbidden", PermissionDeniedError, 403, "insufficient_permissions"],
    ["conflict", ConflictError, 409, "conflict"],
    ["overloaded", RateLimitError, 429, "rate_limit_exceeded"],
    ["crash", InternalServerError, 500, null],
    ["broken_model", InternalServerError, 500, null],
  ]) {
    const error = await failure(kind, failing(fault).moderations.create({ input: KIND }));
    assert.deepEqual([error.status, error.code], [status, code]);
  }
});

test("raw response headers", async () => {
  const { data, response } = await client().moderations.create({ input: KIND }).withResponse();
  assert.equal(data.results[0].flagged, false);
  assert.equal(data._request_id, response.headers.get("x-request-id"));
  assert.match(response.headers.get("openai-processing-ms"), /^\d+$/);
  assert.equal(response.headers.get("openai-version"), "2020-10-01");
});

test("retries and timeout", async () => {
  const started = performance.now();
  const patient = failing("overloaded", { maxRetries: 2 }, 2);
  assert.equal((await patient.moderations.create({ input: KIND })).results[0].flagged, false);
  assert.ok(performance.now() - started >= 590);
  const eager = failing("crash", { maxRetries: 2 }, 1);
  await failure(InternalServerError, eager.moderations.create({ input: KIND }));
  const slow = failing("slow", { timeout: 200 });
  await failure(APIConnectionTimeoutError, slow.moderations.create({ input: KIND }));
});
