// Runs the story with openapi-fetch and the types of openapi-typescript.

import assert from "node:assert/strict";

import createClient from "openapi-fetch";

import type { components, paths } from "./schema.js";
import { BASE_URL, PASSWORD, SUPERUSER, given, problem, refused, passed } from "./steps.js";

type Problem = components["schemas"]["Problem"];
type AdminUser = components["schemas"]["AdminUser"];

const anonymous = createClient<paths>({ baseUrl: BASE_URL });
const as = (token: string) => createClient<paths>({ baseUrl: BASE_URL, headers: { Authorization: `Bearer ${token}` } });
const email = "ann@example.org";

const ann = given(await anonymous.POST("/auth/register", { body: { email, password: PASSWORD, tier: "free" } }));
assert.equal(ann.email, email);
passed("register");

const first = given(await anonymous.POST("/auth/login", { body: { email, password: PASSWORD } }));
assert.equal(first.token_type, "bearer");
passed("login");

const me = given(await as(first.access_token).GET("/users/me"));
assert.deepEqual(me, ann);
passed("me");

const second = given(await anonymous.POST("/auth/refresh", { body: { refresh_token: first.refresh_token } }));
assert.notEqual(second.refresh_token, first.refresh_token);
passed("refresh");

const race = () => anonymous.POST("/auth/refresh", { body: { refresh_token: second.refresh_token } });
const [left, right] = (await Promise.all([race(), race()])).map(given);
assert(left && right);
assert.equal(left.refresh_token, right.refresh_token);
passed("race");

for (let number = 1; number <= 5; number++) {
  given(await anonymous.POST("/auth/register", { body: { email: `page-${number}@example.org`, password: PASSWORD } }));
}
const admin = as(given(await anonymous.POST("/auth/login", { body: SUPERUSER })).access_token);
const pages: AdminUser[][] = [];
let cursor: string | undefined;
do {
  const query = { email: "page-", limit: 2, ...(cursor === undefined ? {} : { cursor }) };
  const page = given(await admin.GET("/admin/users", { params: { query } }));
  pages.push(page.items);
  cursor = page.next_cursor ?? undefined;
} while (cursor !== undefined);
assert.deepEqual(pages.map((page) => page.length), [2, 2, 1]);
const listed = pages.flat().map((user) => user.email);
assert.deepEqual(listed, [1, 2, 3, 4, 5].map((number) => `page-${number}@example.org`));
passed("pages");

const check = problem<Problem>;
const user = as(left.access_token);
const form = await anonymous.POST("/auth/access-token", {
  body: { grant_type: "password", username: email, password: "not it" },
  headers: { "Content-Type": "application/x-www-form-urlencoded" },
});
const oauth = refused(form, 400);
assert("error" in oauth);
assert.equal(oauth.error, "invalid_grant");
passed("problem 400");

check(await anonymous.POST("/auth/login", { body: { email, password: "not it" } }), 401, "invalid-credentials");
check(await user.GET("/admin/users"), 403, "not-permitted");
const unknown = { path: { user_id: "00000000-0000-7000-8000-000000000000" } };
check(await admin.GET("/admin/users/{user_id}", { params: unknown }), 404, "not-found");
check(await anonymous.POST("/auth/register", { body: { email, password: PASSWORD } }), 409, "email-taken");
const huge = "x".repeat(70_000);
check(await anonymous.POST("/auth/login", { body: { email, password: huge } }), 413, "body-too-large");
const weak = { email: "weak@example.org", password: "password123" };
const invalid = check(await anonymous.POST("/auth/register", { body: weak }), 422, "validation-failed");
assert.deepEqual(invalid.errors?.map((error) => error.pointer), ["/password"]);
const allowed = await user.GET("/users/me/sessions");
given(allowed);
const limited = await user.GET("/users/me/sessions");
assert(check(limited, 429, "rate-limited").retryable);
assert(Number(limited.response.headers.get("Retry-After")) > 0);

const { response } = await user.POST("/auth/logout");
assert.equal(response.status, 204);
assert.equal(refused(await user.GET("/users/me"), 401).code, "invalid-token");
passed("logout");
