"""The OpenAPI document passes the recommended rules of the linters."""

import json
import os
import subprocess

import pytest

from conftest import ROOT

DOCUMENT = ROOT / "app" / "openapi.json"
RULES = ROOT / "tests" / "openapi"
PROGRAMS = ROOT / "target" / "test-openapi-node" / "node_modules" / ".bin"


def run(*command):
    if not PROGRAMS.is_dir():
        raise FileNotFoundError(f"there is no {PROGRAMS}: run ./tests/run --python")
    # Disable telemetry and update checks, so the linter sends no requests.
    quiet = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
    return subprocess.run(
        command, env={**os.environ, **quiet}, cwd=RULES, capture_output=True, text=True, timeout=600
    )


def redocly(document):
    """Returns the violated rules, each with its message."""
    ran = run(PROGRAMS / "redocly", "lint", document, "--config", "redocly.yaml", "--format", "json")
    found = json.loads(ran.stdout[ran.stdout.index("{"):])
    assert found["totals"]["ignored"] == 0
    return [f"{problem['ruleId']}: {problem['message']}" for problem in found["problems"]]


def spectral(document):
    ran = run(
        PROGRAMS / "spectral", "lint", document, "--ruleset", "spectral.yaml", "--format", "json", "--quiet",
        "--fail-severity", "hint",
    )
    return [f"{problem['code']}: {problem['message']}" for problem in json.loads(ran.stdout)]


LINTERS = pytest.mark.parametrize("lint", [redocly, spectral])


@LINTERS
def test_the_document_is_clean(lint):
    assert lint(DOCUMENT) == []


@LINTERS
def test_a_linter_finds_what_is_wrong(lint, tmp_path):
    document = json.loads(DOCUMENT.read_text())
    operation = document["paths"]["/auth/login"]["post"]
    operation["operationId"] = "register"
    wrong = tmp_path / "wrong.json"
    wrong.write_text(json.dumps(document))
    assert any("operation-operationId" in problem for problem in lint(wrong))
