//! The description of the service as a whole.

use serde_json::{Value, json};

use crate::http::shared::issuer::Issuer;

/// The introduction of the document, in Markdown. Swagger UI and ReDoc show it first.
pub(super) const DESCRIPTION: &str = "\
Register and log in users, and verify their tokens anywhere.

# First steps

1. `POST /auth/register` makes an account from an e-mail address and a password.
2. `POST /auth/login` opens a session. It gives an access token, which is good for `expires_in` seconds, and a refresh token.
3. Send the access token with each request, as `Authorization: Bearer …`. `GET /users/me` says whose it is.
4. `POST /auth/refresh` exchanges the refresh token for the next pair. A refresh token works once; a client whose answer \
was lost may repeat the call and gets the same pair's refresh token.
5. `POST /auth/logout` ends the session, and its tokens with it.

To try it in Swagger UI: run **Register**, then press **Authorize** and give that e-mail address and password as \
`username` and `password`. ReDoc only shows.

# Verify tokens

Access tokens are JWTs, signed with RS256. Any service verifies them by itself with the keys at `/.well-known/jwks.json`; \
where a token must be worth nothing the moment its session ends, ask `POST /auth/introspect`.

# Errors

Errors are `application/problem+json` (RFC 9457). `code` tells them apart, `retryable` says whether the same request may \
succeed later, `errors` says what is wrong where (status 422), and `request_id` names the request in the logs. Each \
operation lists the problems that it can have. New codes may come: take one that you do not know for what its status says.

The three endpoints of OAuth 2.0 (`/auth/access-token`, `/auth/revoke`, `/auth/introspect`) answer what that standard has \
an error for with its own body.

# Limits

How often a client may call is limited. `RateLimit` and `RateLimit-Policy` say what is left; beyond it the answer is 429, \
and `Retry-After` says for how long to wait. Bodies have at most 64 KiB.

# Clients

The `operationId`s are made to be names of methods, so generators give clients that read well. Unknown fields of a request \
are refused, so that a misspelled one is not lost in silence; answers may get new fields, which clients ignore.";

/// The tags, in the order in which new users need them.
const TAGS: [&str; 5] = ["Authentication", "Current user", "Verification", "Administration", "Service"];

/// Sets what the library cannot set, such as the license URL and the server, and orders the tags.
pub(super) fn complete(document: &mut Value, issuer: &Issuer) {
    // The first 3.0 version that defines what `nullable` means.
    document["openapi"] = json!("3.0.3");
    document["info"]["contact"] = json!({ "name": "Inwren Auth" });
    document["info"]["license"]["url"] = json!("https://opensource.org/license/mit");
    let server = if issuer.path().is_empty() { "/" } else { issuer.path() };
    document["servers"] =
        json!([{ "url": server, "description": "The service that the document comes from" }]);
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
