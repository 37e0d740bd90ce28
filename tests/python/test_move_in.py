"""Migrates users from tables that SQLAlchemy, passlib and argon2-cffi wrote. They log in with their old passwords."""

import contextlib
import enum
import json
import os
import random
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from datetime import datetime, timedelta, timezone

import bcrypt
import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher
from passlib.context import CryptContext
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from conftest import BINARY, Server
from documents import sections

POSTGRES_URL = os.environ.get("INWREN_TEST_POSTGRES_URL")
USERS = 100_000

# Hashers of the legacy service. The tests try every entry.
HASHERS = {
    "argon2-cffi": PasswordHasher().hash,
    "argon2-cffi, cheaper": PasswordHasher(time_cost=2, memory_cost=1024, parallelism=2).hash,
    "passlib, argon2": CryptContext(schemes=["argon2"]).hash,
    "passlib, pbkdf2_sha256": CryptContext(schemes=["pbkdf2_sha256"]).hash,
    "bcrypt": lambda password: bcrypt.hashpw(password.encode(), bcrypt.gensalt(rounds=10)).decode(),
}


class Base(DeclarativeBase):
    pass


class Tier(enum.Enum):
    FREE = "free"
    PREMIUM = "premium"
    ENTERPRISE = "enterprise"


class User(Base):
    """The table of the legacy service."""

    __tablename__ = "users"
    id: Mapped[uuid.UUID] = mapped_column(sa.Uuid, primary_key=True, default=uuid.uuid4)
    email: Mapped[str] = mapped_column(sa.String(255), unique=True, index=True)
    hashed_password: Mapped[str] = mapped_column(sa.String(255))
    is_active: Mapped[bool] = mapped_column(sa.Boolean, default=True)
    is_superuser: Mapped[bool] = mapped_column(sa.Boolean, default=False)
    tier: Mapped[Tier] = mapped_column(sa.Enum(Tier), default=Tier.FREE)
    hashed_refresh_token: Mapped[str | None] = mapped_column(sa.String(255))
    created_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True), server_default=sa.func.now())
    updated_at: Mapped[datetime] = mapped_column(sa.DateTime, server_default=sa.func.now())


class Invoice(Base):
    """A table of the legacy service that refers to its users."""

    __tablename__ = "invoices"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("users.id"))


class Other(DeclarativeBase):
    pass


class FastapiUser(Other):
    """The table of fastapi-users, in a fork with integer ids."""

    __tablename__ = "user"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(sa.String(320), unique=True, index=True)
    hashed_password: Mapped[str] = mapped_column(sa.String(1024))
    is_active: Mapped[bool] = mapped_column(default=True)
    is_superuser: Mapped[bool] = mapped_column(default=False)
    is_verified: Mapped[bool] = mapped_column(default=False)


@contextlib.contextmanager
def database():
    """Creates a database on the test server. Yields an engine, and the URL in the format of the legacy service."""
    assert POSTGRES_URL, "INWREN_TEST_POSTGRES_URL names no server: run ./tests/run --python"
    base = sa.make_url(POSTGRES_URL).set(drivername="postgresql+psycopg")
    name = f"inwren_test_{int(time.time())}_{uuid.uuid4().hex}"
    admin = sa.create_engine(base, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    url = base.set(database=name)
    engine = sa.create_engine(url)
    try:
        yield engine, url.set(drivername="postgresql+asyncpg").render_as_string(hide_password=False)
    finally:
        engine.dispose()
        with admin.connect() as connection:
            connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
        admin.dispose()


def environment(url, **settings):
    cheap = {"ARGON2_MEMORY_KIB": "64", "ARGON2_ITERATIONS": "1", "RATE_LIMIT_ENABLED": "false"}
    return {"DATABASE_URL": url, **cheap, **settings}


def inwren(folder, url, *arguments, code=0):
    ran = subprocess.run(
        [BINARY, *arguments], cwd=folder, env=environment(url), capture_output=True, text=True, timeout=600
    )
    assert ran.returncode == code, ran.stdout + ran.stderr
    assert "$argon2" not in ran.stderr, ran.stderr
    return ran.stdout


def status_of_login(server, email, password):
    request = urllib.request.Request(
        f"{server.url}/auth/login", json.dumps({"email": email, "password": password}).encode(),
        {"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def fill(engine, count, chosen):
    """Creates a legacy table with `count` users. `chosen` has the password hashes of some of them by number."""
    Base.metadata.create_all(engine)
    reused = PasswordHasher().hash("the same for everybody else")
    begin = datetime(2021, 3, 4, 5, 6, 7, 890123, timezone.utc)
    tiers = list(Tier)

    def row(n):
        at = begin + timedelta(minutes=n)
        return {
            "id": uuid.uuid4(),
            "email": f"User.{n}@example.org",
            "hashed_password": chosen.get(n, reused),
            "is_active": n % 10 != 9 or n in chosen,
            "is_superuser": n % 1000 == 0,
            "tier": tiers[n % 3],
            "hashed_refresh_token": "x" * 60 if n % 2 else None,
            "created_at": at,
            "updated_at": (at + timedelta(days=1)).replace(tzinfo=None),
        }

    with engine.begin() as connection:
        for first in range(0, count, 10_000):
            connection.execute(sa.insert(User), [row(n) for n in range(first, min(first + 10_000, count))])


def wait_for_users(engine, count):
    begun = time.monotonic()
    while True:
        with engine.connect() as connection:
            if connection.execute(sa.text("SELECT count(*) FROM users")).scalar() >= count:
                return
        assert time.monotonic() - begun < 300, "too few users are taken over"
        time.sleep(0.02)


def test_a_hundred_thousand_users_move_in_and_log_in(tmp_path):
    numbers = random.sample(range(1, USERS), 10)
    people = {n: (f"an old pass phrase {n}", list(HASHERS)[i % len(HASHERS)]) for i, n in enumerate(numbers)}
    with database() as (old, old_url), database() as (new, new_url):
        fill(old, USERS, {n: HASHERS[hasher](password) for n, (password, hasher) in people.items()})
        with old.begin() as connection:
            for email, hashed, tier in [
                ("Twice@example.org", "$argon2id$", Tier.FREE), ("tWICE@example.org", "$argon2id$", Tier.FREE),
                ("no address", "$argon2id$", Tier.FREE), ("md5@example.org", uuid.uuid4().hex, Tier.FREE),
            ]:
                if hashed == "$argon2id$":
                    hashed = PasswordHasher(memory_cost=8, time_cost=1, parallelism=1).hash("x")
                user = {"id": uuid.uuid4(), "email": email, "hashed_password": hashed, "tier": tier}
                connection.execute(sa.insert(User), user)
        inwren(tmp_path, new_url, "migrate", "up")

        found = json.loads(inwren(tmp_path, new_url, "adopt", "--from", old_url, "--dry-run", "--json"))
        refused = {"case-conflict": 2, "invalid-email": 1, "unknown-hash": 1}
        assert found["table"]["rows"] == USERS + 4
        assert found["table"]["referred_to_by"] == ["invoices"]
        assert (found["added"], found["refused_by_code"]) == (USERS, refused)
        other = {"pbkdf2_sha256": 2, "bcrypt": 2, "unknown": 1}
        assert found["found"]["hashes"] == {"argon2id": USERS + 4 - sum(other.values()), **other}
        assert set(found["found"]["tiers"]) == {"free", "premium", "enterprise"}
        assert found["found"]["with_refresh_token"] == USERS // 2
        twice = [problem for problem in found["problems"] if problem["code"] == "case-conflict"]
        assert all(re.fullmatch(r"row [0-9a-f-]{36}", problem["place"]) for problem in twice)
        assert all(re.search(r"[0-9a-f-]{36}", problem["detail"]) for problem in twice)
        with new.connect() as connection:
            assert connection.execute(sa.text("SELECT count(*) FROM users")).scalar() == 0

        # Kill the command halfway, while the service runs, and run it again.
        server = Server(tmp_path, DATABASE_URL=new_url)
        try:
            command = [BINARY, "adopt", "--from", old_url, "--yes", "--json"]
            adopting = subprocess.Popen(
                command, cwd=tmp_path, env=environment(new_url), stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
            # The `+ 1` is the superuser that the service creates.
            wait_for_users(new, USERS // 10 + 1)
            adopting.send_signal(signal.SIGKILL)
            assert adopting.wait(timeout=120) == -signal.SIGKILL
            begun = time.monotonic()
            again = subprocess.run(command, cwd=tmp_path, env=environment(new_url), capture_output=True, text=True)
            took = time.monotonic() - begun
            print(f"adopted the rest of {USERS} users in {took:.1f} s")
            assert again.returncode == 1, again.stderr
            # The command reports its progress every few seconds.
            assert took < 4 or re.search(r"adopting users \d+ % after \d+ s", again.stderr), again.stderr
            done = json.loads(again.stdout)
            assert done["added"] + done["unchanged"] == USERS and done["refused_by_code"] == refused
            assert done["unchanged"] >= USERS // 10 and done["added"] > 0

            for n, (password, hasher) in people.items():
                # Addresses are case-insensitive.
                assert status_of_login(server, f"user.{n}@EXAMPLE.org", password) == 200, hasher
                assert status_of_login(server, f"user.{n}@example.org", f"{password}!") == 401
            assert status_of_login(server, "twice@example.org", "x") == 401
        finally:
            server.stop()

        rows = sa.text("SELECT id::text, email, is_active, is_superuser, lower(tier::text), created_at FROM users")
        kept = sa.text("SELECT id::text, email, is_active, is_superuser, tier, created_at FROM users")
        with old.connect() as before, new.connect() as after:
            before, after = set(map(tuple, before.execute(rows))), set(map(tuple, after.execute(kept)))
        # The additional row is the superuser that the service created.
        assert len(after - before) == 1 and len(before - after) == 4

        # The operator resolves the conflict, and a third run adds the chosen account.
        chosen = ["--on-case-conflict", "newest", "--unknown-hash", "reset", "--json", "--yes"]
        with old.begin() as connection:
            later = "UPDATE users SET updated_at = now() + interval '1 day' WHERE email = 'tWICE@example.org'"
            connection.execute(sa.text(later))
        last = json.loads(inwren(tmp_path, new_url, "adopt", "--from", old_url, *chosen, code=1))
        # Ten users have a new hash because they have logged in.
        assert (last["added"], last["without_password"], last["skipped"]) == (2, 1, 10)
        assert last["refused_by_code"] == {"case-conflict": 1, "invalid-email": 1}
        with new.connect() as connection:
            emails = connection.execute(sa.text("SELECT email FROM users WHERE email ILIKE 'twice@%'")).scalars().all()
        assert emails == ["tWICE@example.org"]


# Tests of the pages.


def commands(page):
    """Returns the `sh` blocks of a page of docs/move-in by heading."""
    found = {heading: [text for words, text in part if words == ["sh"]] for heading, part in sections(f"move-in/{page}").items()}
    return {heading: texts for heading, texts in found.items() if texts}


def run_page(folder, page, heading, url, **variables):
    said = ""
    for block in commands(page)[heading]:
        path = f"{BINARY.parent}:{os.environ['PATH']}"
        ran = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block], cwd=folder, timeout=120, capture_output=True, text=True,
            env={**environment(url), "PATH": path, **variables},
        )
        assert ran.returncode == 0, f"{block}\n{ran.stdout}\n{ran.stderr}"
        said += ran.stdout + ran.stderr
    return said


def test_every_command_of_the_pages_is_run():
    headings = {
        "adopt.md": {"Dry run", "Into a new database", "In the old database", "From fastapi-users", "Compare"},
        "import-export.md": {"Move to another database", "Second factors"},
    }
    for page, run in headings.items():
        assert set(commands(page)) == run


def test_the_page_moves_users_into_a_database_of_its_own(tmp_path):
    password = "an old pass phrase"
    with database() as (old, old_url):
        fill(old, 50, {7: HASHERS["argon2-cffi"](password)})
        new_url = f"sqlite://{tmp_path / 'new.db'}"
        inwren(tmp_path, new_url, "adopt", "--from", old_url, "--dry-run", code=1)
        assert not (tmp_path / "new.db").exists()
        said = run_page(tmp_path, "adopt.md", "Dry run", new_url, OLD_DATABASE_URL=old_url)
        assert "50 would be added" in said
        said = run_page(tmp_path, "adopt.md", "Into a new database", new_url, OLD_DATABASE_URL=old_url)
        assert "50 added" in said
        said = run_page(tmp_path, "adopt.md", "Compare", new_url)
        assert said.startswith("50 users, checksum ")
        server = Server(tmp_path, DATABASE_URL=new_url)
        assert status_of_login(server, "user.7@example.org", password) == 200
        server.stop()


@pytest.mark.parametrize("kind", ["postgres", "sqlite"])
def test_the_page_moves_users_in_the_old_database(tmp_path, kind):
    password = "an old pass phrase"
    with contextlib.ExitStack() as stack:
        if kind == "postgres":
            old, url = stack.enter_context(database())
        else:
            old, url = sa.create_engine(f"sqlite:///{tmp_path / 'old.db'}"), f"sqlite+aiosqlite:///{tmp_path / 'old.db'}"
        fill(old, 50, {7: HASHERS["argon2-cffi"](password)})
        with old.begin() as connection:
            user = connection.execute(sa.select(User.id).where(User.email == "User.7@example.org")).scalar_one()
            connection.execute(sa.insert(Invoice), {"id": 1, "user_id": user})
        said = run_page(tmp_path, "adopt.md", "In the old database", url)
        assert "users_before_inwren" in said and "50 added" in said
        # A second run finds the renamed table and changes nothing.
        assert "50 unchanged" in inwren(tmp_path, url, "adopt", "--yes")
        with old.connect() as connection:
            assert connection.execute(sa.text("SELECT count(*) FROM users_before_inwren")).scalar() == 50
            assert connection.execute(sa.text("SELECT count(*) FROM invoices")).scalar() == 1
        old.dispose()
        server = Server(tmp_path, DATABASE_URL=url)
        assert status_of_login(server, "user.7@example.org", password) == 200
        server.stop()


def test_the_page_moves_users_from_fastapi_users(tmp_path):
    password = "an old pass phrase"
    with database() as (old, old_url), database() as (_, new_url):
        Other.metadata.create_all(old)
        hashed = HASHERS["argon2-cffi"](password)
        with old.begin() as connection:
            rows = [{"id": n, "email": f"user.{n}@example.org", "hashed_password": hashed} for n in range(1, 18)]
            connection.execute(sa.insert(FastapiUser), rows)
        inwren(tmp_path, new_url, "migrate", "up")
        said = run_page(tmp_path, "adopt.md", "From fastapi-users", new_url, OLD_DATABASE_URL=old_url)
        assert "id is integer" in said and "17 would be added" in said and "17 users with an unverified address" in said
        assert "17 unchanged" in inwren(tmp_path, new_url, "adopt", "--from", old_url, "--table", "user", "--yes")
        users = inwren(tmp_path, new_url, "users", "export").splitlines()
        ids = {line["email"]: line["id"] for line in map(json.loads, users)}
        assert ids["user.17@example.org"] == "9addd1d4-aa7f-81f6-a09f-a106000e92af"
        server = Server(tmp_path, DATABASE_URL=new_url)
        assert status_of_login(server, "user.17@example.org", password) == 200
        server.stop()


def test_the_page_moves_users_to_another_database(tmp_path):
    with database() as (_, new_url):
        url = f"sqlite://{tmp_path / 'data' / 'inwren.db'}"
        server = Server(tmp_path, DATABASE_URL=url)
        said = run_page(tmp_path, "import-export.md", "Move to another database", url, NEW_DATABASE_URL=new_url)
        assert "in plaintext" in run_page(tmp_path, "import-export.md", "Second factors", url)
        server.stop()
        assert "exactly the users of the file" in said
        assert len(set(re.findall(r"checksum ([0-9a-f]{64})", said))) == 1
