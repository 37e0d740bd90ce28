// A web application that logs users in with Passport: by openid-client's strategy and by passport-openidconnect.
import express from "express";
import session from "express-session";
import * as client from "openid-client";
import { Strategy } from "openid-client/passport";
import passport from "passport";
import OpenIDConnectStrategy from "passport-openidconnect";
import { listen } from "./listen.mjs";

const { ISSUER, CLIENT_ID, CLIENT_SECRET, URL: own } = process.env;
const insecure = { execute: [client.allowInsecureRequests] };
const authentication = client.ClientSecretPost(CLIENT_SECRET);
const config = await client.discovery(new URL(ISSUER), CLIENT_ID, CLIENT_SECRET, authentication, insecure);
const metadata = config.serverMetadata();

passport.serializeUser((user, done) => done(null, user));
passport.deserializeUser((user, done) => done(null, user));
passport.use("openid-client", new Strategy(
  { config, scope: "openid email", callbackURL: `${own}/openid-client/callback` },
  (tokens, verified) => verified(null, tokens.claims()),
));
const endpoints = {
  issuer: ISSUER,
  authorizationURL: metadata.authorization_endpoint,
  tokenURL: metadata.token_endpoint,
  userInfoURL: metadata.userinfo_endpoint,
  clientID: CLIENT_ID,
  clientSecret: CLIENT_SECRET,
  nonce: true,
  scope: "email",
  skipUserProfile: false,
};
const verify = (issuer, profile, done) => done(null, { sub: profile.id, email: profile.emails?.[0].value });

// passport-openidconnect 0.1.2 knows no PKCE, so a subclass adds it. One user at a time is enough here.
class WithPkce extends OpenIDConnectStrategy {
  constructor(options, verified) {
    super(options, verified);
    const getTokens = this._oauth2.getOAuthAccessToken.bind(this._oauth2);
    this._oauth2.getOAuthAccessToken = (code, parameters, done) =>
      getTokens(code, { ...parameters, code_verifier: this.verifier }, done);
  }

  authorizationParams() {
    return { code_challenge: this.challenge, code_challenge_method: "S256" };
  }
}
const plain = { ...endpoints, callbackURL: `${own}/openidconnect/callback` };
passport.use("openidconnect", new OpenIDConnectStrategy(plain, verify));
const extended = new WithPkce({ ...endpoints, callbackURL: `${own}/with-pkce/callback` }, verify);
passport.use("with-pkce", extended);

const app = express();
app.use(session({ secret: "for tests", resave: false, saveUninitialized: true }));
app.use(passport.session());

for (const name of ["openid-client", "openidconnect", "with-pkce"]) {
  app.get(`/${name}`, async (request, response, next) => {
    extended.verifier = client.randomPKCECodeVerifier();
    extended.challenge = await client.calculatePKCECodeChallenge(extended.verifier);
    passport.authenticate(name)(request, response, next);
  });
  app.get(`/${name}/callback`, passport.authenticate(name), ({ user }, response) => response.json(user));
}

listen(app, own);
