// Settings and helpers that all stories share: checking responses and reporting steps.

import assert from "node:assert/strict";

export const BASE_URL = setting("INWREN_URL");
export const SUPERUSER = { email: setting("SUPERUSER_EMAIL"), password: setting("SUPERUSER_PASSWORD") };
export const PASSWORD = "a pass phrase of four words";

function setting(name: string): string {
  const value = process.env[name];
  assert(value, `${name} is not set`);
  return value;
}

/** Reports that a step has passed. The test expects all steps. */
export function passed(step: string): void {
  console.log(`passed: ${step}`);
}

/** Returns the body of a successful response. Fails on an error. */
export function given<T>(answer: { data?: T; error?: unknown }): T {
  assert(answer.data !== undefined, `refused: ${JSON.stringify(answer.error)}`);
  return answer.data;
}

/** Returns the error of a response, with the type of the document. */
export function refused<E>(answer: { error?: E | undefined; response: Response }, status: number): NonNullable<E> {
  assert.equal(answer.response.status, status);
  assert(answer.error !== undefined && answer.error !== null, "the error has no body");
  return answer.error;
}

/** Returns the problem of a response, and reports it as a step. */
export function problem<P extends { code: string; status: number; type: string }>(
  answer: { error?: P | undefined; response?: Response | undefined },
  status: number,
  code: string,
): P {
  assert(answer.response, "no response");
  const found: P = refused({ error: answer.error, response: answer.response }, status);
  assert.equal(found.code, code);
  assert.equal(found.status, status);
  assert.equal(found.type, `/problems/${code}`);
  passed(`problem ${status}`);
  return found;
}
