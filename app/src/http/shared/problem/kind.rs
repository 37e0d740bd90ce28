/// A kind of problem: how clients recognise it, and what its page tells developers.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// The last part of the type URI. It never changes.
    pub code: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// The title, which is the same for all problems of the kind.
    pub title: &'static str,
    /// Whether the same request may succeed later, unchanged.
    pub retryable: bool,
    /// The default detail, which is also the example in the OpenAPI document.
    pub detail: &'static str,
    /// When the service returns the problem.
    pub meaning: &'static str,
    /// What the developer or the client can do.
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

            /// All kinds.
            pub const ALL: &[&Self] = &[$(Self::$name),+];
        }
    };
}

// In the order of their statuses, in which documents list them.
kinds! {
    MALFORMED_REQUEST = "malformed-request" 400 "Malformed request" false {
        detail: "Invalid JSON: expected `:` at line 1 column 9.",
        meaning: "The body is not valid JSON, not a valid form or not UTF-8, or the header `Host` is missing, \
            repeated or invalid.",
        remedy: "Check the bytes that your client sends. Most often a body is truncated, encoded twice or empty, or \
            a proxy changes `Host`.",
    }
    INVALID_ACTION_TOKEN = "invalid-action-token" 400 "Invalid link or code" false {
        detail: "The link or the code is wrong, used or expired.",
        meaning: "The token or the code in the request is wrong, was used, has expired or belongs to another action. A \
            newer letter and any change of the password, the address or a second factor also void it.",
        remedy: "Ask the user to request a new letter and to use its link or code.",
    }
    INVALID_CREDENTIALS = "invalid-credentials" 401 "Wrong e-mail address or password" false {
        detail: "The e-mail address or the password is wrong.",
        meaning: "The e-mail address and the password do not match. An unknown address, a wrong password and a \
            deactivated account get the same response, so that it does not reveal who has an account.",
        remedy: "Ask the user for both again. If the user has forgotten the password, an operator can set a new one.",
    }
    SECOND_FACTOR_REQUIRED = "second-factor-required" 401 "Second factor required" false {
        detail: "The password is correct, and the account has a second factor.",
        meaning: "The account has a second factor, which the request must show. `challenge` names the question, `methods` \
            lists the methods that the user may choose from, `expires_in` is how many seconds the challenge is valid, and \
            `publicKey` has the options for `navigator.credentials.get()` if the user has a passkey.",
        remedy: "After a login, ask the user for a code or for the passkey, and send it to `POST /auth/login/factor` with \
            the `challenge`. After a password reset, repeat the request with `factor`.",
    }
    INVALID_FACTOR = "invalid-factor" 401 "Wrong second factor" false {
        detail: "The code or the passkey is wrong.",
        meaning: "The code or the passkey is wrong, the code was used before, or the method is closed after too many \
            wrong codes. `attempts_left` is the number of further attempts.",
        remedy: "Ask the user for a new code, or offer another method. If no attempt is left, start again. A closed \
            method opens after 24 hours, or when the user shows another factor.",
    }
    MISSING_TOKEN = "missing-token" 401 "Access token required" false {
        detail: "Send an access token in the header `Authorization: Bearer`.",
        meaning: "The operation requires an access token, and the header `Authorization` is missing or has a scheme \
            other than `Bearer`.",
        remedy: "Log in, and send the access token in the header `Authorization: Bearer`. The service ignores tokens \
            in the query and in cookies.",
    }
    INVALID_TOKEN = "invalid-token" 401 "Invalid token" false {
        detail: "The token is invalid: it is malformed, expired, revoked or from another issuer.",
        meaning: "The token is malformed, expired, revoked, of the wrong type or from another issuer. A refresh \
            token may have been used already.",
        remedy: "Use the refresh token once to get a new pair of tokens. If that is refused too, log in again. \
            Retry a refresh token only if the response was lost: reuse after the grace period counts as theft and \
            revokes the session.",
    }
    INVALID_CLIENT = "invalid-client" 401 "Invalid client credentials" false {
        detail: "The client is unknown or disabled, or its credentials are wrong or not of its method.",
        meaning: "The id, the secret or the signed assertion of the client is wrong, the client uses another method \
            than its `auth_method`, or it is disabled.",
        remedy: "Check the configuration of the client. A superuser can read its settings with `GET \
            /admin/clients/{client_id}` and create a new secret with `POST /admin/clients/{client_id}/secrets`.",
    }
    STEP_UP_REQUIRED = "insufficient-user-authentication" 401 "More recent or stronger login required" false {
        detail: "This requires a login that is at most 900 seconds old. Step up with `POST /auth/step-up` or log in \
            again, and repeat the request.",
        meaning: "The operation is sensitive, and the login of this session is too old, or was made without a second \
            factor that the user has (RFC 9470). `max_age` is the maximum age in seconds, and `acr_values` the least \
            assurance level. Both are also in the header `WWW-Authenticate`.",
        remedy: "Ask the user for the password or a second factor, send it to `POST /auth/step-up`, and repeat the \
            request with the new access token. A new login also helps.",
    }
    NOT_PERMITTED = "not-permitted" 403 "Not allowed" false {
        detail: "Only superusers may do this.",
        meaning: "The caller is authenticated, but is not a superuser.",
        remedy: "Use the access token of a superuser. If the user is promoted to superuser, the current access token \
            works immediately.",
    }
    INSUFFICIENT_SCOPE = "insufficient-scope" 403 "Insufficient scope" false {
        detail: "The access token needs the scope `openid`, and no `resource`.",
        meaning: "The access token is valid, but its scope does not permit the operation, or it is for a resource server.",
        remedy: "Request the scope `openid` at `/oauth/authorize`, and an access token without `resource`.",
    }
    FACTOR_ENROLLMENT_REQUIRED = "factor-enrollment-required" 403 "Second factor must be enrolled" false {
        detail: "This account must have a second factor. Enrol one, and log in with it.",
        meaning: "The operator requires a second factor, and the user had none when the session started. The session can \
            only enrol one.",
        remedy: "Enrol an authenticator app (`POST /users/me/totp`) or a passkey (`POST /users/me/passkeys/options`), and \
            show it with `POST /auth/step-up` or a new login.",
    }
    REGISTRATION_CLOSED = "registration-closed" 403 "Registration closed" false {
        detail: "New users are invited by an administrator.",
        meaning: "The operator has set `REGISTRATION` to `invited` or `closed`.",
        remedy: "Ask an administrator for an invitation.",
    }
    TIER_NOT_SELF_SERVICE = "tier-not-self-service" 403 "Tier not available for self-service" false {
        detail: "Users cannot choose this tier themselves.",
        meaning: "The tier exists, but only a superuser can assign it.",
        remedy: "Omit `tier` or choose another tier. A superuser can assign the tier: `PUT /admin/users/{user_id}`.",
    }
    NOT_FOUND = "not-found" 404 "Not found" false {
        detail: "The user does not exist.",
        meaning: "The path, the user or the session does not exist, or the caller may not know that it exists.",
        remedy: "Check the path and the id. The OpenAPI document at `/openapi.json` lists all paths.",
    }
    METHOD_NOT_ALLOWED = "method-not-allowed" 405 "Method not allowed" false {
        detail: "The method is not allowed. The header `Allow` lists the allowed methods.",
        meaning: "The path exists, but does not support this method.",
        remedy: "Use one of the methods in the header `Allow`.",
    }
    REQUEST_TIMEOUT = "request-timeout" 408 "Request timeout" true {
        detail: "The body did not arrive in time.",
        meaning: "The client sent the body too slowly.",
        remedy: "Retry the request, and send the whole body without pauses.",
    }
    EMAIL_TAKEN = "email-taken" 409 "E-mail address taken" false {
        detail: "An account with this e-mail address exists already.",
        meaning: "Another account has this e-mail address. Addresses that differ only in case are equal.",
        remedy: "Log in instead, or use another address.",
    }
    CLIENT_ID_TAKEN = "client-id-taken" 409 "Client id taken" false {
        detail: "A client with this id exists already.",
        meaning: "Another client has this `id`.",
        remedy: "Choose another `id`, or change the existing client with `PUT /admin/clients/{client_id}`.",
    }
    CLIENT_NAME_TAKEN = "client-name-taken" 409 "Client name taken" false {
        detail: "A client with this name exists already.",
        meaning: "Another client has this `name`. Users recognise an application by its name, so names are unique.",
        remedy: "Choose another name for the client.",
    }
    CLIENT_WITHOUT_SECRET = "client-without-secret" 409 "Client without secret" false {
        detail: "The client does not authenticate with a secret.",
        meaning: "The `auth_method` of the client is `none` or `private_key_jwt`, which need no secret.",
        remedy: "Set `auth_method` to `client_secret_basic` or `client_secret_post` first.",
    }
    TOO_MANY_SECRETS = "too-many-secrets" 409 "Too many client secrets" false {
        detail: "The client has 5 secrets, which is the maximum.",
        meaning: "A client can have 5 secrets, so that an operator can replace one without an interruption.",
        remedy: "Delete a secret that is no longer used: `DELETE /admin/clients/{client_id}/secrets/{secret_id}`.",
    }
    LAST_SUPERUSER = "last-superuser" 409 "Last active superuser" false {
        detail: "The last active superuser can be neither demoted, deactivated nor deleted.",
        meaning: "The user is the last active superuser. Without this user, the service could not be administered.",
        remedy: "Promote another user to superuser first.",
    }
    FACTOR_REQUIRED = "factor-required" 409 "Last second factor" false {
        detail: "This account must have a second factor. Enrol another one first.",
        meaning: "The factor is the last one of the account, and the operator requires one.",
        remedy: "Enrol another factor first.",
    }
    TOO_MANY_FACTORS = "too-many-factors" 409 "Too many second factors" false {
        detail: "The account has as many factors of this kind as are allowed.",
        meaning: "An account can have 3 authenticator apps and 10 passkeys.",
        remedy: "Remove a factor that is no longer used.",
    }
    PASSKEY_TAKEN = "passkey-taken" 409 "Passkey enrolled already" false {
        detail: "This passkey is enrolled already.",
        meaning: "A passkey with this id is enrolled already, for this or another account.",
        remedy: "Use the enrolled passkey, or create one with another authenticator.",
    }
    NO_FACTOR = "no-factor" 409 "No second factor" false {
        detail: "The account has no second factor.",
        meaning: "Recovery codes stand in for a second factor, and the account has none.",
        remedy: "Enrol a factor: the first one comes with recovery codes.",
    }
    OWN_FACTORS = "own-factors" 409 "Own second factors" false {
        detail: "Superusers cannot reset their own factors.",
        meaning: "A superuser tried to remove their own second factors as an administrator.",
        remedy: "Remove single factors with `DELETE /users/me/factors/{factor_id}`, or ask another superuser.",
    }
    CHALLENGE_OVER = "challenge-over" 410 "Challenge over" false {
        detail: "The challenge is unknown, used or expired. Start again.",
        meaning: "The challenge is unknown, was used, has expired or has no attempt left. A change of the password or of \
            a factor also voids it.",
        remedy: "Start again: log in with the password, or request new options.",
    }
    BODY_TOO_LARGE = "body-too-large" 413 "Body too large" false {
        detail: "The body is larger than 65536 bytes.",
        meaning: "The body is larger than 64 KiB.",
        remedy: "Send a smaller body. No operation needs a large one.",
    }
    URI_TOO_LONG = "uri-too-long" 414 "URI too long" false {
        detail: "The URI is longer than 8 KiB.",
        meaning: "The path and the query together are longer than 8 KiB.",
        remedy: "Shorten the query. No valid cursor is that long.",
    }
    UNSUPPORTED_MEDIA_TYPE = "unsupported-media-type" 415 "Unsupported media type" false {
        detail: "Unsupported media type. Send a body of type application/json.",
        meaning: "The header `Content-Type` is missing or names a media type that the operation does not support, or \
            the body has a `Content-Encoding`.",
        remedy: "Send `application/json` without an encoding. The OAuth 2.0 endpoints require \
            `application/x-www-form-urlencoded`.",
    }
    VALIDATION_FAILED = "validation-failed" 422 "Invalid request" false {
        detail: "The password must have at least 8 characters.",
        meaning: "The request is well-formed, but some parts of it are invalid: a field is missing, unknown or of the \
            wrong type, or its value is not allowed.",
        remedy: "Read `errors`: each entry has a `pointer` to the invalid part and a `detail` about the error.",
    }
    RATE_LIMITED = "rate-limited" 429 "Too many requests" true {
        detail: "Too many requests. Retry after the seconds in the header `Retry-After`.",
        meaning: "The client or the account has exceeded the rate limit of the operation.",
        remedy: "Wait for the seconds in the header `Retry-After`. The header `RateLimit` on every response shows how \
            many requests are left.",
    }
    HEADERS_TOO_LARGE = "headers-too-large" 431 "Headers too large" false {
        detail: "The headers are larger than 32 KiB.",
        meaning: "The headers of the request are larger than 32 KiB in total.",
        remedy: "Send fewer headers. Most often the cause is cookies of other services on the same host.",
    }
    INTERNAL_ERROR = "internal-error" 500 "Internal error" false {
        detail: "The service could not complete the request. The operator can find the cause by the request id.",
        meaning: "The service failed. The response does not reveal the cause.",
        remedy: "Report the `request_id` to the operator: the log contains the cause under this id. A retry may or may \
            not succeed.",
    }
    MAIL_NOT_CONFIGURED = "mail-not-configured" 501 "No mail configured" false {
        detail: "The service cannot send letters.",
        meaning: "The operation sends a letter, and the operator has not configured mail.",
        remedy: "Set `SMTP_URL`. Without mail, an operator can create links: `inwren users reset-link`.",
    }
    SECRET_KEY_NOT_CONFIGURED = "secret-key-not-configured" 501 "No secret key configured" false {
        detail: "The service has no secret key.",
        meaning: "The operation creates a link or uses the secret of an authenticator app, and the operator has not created \
            the secret keys for them.",
        remedy: "Run `inwren secrets generate`, and restart the service.",
    }
    PASSKEYS_NOT_AVAILABLE = "passkeys-not-available" 501 "Passkeys not available" false {
        detail: "The service has no domain to which passkeys can be bound.",
        meaning: "Passkeys are bound to a domain that is served over TLS, or to `localhost`. The host of `PUBLIC_URL` is \
            neither.",
        remedy: "Set `PUBLIC_URL` to an `https` URL with a domain. Until then, use an authenticator app.",
    }
    OVERLOADED = "overloaded" 503 "Service overloaded" true {
        detail: "The service is overloaded. Retry later.",
        meaning: "The service gets more requests than it can process.",
        remedy: "Retry after the seconds in the header `Retry-After`. Double the delay after each further failure.",
    }
    UNAVAILABLE = "unavailable" 503 "Service unavailable" true {
        detail: "The service is temporarily unavailable. Retry later.",
        meaning: "A dependency of the service, most often the database, does not respond. The request changed nothing.",
        remedy: "Retry after the seconds in the header `Retry-After`. `/health` shows when the service is ready again.",
    }
}
