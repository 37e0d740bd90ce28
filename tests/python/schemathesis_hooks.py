"""Hooks that adapt schemathesis to this service. Its command line loads them through SCHEMATHESIS_HOOKS.

Each call uses a new user: some operations end the session, change the password or delete the account of the caller, and
this must not affect the next call.

A schema cannot express which passwords, tokens or cursors exist. The hooks put real ones into valid calls, so that they
succeed.
"""

import itertools
import os
import unicodedata

import requests
import schemathesis

from factors import App, Caller, Ceremony, Passkey

URL = os.environ["INWREN_URL"]
# The origin of pages that may use passkeys.
ORIGIN = URL.replace("127.0.0.1", "localhost")
ROLE = os.environ["INWREN_ROLE"]
PASSWORD = "a pass phrase of the tests"

_numbers = itertools.count(1)
# Superusers that promote new users. The hooks never use them for a call.
_makers = [(os.environ["INWREN_SUPERUSER"], os.environ["INWREN_SUPERUSER_PASSWORD"])]


def _tokens(email, password):
    body = {"email": email, "password": password}
    answer = requests.post(f"{URL}/auth/login", json=body, timeout=30)
    answer.raise_for_status()
    return answer.json()


def _login(email, password):
    return _tokens(email, password)["access_token"]


def _new_user():
    email = f"{ROLE}-{next(_numbers)}@schemathesis.example"
    body = {"email": email, "password": PASSWORD}
    answer = requests.post(f"{URL}/auth/register", json=body, timeout=30)
    answer.raise_for_status()
    return email, answer.json()["id"]


def _new_superuser():
    email, user_id = _new_user()
    # A call may have demoted or deleted one of these superusers.
    for maker in reversed(_makers):
        try:
            headers = {"Authorization": f"Bearer {_login(*maker)}"}
            body = {"is_superuser": True}
            url = f"{URL}/admin/users/{user_id}"
            requests.put(url, json=body, headers=headers, timeout=30).raise_for_status()
            return email
        except requests.HTTPError:
            continue
    raise RuntimeError("no superuser is left")


@schemathesis.auth(refresh_interval=None)
class NewUserForEachCall:
    def get(self, case, ctx):
        email = _new_superuser() if ROLE == "superuser" else _new_user()[0]
        return _login(email, PASSWORD)

    def set(self, case, data, ctx):
        case.headers["Authorization"] = f"Bearer {data}"


def _uncommon(password):
    """Replaces common passwords, which the service rejects. Generated ones have few distinct characters."""
    return password if len(set(password)) > 3 else PASSWORD


def _without_repeated_parameters(case):
    """The schema of a form allows unknown parameters of any type. Lists and objects are sent as repeated parameters."""
    case.body = {name: value for name, value in case.body.items() if not isinstance(value, (list, dict))}


def _use_known_tier(case):
    """Sets a known tier. The schema lists the known tiers but allows any text, because tiers are configurable."""
    if case.body.get("tier") is not None:
        case.body["tier"] = "free"


def _get(path, case):
    return requests.get(f"{URL}{path}", headers=dict(case.headers), timeout=30).json()


def _register(case):
    case.body["password"] = _uncommon(case.body["password"])
    _use_known_tier(case)


def _change_password(case):
    case.body["current_password"] = PASSWORD
    case.body["new_password"] = _uncommon(case.body["new_password"])


def _use_real_password(case):
    case.body["email"], case.body["password"] = _new_user()[0], PASSWORD


def _use_real_token(case):
    case.body["refresh_token"] = _tokens(_new_user()[0], PASSWORD)["refresh_token"]


def _use_real_grant(case):
    if case.body.get("grant_type") == "refresh_token":
        _use_real_token(case)
    else:
        case.body["grant_type"] = "password"
        case.body["username"], case.body["password"] = _new_user()[0], PASSWORD


def _verify_email(case):
    # Either a code or a link. A schema cannot express that without another type for each.
    body = case.body
    if next(_valid_calls) % 2 == 0:
        registration = body.get("verification_id") or "01993b1e-7a5c-7f3a-9d2e-6c1b0a4f8e25"
        case.body = {"verification_id": registration, "code": body.get("code") or "20417063"}
    else:
        case.body = {"token": body.get("token") or "made-up", "password": body.get("password")}


def _use_real_cursor(path):
    def use(case):
        if "cursor" in case.query:
            cursor = _get(f"{path}?limit=1", case).get("next_cursor")
            case.query.pop("cursor")
            if cursor:
                case.query["cursor"] = cursor

    return use


def _list_audit_events(case):
    _use_real_cursor("/admin/audit")(case)
    # A period must not be empty, and its ends must be in range in UTC. A schema can express neither.
    for name, time in [("since", "2020-01-01T00:00:00Z"), ("until", "2120-01-01T01:00:00+01:00")]:
        if name in case.query:
            case.query[name] = time


def _revoke_session(case):
    # An audit event without a session has the id null, which schemathesis may send as the text None.
    if case.path_parameters["session_id"] in (None, "None") or next(_valid_calls) % 2 == 0:
        case.path_parameters["session_id"] = _get("/users/me/sessions", case)["items"][0]["id"]


def _caller(case):
    """Returns a client with the session of a call."""
    caller = Caller(URL)
    caller.keep({"access_token": case.headers["Authorization"].removeprefix("Bearer ")})
    return caller


def _enrol(case):
    """Enrols an authenticator app for the caller, and proves the session again with it. Returns the id of the app."""
    caller = _caller(case)
    app, enrolled = caller.enrol_app()
    renewed = caller.post("/auth/step-up", 200, method="totp", code=app.code())
    case.headers["Authorization"] = f"Bearer {renewed['access_token']}"
    return enrolled["id"]


def _new_user_with_factor():
    """Creates a user with an authenticator app. Returns a client that is logged in without it, the id, and the app."""
    email, user_id = _new_user()
    caller = Caller(URL, email)
    caller.keep(_tokens(email, PASSWORD))
    return caller, user_id, caller.enrol_app()[0]


def _use_allowed_text(name):
    """Replaces a text with control characters or direction marks, which the service rejects."""

    def use(case):
        text = case.body.get(name) if isinstance(case.body, dict) else None
        if text and (text != text.strip() or any(unicodedata.category(one) in ("Cc", "Cf") for one in text)):
            case.body[name] = "My phone"

    return use


def _use_own_factor(case):
    if next(_valid_calls) % 2 == 0:
        case.path_parameters["factor_id"] = _enrol(case)
    _use_allowed_text("name")(case)


def _confirm_app(case):
    if next(_valid_calls) % 2 == 0:
        new = _caller(case).post("/users/me/totp", 201)
        case.path_parameters["factor_id"] = new["id"]
        case.body["code"] = App(new["uri"]).code()


def _reset_factors(case):
    _use_allowed_text("reason")(case)
    if ROLE == "superuser":
        _enrol(case)
        if next(_valid_calls) % 2 == 0:
            case.path_parameters["user_id"] = _new_user_with_factor()[1]


def _shape_of_credential(credential):
    """Makes a credential well-formed. A schema cannot express that two ids are equal."""
    credential |= {"id": "AQID", "rawId": "AQID", "type": "public-key"}
    credential["response"] = {
        name: value if name == "transports" else "AQID" for name, value in credential["response"].items()
    }


def _shape_of_answer(body):
    """Leaves either a code or a credential. A schema cannot express that without another type for each method."""
    if body.get("method") == "passkey" and body.get("credential"):
        _shape_of_credential(body["credential"])
        body.pop("code", None)
    else:
        body |= {"method": "totp", "code": body.get("code") or "492039"}
        for name in ("credential", "challenge"):
            body.pop(name, None)


def _use_real_answer(case):
    challenge = case.body["challenge"]
    _shape_of_answer(case.body)
    case.body["challenge"] = challenge
    if next(_valid_calls) % 2 == 0:
        caller, _, app = _new_user_with_factor()
        case.body["challenge"] = caller.post("/auth/login", 401, email=caller.address, password=PASSWORD)["challenge"]
        case.body |= {"method": "totp", "code": app.code()}
        case.body.pop("credential", None)


def _step_up(case):
    if next(_valid_calls) % 2 == 0:
        case.body = {"password": PASSWORD}
    else:
        _shape_of_answer(case.body)


def _reset_password(case):
    if isinstance(case.body.get("factor"), dict):
        _shape_of_answer(case.body["factor"])


def _add_passkey(case):
    _use_allowed_text("name")(case)
    _shape_of_credential(case.body["credential"])
    if next(_valid_calls) % 2 == 0:
        options = _caller(case).post("/users/me/passkeys/options", 200)["publicKey"]
        case.body["credential"] = Ceremony(Passkey(), "create", options, ORIGIN).credential()


def _enrol_passkey(case):
    """Enrols a passkey for the caller."""
    _caller(case).enrol(Passkey(), ORIGIN)


def _log_in_with_passkey(case):
    _shape_of_credential(case.body["credential"])
    if next(_valid_calls) % 2 == 0:
        caller, passkey = Caller(URL), Passkey()
        caller.keep(_tokens(_new_user()[0], PASSWORD))
        caller.enrol(passkey, ORIGIN)
        options = caller.post("/auth/passkey/options", 200)["publicKey"]
        case.body["credential"] = Ceremony(passkey, "get", options, ORIGIN).credential()


def _use_consistent_client(case):
    """Leaves settings of a client that agree with each other, which a schema cannot express."""
    kept = ("first_party", "min_acr", "access_minutes", "refresh_days")
    body = {name: case.body[name] for name in kept if case.body.get(name) is not None}
    body |= {"name": f"{ROLE} client {next(_numbers)}", "redirect_uris": ["https://app.example/callback"]}
    case.body = body if case.operation.label.startswith("PUT") else body | {"kind": "confidential"}


def _use_future_expiry(case):
    if isinstance(case.body, dict) and case.body.get("expires_at"):
        case.body["expires_at"] = "2120-01-01T00:00:00Z"


def _use_one_token(case):
    """Leaves the token of the header alone: a request with two is refused."""
    if isinstance(case.body, dict):
        case.body.pop("access_token", None)


# Changes to every valid call of an operation, and to every second one. The service must reject the unchanged calls.
_valid_calls = itertools.count()
_ALWAYS = {
    "POST /auth/register": _register,
    "PUT /users/me": _use_known_tier,
    "PUT /admin/users/{user_id}": _use_known_tier,
    "POST /users/me/password": _change_password,
    "POST /auth/verify-email": _verify_email,
    "POST /admin/users": _use_known_tier,
    "GET /admin/outbox": _use_real_cursor("/admin/outbox"),
    "GET /admin/users": _use_real_cursor("/admin/users"),
    # All sessions of a test user fit on one page, so no cursor exists.
    "GET /admin/users/{user_id}/sessions": lambda case: case.query.pop("cursor", None),
    "GET /users/me/sessions": _use_real_cursor("/users/me/sessions"),
    "GET /users/me/activity": _use_real_cursor("/users/me/activity"),
    "GET /admin/audit": _list_audit_events,
    "DELETE /users/me/sessions/{session_id}": _revoke_session,
    "POST /users/me/totp": _use_allowed_text("name"),
    "POST /users/me/totp/{factor_id}/confirm": _confirm_app,
    "POST /users/me/passkeys": _add_passkey,
    "PATCH /users/me/factors/{factor_id}": _use_own_factor,
    "DELETE /users/me/factors/{factor_id}": _use_own_factor,
    "DELETE /admin/users/{user_id}/factors": _reset_factors,
    "POST /auth/login/factor": _use_real_answer,
    "POST /auth/passkey/login": _log_in_with_passkey,
    "POST /auth/step-up": _step_up,
    "POST /auth/password/reset": _reset_password,
    "GET /admin/clients": _use_real_cursor("/admin/clients"),
    "POST /admin/clients": _use_consistent_client,
    "PUT /admin/clients/{client_id}": _use_consistent_client,
    "POST /admin/clients/{client_id}/secrets": _use_future_expiry,
    "POST /oauth/userinfo": _use_one_token,
}
_EVERY_SECOND = {
    "POST /auth/login": _use_real_password,
    "POST /auth/refresh": _use_real_token,
    "POST /auth/step-up/options": _enrol_passkey,
    "POST /users/me/recovery-codes": _enrol,
    "POST /auth/access-token": _use_real_grant,
}


def _keep_too_short(case):
    """Keeps short passwords too short. The service counts characters after NFKC, which can lengthen a password."""
    for field in ["password", "new_password"]:
        password = case.body.get(field) if isinstance(case.body, dict) else None
        if isinstance(password, str) and len(password) < 8 <= len(unicodedata.normalize("NFKC", password)):
            case.body[field] = "short"


@schemathesis.hook
def before_call(ctx, case, kwargs):
    if case.meta is None:
        return
    if not case.meta.generation.mode.is_positive:
        return _keep_too_short(case)
    if case.media_type == "application/x-www-form-urlencoded" and isinstance(case.body, dict):
        _without_repeated_parameters(case)
    label = case.operation.label
    if label in _ALWAYS:
        _ALWAYS[label](case)
    elif label in _EVERY_SECOND and next(_valid_calls) % 2 == 0:
        _EVERY_SECOND[label](case)


@schemathesis.hook
def filter_failure(ctx, failure, case, response):
    """Ignores refused links, codes and challenges, which no schema can express. Ignores use-after-free failures for
    session lists: after all sessions end, the list still exists and is empty.
    """
    if failure.code == "ST202" and case.operation.path == "/oauth/token":
        # No schema can express which codes, tokens and clients exist.
        return response.json().get("error") not in ("invalid_client", "invalid_grant", "invalid_request")
    if failure.code == "ST202" and response.status_code in (400, 410):
        return response.json().get("code") not in ("invalid-action-token", "challenge-over")
    is_list = case.operation.path.endswith("/sessions")
    return not (is_list and failure.code == "ST301" and response.json() == {"items": [], "next_cursor": None})
