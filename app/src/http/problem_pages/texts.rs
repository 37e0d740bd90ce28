use crate::http::problem::Kind;

/// What a problem means to a developer who meets it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text {
    /// When it happens.
    pub(super) meaning: &'static str,
    /// What to do about it.
    pub(super) remedy: &'static str,
}

/// What is said of a kind of problem.
pub(super) fn text(kind: Kind) -> Text {
    let found = TEXTS.iter().find(|(known, ..)| *known == kind);
    found.map_or(Text { meaning: kind.title, remedy: "" }, |(_, meaning, remedy)| Text { meaning, remedy })
}

const TEXTS: &[(Kind, &str, &str)] = &[
    (
        Kind::MALFORMED_REQUEST,
        "The body is not JSON, or not a form, or not UTF-8, so that nothing of it can be read. Or the header \
         `Host` is missing, is there twice, or is no host.",
        "Look at what is sent, byte by byte: a body is most often cut off, encoded twice, or empty, and `Host` is \
         spoilt by a proxy.",
    ),
    (
        Kind::INVALID_CREDENTIALS,
        "The e-mail address and the password do not fit. An unknown address, a wrong password and an account that is no \
         longer active get the same answer, so that nobody can find out who has an account.",
        "Ask for both again. Whoever has forgotten the password needs an operator.",
    ),
    (
        Kind::MISSING_TOKEN,
        "The operation needs an access token, and there is none in the header `Authorization`, or something of \
         another scheme than `Bearer`.",
        "Log in, and send `Authorization: Bearer` with the access token. Tokens in the query or in cookies are not read.",
    ),
    (
        Kind::INVALID_TOKEN,
        "The token is malformed, expired, of another kind, of another service, or of a session that has ended; a refresh \
         token may have been used already.",
        "Use the refresh token once to get the next pair. If that is refused too, log in again. Never try a refresh token \
         twice in a row: that looks like theft, and ends the session.",
    ),
    (
        Kind::INVALID_CLIENT,
        "A service client has shown an id or a secret that is not valid, or that was revoked.",
        "Look at the client's settings. The operator makes a new client with `inwren clients create`.",
    ),
    (
        Kind::STEP_UP_REQUIRED,
        "The change is a sensitive one, and the login of this session is too long ago (RFC 9470). `max_age` in the header \
         `WWW-Authenticate` says how many seconds old it may be.",
        "Have the user log in again, and repeat the request with the new access token.",
    ),
    (
        Kind::NOT_PERMITTED,
        "The caller is known, but is not a superuser.",
        "Use the token of a superuser. Whoever is given the right has it at once, with the token that they hold.",
    ),
    (
        Kind::TIER_NOT_SELF_SERVICE,
        "The tier exists, but users may not choose it for themselves.",
        "Leave `tier` out, or choose another one. An operator may give the tier: `PUT /admin/users/{user_id}`.",
    ),
    (
        Kind::NOT_FOUND,
        "There is nothing at this address, or no such user or session, or none that the caller may know of.",
        "Look at the address and the id. What there is, the document at `/openapi.json` says.",
    ),
    (
        Kind::METHOD_NOT_ALLOWED,
        "There is something at this address, but not with this method.",
        "Use one of the methods that the header `Allow` names.",
    ),
    (Kind::REQUEST_TIMEOUT, "The body did not arrive in time.", "Try again; send the whole body at once."),
    (
        Kind::EMAIL_TAKEN,
        "Somebody has this e-mail address already. Addresses that differ only in case are the same.",
        "Log in instead, or use another address.",
    ),
    (
        Kind::LAST_SUPERUSER,
        "The user is the last active superuser, without whom nobody could administer the service.",
        "Make somebody else a superuser first.",
    ),
    (Kind::BODY_TOO_LARGE, "The body has more than 64 KiB.", "Send less. No operation needs as much."),
    (
        Kind::URI_TOO_LONG,
        "The path and the query together have more than 8 KiB.",
        "Send less. A cursor that has grown so long is not one of ours.",
    ),
    (
        Kind::UNSUPPORTED_MEDIA_TYPE,
        "The header `Content-Type` is missing, or is not what the operation takes.",
        "Send `application/json`, or `application/x-www-form-urlencoded` to the OAuth 2.0 endpoints.",
    ),
    (
        Kind::VALIDATION_FAILED,
        "The request can be read, but some parts of it are not valid: a field is missing, unknown or of another type, or \
         its value will not do.",
        "Read `errors`: each entry has a `pointer` to the part and says in `detail` what is wrong with it.",
    ),
    (
        Kind::RATE_LIMITED,
        "The client, or the account, has asked this too often.",
        "Wait for as many seconds as the header `Retry-After` says. `RateLimit` says on every answer how many are left.",
    ),
    (
        Kind::HEADERS_TOO_LARGE,
        "The request line and the headers have more than 32 KiB together, or there are more than a hundred headers.",
        "Send less. It is most often cookies of other services on the same host, which are of no use here.",
    ),
    (
        Kind::INTERNAL_ERROR,
        "Something is wrong within the service. The answer does not say what.",
        "Tell the operator the `request_id`: the log has the cause under it. Trying again may or may not help.",
    ),
    (
        Kind::OVERLOADED,
        "More is asked of the service than it can do at the moment.",
        "Try again after as many seconds as the header `Retry-After` says, and double the time if it happens again.",
    ),
    (
        Kind::UNAVAILABLE,
        "Something that the service needs, most often the database, does not answer. Nothing was done.",
        "Try again after as many seconds as the header `Retry-After` says. `/health` says when the service is well again.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_text() {
        let told: Vec<&str> = TEXTS.iter().map(|(kind, ..)| kind.code).collect();
        let all: Vec<&str> = Kind::ALL.iter().map(|kind| kind.code).collect();
        assert_eq!(told, all, "say in {} what a new kind means and what to do", file!());
    }
}
