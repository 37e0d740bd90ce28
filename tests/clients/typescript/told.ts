// What both stories share: the settings, and how they say how far they have come.

import assert from "node:assert/strict";

export const BASE_URL = setting("INWREN_URL");
export const SUPERUSER = { email: setting("SUPERUSER_EMAIL"), password: setting("SUPERUSER_PASSWORD") };
export const PASSWORD = "a pass phrase of four words";

function setting(name: string): string {
  const value = process.env[name];
  assert(value, `${name} is not set`);
  return value;
}

/** Says that a chapter is told; the test waits for all of them. */
export function told(chapter: string): void {
  console.log(`told: ${chapter}`);
}

/** What an operation gave, or the end of the story where it gave an error. */
export function given<T>(answer: { data?: T; error?: unknown }): T {
  assert(answer.data !== undefined, `refused: ${JSON.stringify(answer.error)}`);
  return answer.data;
}

/** The error that an operation gave, with the type that its document says. */
export function refused<E>(answer: { error?: E | undefined; response: Response }, status: number): NonNullable<E> {
  assert.equal(answer.response.status, status);
  assert(answer.error !== undefined && answer.error !== null, "an error without a body");
  return answer.error;
}

/** The problem that an operation gave: another chapter. */
export function problem<P extends { code: string; status: number; type: string }>(
  answer: { error?: P | undefined; response?: Response | undefined },
  status: number,
  code: string,
): P {
  assert(answer.response, "no answer");
  const found: P = refused({ error: answer.error, response: answer.response }, status);
  assert.equal(found.code, code);
  assert.equal(found.status, status);
  assert.equal(found.type, `/problems/${code}`);
  told(`problem ${status}`);
  return found;
}
