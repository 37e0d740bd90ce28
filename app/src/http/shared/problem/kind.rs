/// What can go wrong, as a client may tell it apart, and what a developer who meets it may want to know.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// The last part of the problem's type URI; stable.
    pub code: &'static str,
    /// The status that goes with it.
    pub status: u16,
    /// What kind of thing went wrong, in words.
    pub title: &'static str,
    /// Whether the same request may succeed later, unchanged.
    pub retryable: bool,
    /// What most problems of this kind say, and the example in the document says.
    pub detail: &'static str,
    /// When it happens.
    pub meaning: &'static str,
    /// What to do about it.
    pub remedy: &'static str,
}

macro_rules! kinds {
    ($($name:ident = $code:literal $status:literal $title:literal $retryable:literal {
        detail: $detail:literal,
        meaning: $meaning:literal,
        remedy: $remedy:literal,
    })+) => {
        impl Kind {
            $(#[doc = $title] pub const $name: &Self = &Self {
                code: $code,
                status: $status,
                title: $title,
                retryable: $retryable,
                detail: $detail,
                meaning: $meaning,
                remedy: $remedy,
            };)+

            /// Every kind there is.
            pub const ALL: &[&Self] = &[$(Self::$name),+];
        }
    };
}

// In the order of their statuses, in which documents list them.
kinds! {
    MALFORMED_REQUEST = "malformed-request" 400 "The request cannot be read" false {
        detail: "The body is not JSON: expected `:` at line 1 column 9.",
        meaning: "The body is not JSON, or not a form, or not UTF-8, so that nothing of it can be read. Or the \
            header `Host` is missing, is there twice, or is no host.",
        remedy: "Look at what is sent, byte by byte: a body is most often cut off, encoded twice, or empty, and \
            `Host` is spoilt by a proxy.",
    }
    INVALID_CREDENTIALS = "invalid-credentials" 401 "The e-mail address or the password is wrong" false {
        detail: "The e-mail address or the password is wrong.",
        meaning: "The e-mail address and the password do not fit. An unknown address, a wrong password and an \
            account that is no longer active get the same answer, so that nobody can find out who has an \
            account.",
        remedy: "Ask for both again. Whoever has forgotten the password needs an operator.",
    }
    MISSING_TOKEN = "missing-token" 401 "An access token is needed" false {
        detail: "Send an access token in the Authorization header, behind `Bearer`.",
        meaning: "The operation needs an access token, and there is none in the header `Authorization`, or \
            something of another scheme than `Bearer`.",
        remedy: "Log in, and send `Authorization: Bearer` with the access token. Tokens in the query or in \
            cookies are not read.",
    }
    INVALID_TOKEN = "invalid-token" 401 "The token is not valid" false {
        detail: "The token is not valid: it is malformed, expired, revoked or not ours.",
        meaning: "The token is malformed, expired, of another kind, of another service, or of a session that has \
            ended; a refresh token may have been used already.",
        remedy: "Use the refresh token once to get the next pair. If that is refused too, log in again. \
            Retry a refresh token only if the response was lost: use after the grace period counts as theft, and \
            ends the session.",
    }
    INVALID_CLIENT = "invalid-client" 401 "The client is not valid" false {
        detail: "The client is not known, revoked, or its secret is another one.",
        meaning: "A service client has shown an id or a secret that is not valid, or that was revoked.",
        remedy: "Look at the client's settings. The operator makes a new client with `inwren clients create`.",
    }
    STEP_UP_REQUIRED = "insufficient-user-authentication" 401 "A more recent login is needed" false {
        detail: "This needs a login that is at most 900 seconds old. Log in again and repeat the request.",
        meaning: "The change is a sensitive one, and the login of this session is too long ago (RFC 9470). \
            `max_age` in the header `WWW-Authenticate` says how many seconds old it may be.",
        remedy: "Have the user log in again, and repeat the request with the new access token.",
    }
    NOT_PERMITTED = "not-permitted" 403 "The caller may not do this" false {
        detail: "This is for superusers.",
        meaning: "The caller is known, but is not a superuser.",
        remedy: "Use the token of a superuser. Whoever is given the right has it at once, with the token that \
            they hold.",
    }
    TIER_NOT_SELF_SERVICE = "tier-not-self-service" 403 "The tier is not for users to choose" false {
        detail: "This tier is given by the operator.",
        meaning: "The tier exists, but users may not choose it for themselves.",
        remedy: "Leave `tier` out, or choose another one. An operator may give the tier: `PUT \
            /admin/users/{user_id}`.",
    }
    NOT_FOUND = "not-found" 404 "There is no such thing" false {
        detail: "There is no such user.",
        meaning: "There is nothing at this address, or no such user or session, or none that the caller may know \
            of.",
        remedy: "Look at the address and the id. What there is, the document at `/openapi.json` says.",
    }
    METHOD_NOT_ALLOWED = "method-not-allowed" 405 "The method is not allowed here" false {
        detail: "Allow says which methods there are here.",
        meaning: "There is something at this address, but not with this method.",
        remedy: "Use one of the methods that the header `Allow` names.",
    }
    REQUEST_TIMEOUT = "request-timeout" 408 "The request did not arrive in time" true {
        detail: "The body did not arrive in time.",
        meaning: "The body did not arrive in time.",
        remedy: "Try again; send the whole body at once.",
    }
    EMAIL_TAKEN = "email-taken" 409 "The e-mail address is taken" false {
        detail: "Somebody has registered with this e-mail address.",
        meaning: "Somebody has this e-mail address already. Addresses that differ only in case are the same.",
        remedy: "Log in instead, or use another address.",
    }
    LAST_SUPERUSER = "last-superuser" 409 "The last active superuser has to stay" false {
        detail: "Refused: the last active superuser can be neither demoted, deactivated nor deleted.",
        meaning: "The user is the last active superuser, without whom nobody could administer the service.",
        remedy: "Make somebody else a superuser first.",
    }
    BODY_TOO_LARGE = "body-too-large" 413 "The body is too large" false {
        detail: "The body may have at most 65536 bytes.",
        meaning: "The body has more than 64 KiB.",
        remedy: "Send less. No operation needs as much.",
    }
    URI_TOO_LONG = "uri-too-long" 414 "The URI is too long" false {
        detail: "The URI may have at most 8 KiB.",
        meaning: "The path and the query together have more than 8 KiB.",
        remedy: "Send less. A cursor that has grown so long is not one of ours.",
    }
    UNSUPPORTED_MEDIA_TYPE = "unsupported-media-type" 415 "The media type is not supported" false {
        detail: "The media type is not supported.",
        meaning: "The header `Content-Type` is missing, or is not what the operation takes.",
        remedy: "Send `application/json`, or `application/x-www-form-urlencoded` to the OAuth 2.0 endpoints.",
    }
    VALIDATION_FAILED = "validation-failed" 422 "The request is not valid" false {
        detail: "/password: the password must have at least 8 characters",
        meaning: "The request can be read, but some parts of it are not valid: a field is missing, unknown or of \
            another type, or its value will not do.",
        remedy: "Read `errors`: each entry has a `pointer` to the part and says in `detail` what is wrong with \
            it.",
    }
    RATE_LIMITED = "rate-limited" 429 "Too many requests" true {
        detail: "Too many requests. Retry-After says when the next is allowed.",
        meaning: "The client, or the account, has asked this too often.",
        remedy: "Wait for as many seconds as the header `Retry-After` says. `RateLimit` says on every answer how \
            many are left.",
    }
    HEADERS_TOO_LARGE = "headers-too-large" 431 "The headers are too large" false {
        detail: "The headers may have at most 32 KiB.",
        meaning: "The headers have more than 32 KiB together.",
        remedy: "Send less. It is most often cookies of other services on the same host, which are of no use \
            here.",
    }
    INTERNAL_ERROR = "internal-error" 500 "Something went wrong in the service" false {
        detail: "The request could not be completed. The operator can find out why by the request id.",
        meaning: "Something is wrong within the service. The answer does not say what.",
        remedy: "Tell the operator the `request_id`: the log has the cause under it. Trying again may or may not \
            help.",
    }
    OVERLOADED = "overloaded" 503 "The service is busy" true {
        detail: "The service is at its limit. Try again a little later.",
        meaning: "More is asked of the service than it can do at the moment.",
        remedy: "Try again after as many seconds as the header `Retry-After` says, and double the time if it \
            happens again.",
    }
    UNAVAILABLE = "unavailable" 503 "The service cannot answer at the moment" true {
        detail: "The service cannot answer at the moment. Try again later.",
        meaning: "Something that the service needs, most often the database, does not answer. Nothing was done.",
        remedy: "Try again after as many seconds as the header `Retry-After` says. `/health` says when the \
            service is well again.",
    }
}
