// A web application that logs users in with openid-client: a confidential client with refresh and logout.
import express from "express";
import session from "express-session";
import * as client from "openid-client";
import { listen } from "./listen.mjs";

const { ISSUER, CLIENT_ID, CLIENT_SECRET, URL: own } = process.env;
const insecure = { execute: [client.allowInsecureRequests] };
const authentication = client.ClientSecretBasic(CLIENT_SECRET);
const config = await client.discovery(new URL(ISSUER), CLIENT_ID, CLIENT_SECRET, authentication, insecure);

const app = express();
app.use(session({ secret: "for tests", resave: false, saveUninitialized: true }));

app.get("/", async (request, response) => {
  const code_verifier = client.randomPKCECodeVerifier();
  const checks = { code_verifier, state: client.randomState(), nonce: client.randomNonce() };
  request.session.checks = checks;
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: `${own}/callback`,
    scope: "openid profile email offline_access",
    code_challenge: await client.calculatePKCECodeChallenge(code_verifier),
    code_challenge_method: "S256",
    state: checks.state,
    nonce: checks.nonce,
    ...request.query,
  });
  response.redirect(url.href);
});

app.get("/callback", async (request, response) => {
  const { code_verifier, state, nonce } = request.session.checks;
  const tokens = await client.authorizationCodeGrant(config, new URL(request.originalUrl, own), {
    pkceCodeVerifier: code_verifier,
    expectedState: state,
    expectedNonce: nonce,
    idTokenExpected: true,
  });
  const claims = tokens.claims();
  const userinfo = await client.fetchUserInfo(config, tokens.access_token, claims.sub);
  const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token);
  const introspected = await client.tokenIntrospection(config, refreshed.access_token);
  request.session.idToken = refreshed.id_token ?? tokens.id_token;
  request.session.refreshToken = refreshed.refresh_token;
  response.json({ claims, userinfo, scope: tokens.scope, refreshed: refreshed.claims(), introspected });
});

app.get("/logout", (request, response) => {
  const url = client.buildEndSessionUrl(config, {
    id_token_hint: request.session.idToken,
    post_logout_redirect_uri: `${own}/bye`,
    state: "after the logout",
  });
  response.redirect(url.href);
});

app.get("/bye", async (request, response) => {
  const renewed = client.refreshTokenGrant(config, request.session.refreshToken);
  const refresh = await renewed.then(() => "renewed", (error) => error.error);
  response.json({ state: request.query.state, refresh });
});

listen(app, own);
