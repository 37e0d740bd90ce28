// Second factors in a browser: login, passkeys and step-up. It needs no package.

const BASE_URL = "http://localhost:8000";

export interface Tokens {
  access_token: string;
  refresh_token: string;
  expires_in: number;
  device_token?: string;
}

/** The members of an error response (RFC 9457) that this program uses. */
interface ProblemBody {
  code: string;
  detail: string;
  attempts_left?: number;
}

/** The members of `second-factor-required`. */
interface SecondStep extends ProblemBody {
  challenge: string;
  methods: string[];
  publicKey?: PublicKeyCredentialRequestOptionsJSON;
}

export class Problem extends Error {
  body: ProblemBody;

  constructor(body: ProblemBody) {
    super(body.detail);
    this.body = body;
  }
}

/** What the user chose for the second step. */
export type Choice = { method: "passkey" } | { method: "totp" | "recovery_code"; code: string };

/** Shows the methods to the user, and how many attempts are left after a wrong code. */
export type Choose = (methods: string[], attemptsLeft?: number) => Promise<Choice>;

async function post<T>(path: string, body: object, accessToken?: string): Promise<T> {
  const headers: Record<string, string> = { "Content-Type": "application/json" };
  if (accessToken) headers["Authorization"] = `Bearer ${accessToken}`;
  const response = await fetch(BASE_URL + path, { method: "POST", headers, body: JSON.stringify(body) });
  const answer = await response.json();
  if (!response.ok) throw new Problem(answer);
  return answer;
}

/** Logs in. `challenge-over` means that the user has to start again with the password. */
export async function login(email: string, password: string, choose: Choose): Promise<Tokens> {
  const device_token = localStorage.getItem("device_token") ?? undefined;
  try {
    return await post<Tokens>("/auth/login", { email, password, device_token });
  } catch (error) {
    if (!(error instanceof Problem) || error.body.code !== "second-factor-required") throw error;
    return await secondStep(error.body as SecondStep, choose);
  }
}

async function secondStep(step: SecondStep, choose: Choose): Promise<Tokens> {
  let attemptsLeft: number | undefined;
  for (;;) {
    const choice = await choose(step.methods, attemptsLeft);
    const isPasskey = choice.method === "passkey" && step.publicKey !== undefined;
    const answer = isPasskey ? { ...choice, credential: await usePasskey(step.publicKey!) } : choice;
    try {
      const body = { challenge: step.challenge, ...answer, remember_device: true };
      const tokens = await post<Tokens>("/auth/login/factor", body);
      // The service sends it only if the operator permits trusted devices.
      if (tokens.device_token) localStorage.setItem("device_token", tokens.device_token);
      return tokens;
    } catch (error) {
      if (!(error instanceof Problem) || error.body.code !== "invalid-factor") throw error;
      attemptsLeft = error.body.attempts_left;
    }
  }
}

/** Logs in with a passkey alone. The user chooses the account in the browser. */
export async function loginWithPasskey(): Promise<Tokens> {
  const { publicKey } = await post<{ publicKey: PublicKeyCredentialRequestOptionsJSON }>("/auth/passkey/options", {});
  return await post<Tokens>("/auth/passkey/login", { credential: await usePasskey(publicKey) });
}

/** Enrols a passkey. Show the recovery codes to the user: the service sends them once, with the first factor. */
export async function addPasskey(accessToken: string, name: string): Promise<{ recovery_codes?: string[] }> {
  const answer = await post<{ publicKey: PublicKeyCredentialCreationOptionsJSON }>(
    "/users/me/passkeys/options", {}, accessToken,
  );
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(answer.publicKey);
  const created = (await navigator.credentials.create({ publicKey })) as PublicKeyCredential;
  return await post("/users/me/passkeys", { credential: created.toJSON(), name }, accessToken);
}

/** Proves the session again with a passkey. The new tokens replace the old ones, which end. */
export async function stepUp(accessToken: string): Promise<Tokens> {
  const { publicKey } = await post<{ publicKey: PublicKeyCredentialRequestOptionsJSON }>(
    "/auth/step-up/options", {}, accessToken,
  );
  const credential = await usePasskey(publicKey);
  return await post<Tokens>("/auth/step-up", { method: "passkey", credential }, accessToken);
}

async function usePasskey(options: PublicKeyCredentialRequestOptionsJSON): Promise<PublicKeyCredentialJSON> {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
  const credential = (await navigator.credentials.get({ publicKey })) as PublicKeyCredential;
  return credential.toJSON();
}
