"""Tests the programs of docs/verify-tokens: the page shows them unchanged, and they accept only valid tokens."""

import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from json import dumps

import pytest
import requests

import forge
from conftest import ROOT, Server
from documents import check_programs
from processes import free_port
from verifiers import COMMANDS, PROGRAMS, Verifier, verifiers

PAGE = ROOT / "docs" / "verify-tokens.md"
EMAIL = "ann@example.org"
PASSWORD = "ann's pass phrase"
KEYS = "/.well-known/jwks.json"
INVALID = 'Bearer error="invalid_token"'
# After an unknown key, the programs do not fetch the keys again for this time.
COOLDOWN_SECONDS = 5


def test_the_page_shows_the_programs_as_they_are():
    check_programs(PAGE, PROGRAMS)


@pytest.fixture(scope="module")
def ann(server):
    body = {"email": EMAIL, "password": PASSWORD}
    requests.post(f"{server.url}/auth/register", json=body, timeout=30).raise_for_status()
    return requests.post(f"{server.url}/auth/login", json=body, timeout=30).json()


@pytest.fixture(scope="module")
def running(server):
    with verifiers(server.url + KEYS, INWREN_ISSUER=server.issuer) as running:
        yield running


each = pytest.mark.parametrize("name", COMMANDS)


def test_fastapi_verifier_works_with_another_port(tmp_path):
    port = free_port()
    (tmp_path / "service").mkdir()
    (tmp_path / "verifier").mkdir()
    service = Server(tmp_path / "service", PORT=str(port))
    try:
        assert service.issuer == f"http://localhost:{port}"
        body = {"email": EMAIL, "password": PASSWORD}
        requests.post(f"{service.url}/auth/register", json=body, timeout=30).raise_for_status()
        tokens = requests.post(f"{service.url}/auth/login", json=body, timeout=30).json()
        # Only the issuer is set, so the program derives the URL of the keys from it.
        verifier = Verifier("FastAPI", tmp_path / "verifier", None, INWREN_ISSUER=service.issuer)
        try:
            verifier.wait_until_ready()
            assert verifier.check(tokens["access_token"]).status_code == 200
            assert verifier.check(tokens["refresh_token"]).status_code == 401
        finally:
            verifier.kill()
    finally:
        service.stop()


@each
def test_a_good_token_is_taken(server, ann, running, name):
    _, claims = forge.opened(ann["access_token"])
    for scheme in ["Bearer", "bearer"]:
        answer = running[name].get(f"{scheme} {ann['access_token']}")
        assert (answer.status_code, answer.json()) == (200, {"sub": claims["sub"]})


@each
def test_who_has_no_token_is_told_so(running, name):
    for authorization in [None, "Basic YW5uOnNlY3JldA==", "Bearer", "Bearer "]:
        answer = running[name].get(authorization)
        assert (answer.status_code, answer.headers.get("WWW-Authenticate")) == (401, "Bearer"), authorization


def bad_tokens(server, ann):
    """Yields the defect of a token (`None` if valid) and the token. The first half is signed with the real key."""
    key, foreign = forge.read_key(server.folder / "certs" / "private.pem"), forge.new_key()
    good = ann["access_token"]
    header, claims = forge.opened(good)
    now = int(time.time())

    def with_header(key=key, **changes):
        return forge.token({**header, **changes}, claims, key)

    def with_claims(**changes):
        return forge.token(header, {**claims, **changes}, key)

    # Otherwise verifiers would reject the following tokens for another reason.
    assert with_header() != good and forge.opened(with_header()) == [header, claims]
    yield None, with_header()

    yield "another issuer", with_claims(iss="https://evil.example.org")
    yield "no issuer", with_claims(iss=None)
    yield "another audience", with_claims(aud="others")
    yield "other audiences", with_claims(aud=["others", "more"])
    yield "no audience", with_claims(aud=None)
    yield "expired", with_claims(iat=now - 3600, exp=now - 60)
    yield "expiry in words", with_claims(exp="never")
    yield "no expiry", with_claims(exp=None)
    yield "not yet", with_claims(nbf=now + 3600)
    yield "no subject", with_claims(sub=None)
    yield "type refresh", with_claims(type="refresh")
    yield "no type", with_claims(type=None)
    yield "typ of refresh tokens", with_header(typ="rt+jwt")
    yield "typ JWT", with_header(typ="JWT")
    yield "no typ", with_header(typ=None)
    yield "no kid", with_header(kid=None)
    yield "another kid", with_header(kid="another")
    yield "kid that is a path", with_header(kid="../../private.pem")
    yield "kid that is no text", with_header(kid=7)
    yield "something critical", with_header(crit=["x"], x=1)
    yield "RS512", with_header(alg="RS512")
    yield "PS256", with_header(alg="PS256")

    yield "refresh token", ann["refresh_token"]
    for alg in ["none", "None", "NONE", ""]:
        yield f"alg {alg!r}", with_header(alg=alg)
    yield "no alg", with_header(alg=None)
    yield "HS256 with the public key", with_header(alg="HS256", key=forge.public_pem(key))
    yield "foreign key", with_header(key=foreign)
    yield "foreign key of its own", with_header(key=foreign, jwk=forge.jwk(foreign, header["kid"]))
    yield "foreign key elsewhere", with_header(key=foreign, jku="https://evil.example.org/jwks.json")
    first, second, third = good.split(".")
    promoted = forge.token(header, {**claims, "is_superuser": True}, key).split(".")[1]
    yield "changed claims", f"{first}.{promoted}.{third}"
    yield "no signature", f"{first}.{second}."
    yield "two parts", f"{first}.{second}"
    yield "four parts", f"{good}.{third}"
    yield "half a token", good[: len(good) // 2]
    yield "garbage", "garbage"
    yield "dots", "..."
    yield "long", "a" * 8000


@each
def test_a_bad_token_is_refused(server, ann, running, name):
    for wrong, token in bad_tokens(server, ann):
        answer = running[name].check(token)
        said = (answer.status_code, answer.headers.get("WWW-Authenticate"))
        assert said == ((401, INVALID) if wrong else (200, None)), wrong


@each
def test_what_is_not_text_is_no_token(running, name):
    assert running[name].get("Bearer é.ü.ö".encode()).status_code == 401


class FakeKeys:
    """A JWKS server that counts requests and returns the response that the test sets."""

    def __init__(self):
        self.asked = 0
        self.body = ""
        self.status = 200

    @contextmanager
    def serve(self):
        keys = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                keys.asked += 1
                self.send_response(keys.status)
                self.end_headers()
                self.wfile.write(keys.body.encode())

            def log_message(self, *_):
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield f"http://127.0.0.1:{server.server_port}"
            server.shutdown()


def own_token(key, kid):
    now = int(time.time())
    claims = {"iss": "http://localhost:8000", "aud": "inwren", "sub": "ann", "jti": "1", "type": "access"}
    return forge.token({"alg": "RS256", "typ": "at+jwt", "kid": kid}, {**claims, "iat": now, "exp": now + 60}, key)


def test_unknown_keys_are_not_asked_for_again_and_again():
    key, keys = forge.new_key(), FakeKeys()
    keys.body = dumps({"keys": [forge.jwk(key, "known")]})
    with keys.serve() as url, verifiers(url) as running:
        for verifier in running.values():
            keys.asked, begun = 0, time.monotonic()
            assert verifier.check(own_token(key, "known")).status_code == 200
            for number in range(50):
                assert verifier.check(own_token(key, f"unknown-{number}")).status_code == 401
                assert verifier.check(own_token(key, "known")).status_code == 200
            # One request for the known key, one for an unknown key, and one more per cooldown on a slow machine.
            cooldowns = int((time.monotonic() - begun) / COOLDOWN_SECONDS)
            assert keys.asked <= 2 + cooldowns, verifier.name


def checked(verifier, token, keys):
    """Returns the response of a verifier after it has requested the keys. After a failed request it may pause first."""
    keys.asked = 0
    deadline = time.monotonic() + 120
    while True:
        answer = verifier.check(token)
        if keys.asked:
            return answer.status_code, answer.headers.get("WWW-Authenticate")
        assert answer.status_code == 503 and time.monotonic() < deadline, verifier.name
        time.sleep(0.05)


def test_without_keys_nobody_is_told_that_a_token_is_bad():
    key, keys = forge.new_key(), FakeKeys()
    good = dumps({"keys": [forge.jwk(key, "known")]})
    with keys.serve() as url, verifiers(url) as running:
        for verifier in running.values():
            token = own_token(key, "known")
            for keys.status, keys.body in [(500, good), (404, ""), (200, "<html>"), (302, "")]:
                said = checked(verifier, token, keys)
                assert said == (503, None), f"{verifier.name}: {keys.status} {keys.body}"
            keys.status, keys.body = 200, good
            assert checked(verifier, token, keys) == (200, None), verifier.name


def test_keys_that_cannot_be_reached():
    with FakeKeys().serve() as url:
        pass
    key = forge.new_key()
    with verifiers(url) as running:
        for verifier in running.values():
            assert verifier.check(own_token(key, "known")).status_code == 503, verifier.name
