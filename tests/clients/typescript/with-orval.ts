// Runs the story with the client of orval.

import assert from "node:assert/strict";

import * as api from "./client.js";
import type { AdminUser, Problem } from "./client.js";
import { server } from "./http.js";
import { BASE_URL, PASSWORD, SUPERUSER, passed } from "./steps.js";

server.url = BASE_URL;
const as = (token: string) => ({ headers: { Authorization: `Bearer ${token}` } });
const email = "ann@example.org";

/** Returns the body of a response with this status. Fails on any other status. */
function given<R extends { status: number; data: unknown }, S extends R["status"]>(
  answer: R,
  status: S,
): Extract<R, { status: S }>["data"] {
  assert.equal(answer.status, status, JSON.stringify(answer.data));
  return answer.data;
}

/** Checks a problem, and reports it as a step. */
function check(problem: Problem, code: string): Problem {
  assert.equal(problem.code, code);
  assert.equal(problem.type, `/problems/${code}`);
  passed(`problem ${problem.status}`);
  return problem;
}

const ann = given(await api.register({ email, password: PASSWORD, tier: "free" }), 201);
assert.equal(ann.email, email);
passed("register");

const first = given(await api.login({ email, password: PASSWORD }), 200);
assert.equal(first.token_type, "bearer");
passed("login");

const me = given(await api.getCurrentUser(as(first.access_token)), 200);
assert.deepEqual(me, ann);
passed("me");

const second = given(await api.refresh({ refresh_token: first.refresh_token }), 200);
assert.notEqual(second.refresh_token, first.refresh_token);
passed("refresh");

const race = () => api.refresh({ refresh_token: second.refresh_token });
const [left, right] = (await Promise.all([race(), race()])).map((answer) => given(answer, 200));
assert(left && right);
assert.equal(left.refresh_token, right.refresh_token);
passed("race");

for (let number = 1; number <= 5; number++) {
  given(await api.register({ email: `page-${number}@example.org`, password: PASSWORD }), 201);
}
const admin = as(given(await api.login(SUPERUSER), 200).access_token);
const pages: AdminUser[][] = [];
let cursor: string | undefined;
do {
  const page = given(await api.listUsers({ email: "page-", limit: 2, cursor }, admin), 200);
  pages.push(page.items);
  cursor = page.next_cursor ?? undefined;
} while (cursor !== undefined);
assert.deepEqual(pages.map((page) => page.length), [2, 2, 1]);
const listed = pages.flat().map((user) => user.email);
assert.deepEqual(listed, [1, 2, 3, 4, 5].map((number) => `page-${number}@example.org`));
passed("pages");

const user = as(left.access_token);
const form = await api.createAccessToken({ grant_type: "password", username: email, password: "not it" });
assert.equal(given(form, 400).error, "invalid_grant");
passed("problem 400");

check(given(await api.login({ email, password: "not it" }), 401), "invalid-credentials");
check(given(await api.listUsers({}, user), 403), "not-permitted");
const unknown = "00000000-0000-7000-8000-000000000000";
check(given(await api.getUser(unknown, admin), 404), "not-found");
check(given(await api.register({ email, password: PASSWORD }), 409), "email-taken");
check(given(await api.login({ email, password: "x".repeat(70_000) }), 413), "body-too-large");
const weak = { email: "weak@example.org", password: "password123" };
const invalid = check(given(await api.register(weak), 422), "validation-failed");
assert.deepEqual(invalid.errors?.map((error) => error.pointer), ["/password"]);
given(await api.listSessions({}, user), 200);
const limited = await api.listSessions({}, user);
assert(check(given(limited, 429), "rate-limited").retryable);
assert(Number(limited.headers.get("Retry-After")) > 0);

given(await api.logout(user), 204);
assert.equal(given(await api.getCurrentUser(user), 401).code, "invalid-token");
passed("logout");
