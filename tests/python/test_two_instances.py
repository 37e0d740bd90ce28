"""Runs `docs/two-instances.md` as written, on the PostgreSQL and Redis of the tests."""

import os
import subprocess
import uuid

from conftest import BINARY
from documents import sections
from processes import free_port


def test_every_line_of_the_page_works(tmp_path):
    postgres, redis = (os.environ.get(f"INWREN_TEST_{name}_URL") for name in ("POSTGRES", "REDIS"))
    assert postgres and redis, "run this by ./tests/run, which starts PostgreSQL and Redis"
    parts = sections("two-instances.md")
    [(words, start), (_, stop)] = parts[None]
    assert words == ["sh"] and len(start.splitlines()) <= 15, "the page promises few lines"
    ports = [free_port(), free_port()]
    unique = uuid.uuid4().hex[:12]

    def here(text):
        changes = {
            "postgres://postgres@127.0.0.1:5432": postgres.rsplit("/", 1)[0], "redis://127.0.0.1:6379": redis,
            "inwren_two": f"inwren_two_{unique}", "8001": str(ports[0]), "8002": str(ports[1]),
            # Other tests use the same Redis from the same address, so set a key prefix.
            "inwren keys generate": f"export REDIS_KEY_PREFIX={unique}: ; inwren keys generate",
        }
        for old, new in changes.items():
            assert old in start
            text = text.replace(old, new)
        return text

    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/inwren").symlink_to(BINARY)
    environment = {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "HOME": str(tmp_path)}
    # The instances are background jobs, as in a terminal. If a line fails, they stop with the shell.
    script = f"set -m\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{here(start)}\necho '--- stop ---'\n{here(stop)}"
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True,
        timeout=300,
    )
    logs = "".join(path.read_text() for path in tmp_path.glob("two-instances/*.log"))
    assert ran.returncode == 0, ran.stdout + ran.stderr + logs
    shown, stopped = ran.stdout.split("--- stop ---")
    # Printed twice: by the registration at one instance, and by the profile at the other.
    assert shown.count('"email":"ann@example.org"') == 2
    assert "r=3" in shown
    assert '"code":"invalid-token"' in shown
    assert "DROP DATABASE" in stopped and not (tmp_path / "two-instances").exists()
