"""Checks second factors with programs that are not ours: pyotp and zxing-cpp as authenticator app, Chromium's virtual
authenticator, and python-fido2 and py_webauthn as judges of what the service requests and accepts."""

import os
import random
import tempfile
import uuid
from collections import Counter

import jwt
import psycopg
import pyotp
import pytest
import zxingcpp
from fido2.webauthn import AuthenticatorData, PublicKeyCredentialCreationOptions, PublicKeyCredentialRequestOptions
from webauthn.helpers import parse_authentication_options_json, parse_registration_options_json

from conftest import ROOT, Server
from documents import check_programs
from factors import (
    ALGORITHMS,
    BE,
    CHANGES,
    PASSWORD,
    UV,
    AuthenticatorBrowser,
    Caller,
    Ceremony,
    Expected,
    Passkey,
    from_base64,
    mutate,
    refusals,
    to_base64,
)
from processes import free_port
from test_mail import Mailbox, Site

NEW_PASSWORD = "five other words of wisdom"
PROJECT = "Bücher & Söhne 100 %"
MUTANTS = 10_000 if os.environ.get("INWREN_TEST_LONG") == "1" else 500
SEED = 20261130
# A passkey whose counter is higher is replaced, because the counter must rise at each use.
HIGHEST_COUNT = 2**31
METHODS = {"totp", "recovery_code", "passkey"}


@pytest.fixture(scope="module")
def service():
    with tempfile.TemporaryDirectory(prefix="inwren-test-") as folder:
        running = Server(folder, PROJECT_NAME=PROJECT)
        yield running
        running.stop()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = AuthenticatorBrowser(tmp_path_factory.mktemp("browser"))
    yield browser
    browser.close()


def account(service, address=None):
    """Creates an account. Returns its client, which is logged in."""
    caller = Caller(service.url, address)
    caller.register()
    return caller


def claims(tokens):
    return jwt.decode(tokens["access_token"], options={"verify_signature": False})


def test_page_shows_the_programs():
    check_programs(ROOT / "docs/factors.md", ROOT / "docs/factors")


def test_codes_of_pyotp_log_in(service):
    caller = account(service)
    app, confirmed = caller.enrol_app()
    assert confirmed["method"] == "totp" and len(set(confirmed["recovery_codes"])) == 10
    code = app.code()
    question = caller.login(401)
    answer = {"challenge": question["challenge"], "method": "totp", "code": code}
    assert claims(caller.post("/auth/login/factor", 200, **answer))["acr"] == "aal2"
    answer["challenge"] = caller.login(401)["challenge"]
    assert caller.post("/auth/login/factor", 401, **answer)["code"] == "invalid-factor", "the code was accepted twice"


def test_key_uri_parses_in_pyotp(service):
    caller = account(service, "ann+new@example.org")
    new = caller.post("/users/me/totp", 201)
    app = pyotp.parse_uri(new["uri"])
    assert (app.issuer, app.name, app.secret) == (PROJECT, caller.address, new["secret"])
    assert (app.digits, app.interval, app.digest().name) == (6, 30, "sha1")


def test_zxing_reads_the_qr_code(service, browser):
    # The longest address of ordinary accounts.
    caller = account(service, f"{'a' * 64}@{'b' * 63}.{'c' * 63}.example")
    new = caller.post("/users/me/totp", 201)
    browser.open("about:blank")
    [found] = zxingcpp.read_barcodes(browser.pixels(new["qr_svg"], 480))
    assert (found.format, found.text) == (zxingcpp.BarcodeFormat.QRCode, new["uri"])


def test_libraries_accept_the_options(service):
    caller = account(service)
    passkey = Passkey()
    creation = caller.post("/users/me/passkeys/options", 200)["publicKey"]
    parsed = parse_registration_options_json(creation)
    assert (parsed.rp.id, parsed.rp.name, parsed.user.name) == ("localhost", PROJECT, caller.address)
    assert [one.alg for one in parsed.pub_key_cred_params] == ALGORITHMS
    other = PublicKeyCredentialCreationOptions.from_dict(creation)
    assert (other.challenge, other.user.id, other.rp.id) == (parsed.challenge, parsed.user.id, parsed.rp.id)
    assert len(parsed.challenge) == len(parsed.user.id) == 32 and other.attestation == "none"
    caller.enrol(passkey, service.issuer)
    second_step = caller.login(401)["publicKey"]
    for request, verification, known in [
        (caller.post("/auth/passkey/options", 200)["publicKey"], "required", []),
        (second_step, "preferred", [passkey.id]),
        (caller.post("/auth/step-up/options", 200)["publicKey"], "preferred", [passkey.id]),
    ]:
        parsed = parse_authentication_options_json(request)
        assert (parsed.rp_id, parsed.user_verification) == ("localhost", verification)
        assert [one.id for one in parsed.allow_credentials or []] == known
        other = PublicKeyCredentialRequestOptions.from_dict(request)
        assert (other.challenge, other.rp_id, other.timeout) == (parsed.challenge, parsed.rp_id, 300_000)


@pytest.mark.parametrize("is_synced", [True, False])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_libraries_and_service_accept_the_same_answers(service, algorithm, is_synced):
    caller, passkey = account(service), Passkey(algorithm, is_synced)
    options = caller.post("/users/me/passkeys/options", 200)["publicKey"]
    passkey.user_handle = options["user"]["id"]
    ceremony = Ceremony(passkey, "create", options, service.issuer)
    created, passkey.count = ceremony.credential(), ceremony.count
    assert refusals(created, Expected(options["challenge"], service.issuer)) == {}
    factor = caller.post("/users/me/passkeys", 201, credential=created, name="Key")
    assert (factor["verifies_user"], factor["backed_up"]) == (True, is_synced)
    options = caller.post("/auth/passkey/options", 200)["publicKey"]
    used = Ceremony(passkey, "get", options, service.issuer).credential()
    expected = Expected(options["challenge"], service.issuer, passkey=passkey, count=passkey.count)
    expected.needs_user_verification = True
    assert refusals(used, expected) == {}
    tokens = caller.post("/auth/passkey/login", 200, credential=used)
    assert (claims(tokens)["acr"], claims(tokens)["amr"]) == ("phr", ["swk" if is_synced else "hwk", "mfa"])


class Mutants:
    """Counts mutated ceremonies by their outcome, and checks that the service accepts only what both judges accept."""

    ACCEPTED = (200, 201)
    # Malformed and wrong answers, taken passkeys, and answers to another challenge.
    REFUSED = (401, 409, 410, 422)

    def __init__(self):
        self._rng = random.Random(SEED)
        self._outcomes, self._names = Counter(), Counter()

    def choose(self, values):
        return self._rng.choice(values)

    def send(self, caller, path, ceremony, expected, foreign_challenge, **body):
        """Changes a ceremony and sends it. Returns the response if the service accepts it."""
        answer, names = mutate(self._rng, ceremony, foreign_challenge)
        response = caller.ask("POST", path, credential=answer, **body)
        shown = (names, answer, response.status_code, response.text)
        is_accepted = response.status_code in self.ACCEPTED
        assert is_accepted or response.status_code in self.REFUSED, shown
        reasons = refusals(answer, expected)
        assert not (is_accepted and reasons), (reasons, *shown)
        self._names.update(names)
        self._outcomes[is_accepted, not reasons] += 1
        return response.json() if is_accepted else None

    def check(self, unused):
        """Checks that every change was tried, and that neither the service nor the judges decided always alike."""
        names = {one.__name__ for changes in CHANGES.values() for one in changes}
        assert names - self._names.keys() == unused
        print(f"accepted by the service and by both judges, number: {sorted(self._outcomes.items())}")
        for outcome in [(True, True), (False, False)]:
            assert self._outcomes[outcome] > MUTANTS // 10, self._outcomes


def test_no_judge_refuses_an_accepted_creation(service):
    mutants, caller = Mutants(), None
    for _ in range(MUTANTS):
        if caller is None:
            caller = account(service)
            options = caller.post("/users/me/passkeys/options", 200)["publicKey"]
            foreign = Caller(service.url).post("/auth/passkey/options", 200)["publicKey"]["challenge"]
        passkey = Passkey(mutants.choose(ALGORITHMS), mutants.choose([True, False]))
        passkey.user_handle = options["user"]["id"]
        ceremony = Ceremony(passkey, "create", options, service.issuer)
        expected = Expected(options["challenge"], service.issuer)
        if mutants.send(caller, "/users/me/passkeys", ceremony, expected, foreign):
            # The challenge is used, and another passkey would need a step-up.
            caller = None
    mutants.check({"signature", "user_handle"})


class Owner:
    """An account with a passkey, which a test uses again and again."""

    def __init__(self, service, algorithm, is_synced):
        self.caller, self.passkey = account(service), Passkey(algorithm, is_synced)
        self.caller.enrol(self.passkey, service.issuer)
        self._options = {}

    def options(self, path):
        """Returns the options of the last request to this path, unless they are used."""
        if path not in self._options:
            self._options[path] = self.caller.post(f"{path}/options", 200)["publicKey"]
        return self._options[path]

    def keep(self, path, count, tokens):
        """Updates what a used passkey changes."""
        del self._options[path]
        self.passkey.count = count
        if path == "/auth/step-up":
            self.caller.keep(tokens)


def test_no_judge_refuses_an_accepted_assertion(service):
    mutants = Mutants()
    kinds = [(algorithm, is_synced) for algorithm in ALGORITHMS for is_synced in (True, False)]
    owners = {kind: Owner(service, *kind) for kind in kinds}
    # A request that names no user and demands user verification, and one of a session that prefers it.
    requests = {"/auth/passkey": ("/auth/passkey/login", {}), "/auth/step-up": ("/auth/step-up", {"method": "passkey"})}
    for _ in range(MUTANTS):
        kind, request = mutants.choose(kinds), mutants.choose(list(requests))
        owner, options = owners[kind], owners[kind].options(request)
        # A challenge for the other request, or of another session.
        [other_request] = requests.keys() - {request}
        other_owner = owners[mutants.choose([other for other in kinds if other != kind])]
        foreign = mutants.choose([owner.options(other_request), other_owner.options("/auth/step-up")])["challenge"]
        ceremony = Ceremony(owner.passkey, "get", options, service.issuer)
        expected = Expected(options["challenge"], service.issuer, passkey=owner.passkey, count=owner.passkey.count)
        expected.needs_user_verification = options["userVerification"] == "required"
        path, body = requests[request]
        tokens = mutants.send(owner.caller, path, ceremony, expected, foreign, **body)
        if tokens:
            owner.keep(request, int.from_bytes(ceremony.data[33:37], "big"), tokens)
        if owner.passkey.count > HIGHEST_COUNT:
            owners[kind] = Owner(service, *kind)
    mutants.check({
        "attestation_object", "attestation_statement", "credential_id", "key_parameter", "key_parameters",
        "length_of_credential_id",
    })


# Virtual authenticators: a phone whose passkeys are copied, one before the first copy, security keys with and without a
# PIN, and one without memory for passkeys, which need the address at each login.
AUTHENTICATORS = {
    "synced": {"transport": "internal", "defaultBackupEligibility": True, "defaultBackupState": True},
    "not-yet-synced": {"transport": "internal", "defaultBackupEligibility": True},
    "security-key": {"transport": "usb"},
    "security-key-without-memory": {"transport": "usb", "hasResidentKey": False},
    "security-key-without-pin": {"transport": "usb", "hasResidentKey": False, "hasUserVerification": False},
}
COMMON = {"hasResidentKey": True, "hasUserVerification": True, "isUserVerified": True}


@pytest.fixture(scope="module")
def site():
    server = os.environ.get("INWREN_TEST_POSTGRES_URL")
    assert server, "run this by ./tests/run, which starts PostgreSQL"
    name = f"inwren_factors_{uuid.uuid4().hex[:12]}"
    port = str(free_port())
    settings = {
        "DATABASE_URL": f"{server.rsplit('/', 1)[0]}/{name}", "PORT": port, "PUBLIC_URL": f"http://localhost:{port}",
    }
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            with Mailbox() as mailbox, Site(mailbox, **settings) as site:
                yield site
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


class Person:
    """A person with an account, a browser and an authenticator. The judges check each answer of the authenticator."""

    def __init__(self, site, browser, name):
        self.site, self.browser, self.origin = site, browser, site.server.issuer
        self.caller = Caller(site.server.url, f"{name}@example.org")
        self.passkey = self.app = None

    def register(self):
        address = self.caller.address
        pending = self.caller.post("/auth/register", 202, email=address, password=PASSWORD)
        code = self.site.letter("email_verification", address).code
        self.caller.post("/auth/verify-email", 201, verification_id=pending["verification_id"], code=code)
        self.caller.keep(self.caller.login(200))

    def enrol_app(self):
        self.app, enrolled = self.caller.enrol_app()
        self.site.letter("factor_enrolled", self.caller.address)
        return enrolled["recovery_codes"]

    def enrol_passkey(self):
        options = self.caller.post("/users/me/passkeys/options", 200)["publicKey"]
        created = self.browser.create(options)
        assert refusals(created, Expected(options["challenge"], self.origin)) == {}
        self.passkey = BrowserPasskey(created)
        factor = self.caller.post("/users/me/passkeys", 201, credential=created, name="My key")
        self.site.letter("factor_enrolled", self.caller.address)
        return factor

    def use_passkey(self, options):
        used = self.browser.use(options)
        expected = Expected(options["challenge"], self.origin, passkey=self.passkey, count=self.passkey.count)
        assert refusals(used, expected) == {}
        data = AuthenticatorData(from_base64(used["response"]["authenticatorData"]))
        self.passkey.count = data.counter
        return used, bool(data.flags & UV)

    def answer(self, question, needs_challenge=False):
        """Answers the question for the second factor with the passkey."""
        used, is_verified = self.use_passkey(question["publicKey"])
        assert is_verified == bool(self.passkey.flags & UV)
        challenge = {"challenge": question["challenge"]} if needs_challenge else {}
        return {"method": "passkey", "credential": used, **challenge}

    def login(self, question, **answer):
        """Answers the question for the second factor. Returns the claims of the access token."""
        tokens = self.caller.post("/auth/login/factor", 200, challenge=question["challenge"], **answer)
        self.caller.keep(tokens)
        return claims(tokens)


class BrowserPasskey:
    """What a service stores of a passkey that a browser has created."""

    def __init__(self, created):
        data = AuthenticatorData(from_base64(created["response"]["authenticatorData"]))
        self.id, self.flags, self.count = data.credential_data.credential_id, data.flags, data.counter
        self.is_synced = bool(data.flags & BE)
        self._key = data.credential_data.public_key

    def cose(self):
        return list(self._key.items())


@pytest.mark.parametrize("name", AUTHENTICATORS)
def test_person_with_an_authenticator(site, browser, name):
    options = COMMON | AUTHENTICATORS[name]
    person = Person(site, browser, name)
    caller = person.caller
    browser.open(person.origin)
    with browser.authenticator(**options):
        person.register()
        recovery_codes = person.enrol_app()
        refused = caller.post("/users/me/passkeys/options", 401)
        assert (refused["code"], refused["acr_values"]) == ("insufficient-user-authentication", "aal2")
        caller.keep(caller.post("/auth/step-up", 200, method="totp", code=person.app.code()))
        factor = person.enrol_passkey()
        verifies, backed_up = options["hasUserVerification"], options.get("defaultBackupState", False)
        assert (factor["method"], factor["verifies_user"], factor["backed_up"]) == ("passkey", verifies, backed_up)
        assert "recovery_codes" not in factor
        check_logins(person, options)
        reset_password(person, recovery_codes, is_by_passkey=verifies)
    check_activity(person, options)


def check_logins(person, options):
    """Logs in with password and app, with password and passkey, and with the passkey alone."""
    caller, verifies = person.caller, options["hasUserVerification"]
    storage = "swk" if options.get("defaultBackupEligibility") else "hwk"
    caller.logout()
    question = caller.login(401)
    assert (question["code"], set(question["methods"])) == ("second-factor-required", METHODS)
    found = person.login(question, method="totp", code=person.app.code())
    assert (found["acr"], found["amr"]) == ("aal2", ["pwd", "otp", "mfa"])
    caller.logout()

    question = caller.login(401)
    found = person.login(question, **person.answer(question))
    assert (found["acr"], found["amr"]) == ("phr" if verifies else "aal2", ["pwd", storage, "mfa"])
    factors = {one["method"]: one for one in caller.get("/users/me/factors")["items"]}
    assert factors.keys() == {"totp", "passkey"} and all(one["last_used_at"] for one in factors.values())
    caller.logout()

    check_passkey_alone(person, options, storage)


def check_passkey_alone(person, options, storage):
    """Logs in without a password. The authenticator must remember the passkey and verify its user."""
    caller = person.caller
    request = caller.post("/auth/passkey/options", 200)["publicKey"]
    # Pages can ask an authenticator to leave the verification out, or name the passkey for one without memory.
    known = [{"type": "public-key", "id": to_base64(person.passkey.id)}]
    changed = {**request, "userVerification": "discouraged", "allowCredentials": known}
    unverified, is_verified = person.use_passkey(changed)
    if not is_verified or not unverified["response"].get("userHandle"):
        assert caller.post("/auth/passkey/login", 401, credential=unverified)["code"] == "invalid-credentials"
    if not options["hasResidentKey"]:
        with pytest.raises(LookupError, match="not allowed"):
            person.browser.use(request)
        return
    used, is_verified = person.use_passkey(request)
    assert is_verified and used["response"]["userHandle"]
    tokens = caller.post("/auth/passkey/login", 200, credential=used)
    assert (claims(tokens)["acr"], claims(tokens)["amr"]) == ("phr", [storage, "mfa"])
    assert caller.post("/auth/passkey/login", 410, credential=used)["code"] == "challenge-over"
    caller.keep(tokens)
    caller.logout()


def reset_password(person, recovery_codes, is_by_passkey):
    """Resets the forgotten password: by the passkey and a login with a recovery code, or the other way round."""
    caller = person.caller
    caller.post("/auth/password/forgot", 202, email=caller.address)
    reset = {"token": person.site.letter("password_reset", caller.address).token, "new_password": NEW_PASSWORD}
    question = caller.post("/auth/password/reset", 401, **reset)
    assert (question["code"], set(question["methods"])) == ("second-factor-required", METHODS)
    by_code = {"method": "recovery_code", "code": recovery_codes[0]}
    proof = person.answer(question, needs_challenge=True) if is_by_passkey else by_code
    caller.post("/auth/password/reset", 204, **reset, factor=proof)
    person.site.letter("password_changed", caller.address)
    caller.login(401, PASSWORD)
    question = caller.login(401, NEW_PASSWORD)
    person.login(question, **(by_code if is_by_passkey else person.answer(question)))


def check_activity(person, options):
    """Compares the events that the person sees with what happened."""
    alone = ["logged_in", "logged_out"] if options["hasResidentKey"] else []
    items = person.caller.get("/users/me/activity?limit=50")["items"]
    kinds = [one["kind"] for one in reversed(items)]
    # The registration ends with the verification, and a recovery code is used for a login or a reset: at the same time.
    assert set(kinds[:2]) == {"user_registered", "email_verified"}
    assert kinds[2:-3] == [
        "logged_in", "factor_enrolled", "stepped_up", "factor_enrolled", "logged_out",
        *["logged_in", "logged_out"] * 2, *alone,
    ]
    assert set(kinds[-3:]) == {"password_reset", "recovery_code_used", "logged_in"}
    assert all(one["actor"] == "user" for one in items)
