"""Rotates keys twice and revokes one during continuous logins, while verifiers in three languages check the tokens."""

import random
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass

import pytest
import requests

import forge
from conftest import Server
from verifiers import verifiers

CACHE_SECONDS = 2
# Longest delay of a response on a busy machine.
ON_THE_WAY_SECONDS = 4
DEADLINE_SECONDS = 240
# Minimum number of tokens per key, and of responses per verifier and key.
ENOUGH = 20
WORKERS = 3
PASSWORD = "a pass phrase for all of them"


@dataclass
class Check:
    """The response of a verifier to a token."""

    kid: str
    verifier: str
    begun: float
    ended: float
    status: int


class Stream:
    """Worker threads. Each logs a user in, refreshes, and presents the tokens to all verifiers until `__exit__`."""

    def __init__(self, server, running):
        self.server, self.running = server, running
        self.made = {}
        self.checks = []
        self.signed_out = Counter()
        self._trouble = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(number,)) for number in range(WORKERS)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def wait_for(self, what, happened):
        """Waits until a condition holds. Fails if a worker has failed."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not happened():
            assert not self._trouble, self._trouble
            assert time.monotonic() < deadline, f"waited in vain until {what}"
            time.sleep(0.02)

    def run_for(self, seconds):
        end = time.monotonic() + seconds
        self.wait_for("some time has passed", lambda: time.monotonic() >= end)

    def check_enough(self):
        """Waits until the signing key has enough tokens and checks, also on a slow machine."""
        kid = list(self.made)[-1]

        def enough():
            seen = Counter(check.verifier for check in list(self.checks) if check.kid == kid)
            return len(self.made[kid]) >= ENOUGH and all(seen[name] >= ENOUGH for name in self.running)

        self.wait_for("enough is checked", enough)

    def _work(self, number):
        try:
            with requests.Session() as session:
                person = Person(self.server, session, f"person-{number}@example.org")
                while not self._stop.is_set():
                    pair = person.next_pair(self.signed_out)
                    token = pair["access_token"]
                    kid = forge.opened(token)[0]["kid"]
                    self.made.setdefault(kid, []).append(token)
                    self.check_everywhere(kid, token, session)
                    earlier = random.choice(list(self.made))
                    self.check_everywhere(earlier, random.choice(self.made[earlier]), session)
        except Exception as trouble:
            self._trouble.append(repr(trouble))

    def check_everywhere(self, kid, token, session=requests):
        for name, verifier in self.running.items():
            begun = time.monotonic()
            status = verifier.check(token, session).status_code
            self.checks.append(Check(kid, name, begun, time.monotonic(), status))


class Person:
    """A user that logs in at intervals and refreshes in between."""

    def __init__(self, server, session, email):
        self._url, self._session = server.url, session
        self._body = {"email": email, "password": PASSWORD}
        self._pair = None
        self._refreshes = 0
        self._post("register", self._body).raise_for_status()

    def _post(self, path, body):
        return self._session.post(f"{self._url}/auth/{path}", json=body, timeout=30)

    def next_pair(self, signed_out):
        self._refreshes += 1
        if self._pair is not None and self._refreshes % 4:
            refresh = self._pair["refresh_token"]
            answer = self._post("refresh", {"refresh_token": refresh})
            if answer.status_code == 200:
                self._pair = answer.json()
                return self._pair
            # Only users whose key was revoked have to log in again.
            assert answer.status_code == 401, answer.text
            signed_out[forge.opened(refresh)[0]["kid"]] += 1
        answer = self._post("login", self._body)
        answer.raise_for_status()
        self._pair = answer.json()
        return self._pair


def published(server):
    answer = requests.get(f"{server.url}/.well-known/jwks.json", timeout=30)
    assert answer.headers["Cache-Control"] == f"public, max-age={CACHE_SECONDS}"
    return {key["kid"] for key in answer.json()["keys"]}


@pytest.fixture
def server():
    with tempfile.TemporaryDirectory(prefix="inwren-test-") as folder:
        running = Server(folder, JWKS_MAX_AGE_SECONDS=str(CACHE_SECONDS))
        yield running
        running.stop()


def test_nobody_notices_a_rotation_and_everybody_a_revocation(server, capsys):
    settings = {"INWREN_JWKS_MAX_AGE": str(CACHE_SECONDS), "INWREN_ISSUER": server.issuer}
    with verifiers(f"{server.url}/.well-known/jwks.json", **settings) as running, Stream(server, running) as stream:
        stream.run_for(CACHE_SECONDS)
        stream.check_enough()
        for rotation in range(1, 3):
            server.command("keys", "rotate")
            stream.wait_for("the next key signs", lambda: len(stream.made) == rotation + 1)
            # Wait until every cached copy of the old key set has expired.
            stream.run_for(CACHE_SECONDS + ON_THE_WAY_SECONDS)
            stream.check_enough()

        revoked = list(stream.made)[-1]
        server.command("keys", "rotate")
        stream.wait_for("the pending key is published", lambda: len(published(server)) == 4)
        stream.run_for(CACHE_SECONDS + ON_THE_WAY_SECONDS)
        revocation = time.monotonic()
        server.command("keys", "revoke", revoked, "--yes")
        stream.wait_for("the revoked key is gone", lambda: revoked not in published(server))
        gone = time.monotonic()
        refused_from = gone + CACHE_SECONDS + ON_THE_WAY_SECONDS
        stream.wait_for("nobody has a copy of it", lambda: time.monotonic() > refused_from)
        stream.run_for(CACHE_SECONDS)
        for kid, tokens in list(stream.made.items()):
            for token in tokens[-ENOUGH:]:
                stream.check_everywhere(kid, token)

    valid = [check for check in stream.checks if check.kid != revoked or check.ended < revocation]
    late = [check for check in stream.checks if check.kid == revoked and check.begun > refused_from]
    accepted = [check.ended - gone for check in stream.checks if check.kid == revoked and check.status == 200]
    with capsys.disabled():
        print()
        print(f"keys: {len(stream.made)}, tokens: {sum(map(len, stream.made.values()))}, checks: {len(stream.checks)}")
        for name in running:
            of_valid = Counter(check.status for check in valid if check.verifier == name)
            of_late = Counter(check.status for check in late if check.verifier == name)
            print(f"{name:>8}: valid tokens {dict(of_valid)}, those of the revoked key {dict(of_late)}")
        print(f"the last token of the revoked key was accepted {max(accepted):.1f} s after the key was gone")

    assert len(stream.made) == 4
    assert set(stream.signed_out) <= {revoked}
    assert [check for check in valid if check.status != 200] == []
    assert [check for check in late if check.status != 401] == []
    seen = Counter((check.kid, check.verifier) for check in valid + late)
    assert all(seen[kid, name] >= ENOUGH for kid in stream.made for name in running), seen
