"""Sends valid and invalid requests generated from the OpenAPI document. Every response matches the document."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import SUPERUSER, SUPERUSER_PASSWORD

HERE = Path(__file__).resolve().parent
EXAMPLES = 25
SEED = 20261101


@pytest.mark.parametrize("role", ["user", "superuser"])
def test_answers_conform_to_the_document(server, role, tmp_path):
    environment = {
        **os.environ,
        "SCHEMATHESIS_HOOKS": "schemathesis_hooks",
        "PYTHONPATH": str(HERE),
        "INWREN_URL": server.url,
        "INWREN_ROLE": role,
        "INWREN_SUPERUSER": SUPERUSER,
        "INWREN_SUPERUSER_PASSWORD": SUPERUSER_PASSWORD,
    }
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{server.url}/openapi.json"]
    options = [
        "--checks=all",
        f"--max-examples={EXAMPLES}",
        f"--seed={SEED}",
        "--generation-deterministic",
        "--continue-on-failure",
        "--suppress-health-check=all",
        "--request-timeout=60",
    ]
    ran = subprocess.run(command + options, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=900)
    print(ran.stdout[-2000:])
    assert ran.returncode == 0, ran.stdout + ran.stderr
