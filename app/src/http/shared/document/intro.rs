//! The description of the service as a whole.

use serde_json::{Value, json};

use crate::http::shared::issuer::Issuer;

/// The introduction of the document, in Markdown. Swagger UI and ReDoc show it first.
pub(super) const DESCRIPTION: &str = "\
Register and log in users, and verify their tokens in any service.

# First steps

1. `POST /auth/register` creates an account with an e-mail address and a password.
2. `POST /auth/login` starts a session. It returns an access token, which is valid for `expires_in` seconds, and a refresh token.
3. Send the access token with each request: `Authorization: Bearer …`. `GET /users/me` returns your profile.
4. `POST /auth/refresh` exchanges the refresh token for a new pair of tokens. A refresh token works once. If the response \
was lost, repeat the request within the grace period: it returns the same new refresh token.
5. `POST /auth/logout` revokes the session and all its tokens.

To try it in Swagger UI, run **Register an account**, press **Authorize**, and log in with that e-mail address and \
password. ReDoc only shows the document.

# Verify tokens

Access tokens are JWTs, signed with RS256. Any service can verify them locally with the keys at `/.well-known/jwks.json`. \
If a token must become invalid as soon as its session is revoked, use `POST /auth/introspect`.

# Log in to applications

The service is an OpenID provider: applications send users to `/oauth/authorize` with the authorization code flow and PKCE, \
exchange the code at `POST /oauth/token`, and read claims at `GET /oauth/userinfo`. Any certified OpenID Connect library works \
with the metadata at `/.well-known/openid-configuration`. Superusers manage clients with `/admin/clients`, operators with \
`inwren clients`. `GET /users/me/grants` lists the applications that a user has allowed.

# Second factors

Users can enrol authenticator apps (`POST /users/me/totp`) and passkeys (`POST /users/me/passkeys/options`). A login with the \
password then returns 401 `second-factor-required` with a `challenge`, which `POST /auth/login/factor` answers. A passkey \
that verifies its user also logs in alone: `POST /auth/passkey/options`. The claim `acr` of access tokens says how the user \
authenticated: `aal1`, one factor, `aal2`, two factors, or `phr`, a phishing-resistant factor. Where an operation returns 401 \
`insufficient-user-authentication`, `POST /auth/step-up` proves the session again.

# Letters

The service sends links and codes in letters: to verify an address, to reset a password, to change an address and to \
invite a user. An instance without mail returns `mail-not-configured` where a letter would be needed. The metadata at \
`/.well-known/oauth-authorization-server` says in `mail_configured`, `email_verification` and `registration` what \
applies.

# Errors

Errors are `application/problem+json` (RFC 9457). `code` identifies the error, `retryable` says whether the same request \
may succeed later, `errors` lists the invalid parts (status 422), and `request_id` identifies the request in the log. Each \
operation lists the problems that it can return. Later versions may add codes: handle an unknown code by its status.

The OAuth 2.0 endpoints (`/oauth/token`, `/auth/access-token`, `/auth/revoke`, `/auth/introspect`) return the errors that OAuth 2.0 defines \
in the format of RFC 6749.

# Rate limits

The service limits requests per user, or per client network for requests without a valid token. `RateLimit` and `RateLimit-Policy` show what is left. Requests over the limit get \
429 with `Retry-After`. Bodies may have at most 64 KiB.

# Generated clients

Each `operationId` is a valid method name. Requests with unknown fields are refused, so that the client notices a \
misspelled field. Later versions may add fields to responses: ignore fields that you do not know.";

/// The tags, in the order in which new users need them.
const TAGS: [&str; 8] = [
    "Authentication",
    "Recovery",
    "Current user",
    "Second factors",
    "OpenID provider",
    "Verification",
    "Administration",
    "Service",
];

/// Sets what the library cannot set, such as the license URL and the server, and orders the tags.
pub(super) fn complete(document: &mut Value, issuer: &Issuer) {
    // The first 3.0 version that defines what `nullable` means.
    document["openapi"] = json!("3.0.3");
    document["info"]["contact"] = json!({ "name": "Inwren Auth" });
    document["info"]["license"]["url"] = json!("https://opensource.org/license/mit");
    let server = if issuer.path().is_empty() { "/" } else { issuer.path() };
    document["servers"] = json!([{ "url": server, "description": "The service that serves this document" }]);
    if let Some(flow) = document.pointer_mut("/components/securitySchemes/password/flows/password") {
        flow["scopes"] = json!({});
        // Tools resolve these URLs against the server URL, and an absolute path replaces the path of the server.
        for url in ["tokenUrl", "refreshUrl"] {
            if let Some(path) = flow[url].as_str() {
                flow[url] = json!(issuer.at(path));
            }
        }
    }
    if let Some(tags) = document.get_mut("tags").and_then(Value::as_array_mut) {
        tags.sort_by_key(|tag| TAGS.iter().position(|name| tag["name"] == *name));
    }
    for operation in super::operations(document) {
        // The empty list marks a public operation. Without it, a forgotten declaration would look the same.
        if operation.get("security").is_none() {
            operation["security"] = json!([]);
        }
    }
}
