// Verifies Inwren's access tokens.
import { createRemoteJWKSet, errors, jwtVerify } from "jose";

const ISSUER = process.env.INWREN_ISSUER ?? "http://localhost:8000";
const AUDIENCE = process.env.INWREN_AUDIENCE ?? "inwren";
const KEYS_URL = process.env.INWREN_JWKS_URL ?? `${ISSUER}/.well-known/jwks.json`;
const KEYS_MAX_AGE = Number(process.env.INWREN_JWKS_MAX_AGE ?? 300);

const keys = createRemoteJWKSet(new URL(KEYS_URL), {
  cacheMaxAge: KEYS_MAX_AGE * 1000,
  cooldownDuration: 5_000,
  timeoutDuration: 3_000,
});

/** The response to a request without a valid token: status and headers. */
export class Refused extends Error {
  constructor(statusCode, headers = {}) {
    super(statusCode === 401 ? "A good access token is needed" : "Tokens cannot be verified now");
    Object.assign(this, { statusCode, headers });
  }
}

/** The key that signed a token. Without a `kid`, jose would use the only published key. */
async function findKey(header, token) {
  if (header.kid === undefined) throw new errors.JWKSNoMatchingKey();
  try {
    return await keys(header, token);
  } catch (error) {
    if (error instanceof errors.JWKSNoMatchingKey) throw error;
    // The keys cannot be fetched, so the token cannot be verified.
    throw new Refused(503);
  }
}

/** The claims of a valid access token. Throws a JOSEError for an invalid one, or Refused without keys. */
export async function verify(token) {
  const { payload } = await jwtVerify(token, findKey, {
    algorithms: ["RS256"],
    issuer: ISSUER,
    audience: AUDIENCE,
    typ: "at+jwt",
    clockTolerance: 10,
    requiredClaims: ["exp", "iat", "sub", "jti"],
  });
  if (payload.type !== "access") throw new errors.JWTClaimValidationFailed("not an access token", payload, "type");
  return payload;
}

/** The claims of the caller, from the header `Authorization`. Throws Refused without a valid token. */
export async function authenticate(authorization) {
  const token = /^Bearer +(\S+)$/i.exec(authorization ?? "")?.[1];
  if (!token) throw new Refused(401, { "WWW-Authenticate": "Bearer" });
  try {
    return await verify(token);
  } catch (error) {
    if (!(error instanceof errors.JOSEError)) throw error;
    throw new Refused(401, { "WWW-Authenticate": 'Bearer error="invalid_token"' });
  }
}
