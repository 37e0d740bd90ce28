"""Users of a Python service migrate, with hashes and tokens that its libraries create anew in each run."""

import datetime
import json
import sqlite3
import tempfile
import uuid

import jwt
import pytest
import requests
from jose import jwt as jose_jwt

import foreign_hashes
from conftest import ROOT, Server

UTC = datetime.timezone.utc


def in_minutes(minutes):
    return datetime.datetime.now(UTC) + datetime.timedelta(minutes=minutes)


@pytest.fixture(scope="module")
def moving():
    """Starts a service that accepts legacy tokens signed with its key. The tests can change its SQLite database."""
    with tempfile.TemporaryDirectory(prefix="inwren-test-") as folder:
        until = in_minutes(60).isoformat(timespec="seconds")
        running = Server(folder, DATABASE_URL="sqlite://users.db", LEGACY_TOKENS_UNTIL=until)
        yield running
        running.stop()


def stored(server, email, new_hash=None):
    """Returns the hash in the database, after replacing it with `new_hash` if given."""
    with sqlite3.connect(server.folder / "users.db", timeout=30) as database:
        if new_hash is not None:
            database.execute("UPDATE users SET hashed_password = ? WHERE email = ?", (new_hash, email))
            database.commit()
        return database.execute("SELECT hashed_password FROM users WHERE email = ?", (email,)).fetchone()[0]


def register(server, email):
    body = {"email": email, "password": "another pass phrase"}
    answer = requests.post(f"{server.url}/auth/register", json=body, timeout=30)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def login(server, email, password):
    return requests.post(f"{server.url}/auth/login", json={"email": email, "password": password}, timeout=60)


def me(server, token):
    return requests.get(f"{server.url}/users/me", headers={"Authorization": f"Bearer {token}"}, timeout=30)


@pytest.mark.parametrize("name", foreign_hashes.MAKERS)
@pytest.mark.parametrize("password", [foreign_hashes.PLAIN, foreign_hashes.TYPED, foreign_hashes.LONG])
def test_a_hash_is_verified_and_becomes_ours(moving, name, password):
    place = list(foreign_hashes.MAKERS).index(name)
    email = f"user{place}.{len(password)}@example.org"
    register(moving, email)
    made = foreign_hashes.MAKERS[name](password)
    assert stored(moving, email, made) == made

    assert login(moving, email, "another pass phrase").status_code == 401
    assert stored(moving, email) == made
    assert login(moving, email, password).status_code == 200
    renewed = stored(moving, email)
    if "bcrypt" in name and len(password.encode()) >= 72:
        # bcrypt ignores the rest of the password, so the service keeps the hash until the user changes the password.
        assert renewed == made
        return
    assert renewed.startswith("$argon2id$v=19$m=64,t=1,p=1$") and renewed != made
    assert login(moving, email, password).status_code == 200
    assert stored(moving, email) == renewed
    assert login(moving, email, "another pass phrase").status_code == 401


def test_what_is_written_down_is_of_the_same_kinds():
    written = json.loads((ROOT / "tests" / "data" / "foreign_hashes.json").read_text())
    passwords = [foreign_hashes.PLAIN, foreign_hashes.TYPED, foreign_hashes.LONG]
    kinds = [(entry["made_by"], entry["password"]) for entry in written]
    assert kinds == [(name, password) for name in foreign_hashes.MAKERS for password in passwords]


LIBRARIES = {
    "PyJWT": lambda claims, key: jwt.encode(claims, key, algorithm="RS256"),
    "python-jose": lambda claims, key: jose_jwt.encode(claims, key, algorithm="RS256"),
}


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_token_of_its_library_is_good(moving, library):
    email = f"{library.lower()}@example.org"
    # Legacy tokens are valid only for imported users.
    stranger = register(moving, f"new.{email}")
    user = str(uuid.uuid4())
    line = {"id": user, "email": email, "is_active": True, "is_superuser": False}
    (moving.folder / "users.ndjson").write_text(json.dumps(line) + "\n")
    moving.command("users", "import", "users.ndjson")
    key = (moving.folder / "certs" / "private.pem").read_text()
    sign = LIBRARIES[library]
    now = datetime.datetime.now(UTC)
    for claims in (
        {"sub": user, "exp": in_minutes(30), "type": "access"},
        {"sub": user, "exp": in_minutes(30), "iat": now},
        {"sub": email, "exp": in_minutes(30), "iat": now, "type": "access", "tier": "free", "is_superuser": True},
    ):
        answer = me(moving, sign(claims, key))
        assert answer.status_code == 200 and answer.json()["id"] == user, answer.text
    for claims in (
        {"sub": user, "exp": in_minutes(30), "type": "refresh"},
        {"sub": user, "exp": in_minutes(7 * 24 * 60), "type": "access"},
        {"sub": user, "exp": in_minutes(-5), "type": "access"},
        {"sub": user, "type": "access"},
        {"sub": user, "exp": in_minutes(30)},
        {"sub": stranger, "exp": in_minutes(30), "iat": now, "type": "access"},
        {"sub": f"new.{email}", "exp": in_minutes(30), "iat": now, "type": "access"},
    ):
        assert me(moving, sign(claims, key)).status_code == 401, claims
