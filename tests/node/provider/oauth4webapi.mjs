// A web application that logs users in with oauth4webapi: a client that signs assertions (`private_key_jwt`) and
// receives responses by POST (`form_post`).
import { readFileSync } from "node:fs";
import express from "express";
import { importPKCS8 } from "jose";
import * as oauth from "oauth4webapi";
import { listen } from "./listen.mjs";

const { ISSUER, CLIENT_ID, KEY_FILE, URL: own } = process.env;
const insecure = { [oauth.allowInsecureRequests]: true };
const issuer = new URL(ISSUER);
const discovered = await oauth.discoveryRequest(issuer, { algorithm: "oidc", ...insecure });
const server = await oauth.processDiscoveryResponse(issuer, discovered);
const client = { client_id: CLIENT_ID };
const key = await importPKCS8(readFileSync(KEY_FILE, "utf8"), "ES256");
const authentication = oauth.PrivateKeyJwt({ key, kid: "key-1" });
const redirectUri = `${own}/callback`;

// The library has no session. One user at a time is enough here.
let checks;
const app = express();
app.use(express.urlencoded({ extended: false }));

app.get("/", async (request, response) => {
  const verifier = oauth.generateRandomCodeVerifier();
  checks = { verifier, state: oauth.generateRandomState(), nonce: oauth.generateRandomNonce() };
  const url = new URL(server.authorization_endpoint);
  const parameters = {
    response_type: "code",
    response_mode: "form_post",
    client_id: CLIENT_ID,
    redirect_uri: redirectUri,
    scope: "openid email",
    claims: JSON.stringify({ id_token: { email: null } }),
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    state: checks.state,
    nonce: checks.nonce,
    max_age: "600",
  };
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  response.redirect(url.href);
});

app.post("/callback", async (request, response) => {
  const valid = oauth.validateAuthResponse(server, client, new URLSearchParams(request.body), checks.state);
  const exchanged = await oauth.authorizationCodeGrantRequest(
    server, client, authentication, valid, redirectUri, checks.verifier, insecure,
  );
  const tokens = await oauth.processAuthorizationCodeResponse(server, client, exchanged, {
    expectedNonce: checks.nonce,
    maxAge: 600,
    requireIdToken: true,
  });
  await oauth.validateApplicationLevelSignature(server, exchanged, insecure);
  const claims = oauth.getValidatedIdTokenClaims(tokens);
  const answer = await oauth.userInfoRequest(server, client, tokens.access_token, insecure);
  const userinfo = await oauth.processUserInfoResponse(server, client, claims.sub, answer);
  const refreshed = await refresh(tokens.refresh_token);
  const revoked = await oauth.revocationRequest(
    server, client, authentication, refreshed.refresh_token, insecure,
  );
  await oauth.processRevocationResponse(revoked);
  const refused = await refresh(refreshed.refresh_token).catch((error) => error.error);
  response.json({ claims, userinfo, scope: tokens.scope, refused });
});

async function refresh(token) {
  const answer = await oauth.refreshTokenGrantRequest(server, client, authentication, token, insecure);
  return oauth.processRefreshTokenResponse(server, client, answer);
}

listen(app, own);
