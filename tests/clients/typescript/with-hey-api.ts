// Runs the story with the client of @hey-api/openapi-ts.

import assert from "node:assert/strict";

import { createClient, createConfig } from "./client/client/index.js";
import * as api from "./client/index.js";
import type { AdminUser, Problem } from "./client/index.js";
import { BASE_URL, PASSWORD, SUPERUSER, given, problem, passed } from "./steps.js";

const anonymous = createClient(createConfig({ baseUrl: BASE_URL }));
const as = (token: string) => createClient(createConfig({ baseUrl: BASE_URL, auth: () => token }));
const email = "ann@example.org";

const ann = given(await api.register({ client: anonymous, body: { email, password: PASSWORD, tier: "free" } }));
assert.equal(ann.email, email);
passed("register");

const first = given(await api.login({ client: anonymous, body: { email, password: PASSWORD } }));
assert.equal(first.token_type, "bearer");
passed("login");

const me = given(await api.getCurrentUser({ client: as(first.access_token) }));
assert.deepEqual(me, ann);
passed("me");

const second = given(await api.refresh({ client: anonymous, body: { refresh_token: first.refresh_token } }));
assert.notEqual(second.refresh_token, first.refresh_token);
passed("refresh");

const race = () => api.refresh({ client: anonymous, body: { refresh_token: second.refresh_token } });
const [left, right] = (await Promise.all([race(), race()])).map(given);
assert(left && right);
assert.equal(left.refresh_token, right.refresh_token);
passed("race");

for (let number = 1; number <= 5; number++) {
  given(await api.register({ client: anonymous, body: { email: `page-${number}@example.org`, password: PASSWORD } }));
}
const admin = as(given(await api.login({ client: anonymous, body: SUPERUSER })).access_token);
const pages: AdminUser[][] = [];
let cursor: string | undefined;
do {
  const page = given(await api.listUsers({ client: admin, query: { email: "page-", limit: 2, cursor } }));
  pages.push(page.items);
  cursor = page.next_cursor ?? undefined;
} while (cursor !== undefined);
assert.deepEqual(pages.map((page) => page.length), [2, 2, 1]);
const listed = pages.flat().map((user) => user.email);
assert.deepEqual(listed, [1, 2, 3, 4, 5].map((number) => `page-${number}@example.org`));
passed("pages");

const check = problem<Problem>;
const user = as(left.access_token);
const form = await api.createAccessToken({
  client: anonymous,
  body: { grant_type: "password", username: email, password: "not it" },
});
assert(form.error && "error" in form.error);
assert.equal(form.error.error, "invalid_grant");
passed("problem 400");

check(await api.login({ client: anonymous, body: { email, password: "not it" } }), 401, "invalid-credentials");
check(await api.listUsers({ client: user }), 403, "not-permitted");
const unknown = { user_id: "00000000-0000-7000-8000-000000000000" };
check(await api.getUser({ client: admin, path: unknown }), 404, "not-found");
check(await api.register({ client: anonymous, body: { email, password: PASSWORD } }), 409, "email-taken");
const huge = "x".repeat(70_000);
check(await api.login({ client: anonymous, body: { email, password: huge } }), 413, "body-too-large");
const weak = { email: "weak@example.org", password: "password123" };
const invalid = check(await api.register({ client: anonymous, body: weak }), 422, "validation-failed");
assert.deepEqual(invalid.errors?.map((error) => error.pointer), ["/password"]);
given(await api.listSessions({ client: user }));
const limited = await api.listSessions({ client: user });
assert(check(limited, 429, "rate-limited").retryable);
assert(Number(limited.response?.headers.get("Retry-After")) > 0);

const { response } = await api.logout({ client: user });
assert.equal(response?.status, 204);
const over = await api.getCurrentUser({ client: user });
assert.equal(over.error?.code, "invalid-token");
passed("logout");
