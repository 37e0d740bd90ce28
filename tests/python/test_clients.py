"""Tests generated clients: the recipes of docs/clients.md work unchanged with the committed document, and each client
runs the same story against its own service."""

import os
import re
import shutil
import tempfile

import pytest
import requests

from clients import CLIENTS, NODE_MODULES, RECIPES, node_folder, pinned, python_folder, run, rust_folder
from conftest import ROOT, SUPERUSER, SUPERUSER_PASSWORD, Server

STEPS = [
    "register", "login", "me", "refresh", "race", "pages",
    *(f"problem {status}" for status in (400, 401, 403, 404, 409, 413, 422, 429)),
    "logout",
]

# Limits: one session list per minute, and more of all other requests than the story needs.
LIMITS = {f"RATE_LIMIT_{name}": "1000/minute" for name in ("REGISTER", "LOGIN", "LOGIN_ACCOUNT", "REFRESH", "ME", "ADMIN")}
LIMITS |= {"RATE_LIMIT_ENABLED": "true", "RATE_LIMIT_SESSIONS": "1/minute"}


def run_typescript(story):
    def run_story(folder, settings):
        for file in (story, "steps.ts", "tsconfig.json"):
            shutil.copy(CLIENTS / "typescript" / file, folder)
        run(["npx", "tsc"], folder)
        return run(["node", f"out/{story.removesuffix('.ts')}.js"], folder, **settings)

    return run_story


def run_python(folder, settings):
    shutil.copy(CLIENTS / "python" / "story.py", folder)
    run([".venv/bin/mypy", "story.py", "inwren_client"], folder)
    return run([".venv/bin/python", "story.py"], folder, **settings)


def run_rust(folder, settings):
    (folder / "src" / "bin").mkdir(exist_ok=True)
    shutil.copy(CLIENTS / "rust" / "story.rs", folder / "src" / "bin")
    return run(["cargo", "run", "--quiet", "--locked", "--bin", "story"], folder, **settings)


GENERATORS = {
    "TypeScript: openapi-fetch": (node_folder, run_typescript("with-openapi-fetch.ts")),
    "TypeScript: Hey API": (node_folder, run_typescript("with-hey-api.ts")),
    "TypeScript: orval": (node_folder, run_typescript("with-orval.ts")),
    "Python: openapi-python-client": (python_folder, run_python),
    "Rust: progenitor": (rust_folder, run_rust),
}


def test_every_recipe_is_tested():
    assert list(RECIPES) == list(GENERATORS)


def test_recipes_name_the_tested_versions():
    known, named = set(pinned()), [package for recipe in RECIPES.values() for package in recipe.packages()]
    assert len(named) >= 6
    assert [package for package in named if package not in known] == []


def test_served_document_is_the_committed_one(server):
    assert requests.get(f"{server.url}/openapi.json", timeout=30).text == (ROOT / "app" / "openapi.json").read_text()


@pytest.fixture(scope="module", params=GENERATORS)
def recipe(request, server):
    """Returns a folder with a generated client, the output of its recipe, and the function that runs the story."""
    make_folder, run_story = GENERATORS[request.param]
    folder = make_folder(re.sub(r"\W+", "-", request.param).lower())
    return folder, RECIPES[request.param].follow(folder, server.url), run_story


def test_the_recipe_works(recipe):
    _, printed, _ = recipe
    assert re.search(r"^I am first-\w+@example\.org$", printed, re.M), printed


def test_the_story_passes(recipe):
    folder, _, run_story = recipe
    with tempfile.TemporaryDirectory(prefix="inwren-story-") as place:
        service = Server(place, **LIMITS)
        settings = {
            "INWREN_URL": service.url,
            "SUPERUSER_EMAIL": SUPERUSER,
            "SUPERUSER_PASSWORD": SUPERUSER_PASSWORD,
        }
        try:
            printed = run_story(folder, settings)
        finally:
            service.stop()
    assert re.findall(r"^passed: (.+)$", printed, re.M) == STEPS


@pytest.mark.skipif(os.environ.get("INWREN_TEST_LONG") != "1", reason="needs a Java runtime: ./tests/run --long")
def test_openapi_generator_compiles_in_strict_mode():
    folder = node_folder("openapi-generator")
    run([
        ROOT / "target" / "test-openapi-generator-venv" / "bin" / "openapi-generator-cli", "generate",
        "--input-spec", ROOT / "app" / "openapi.json", "--generator-name", "typescript-fetch", "--output", "client",
        "--additional-properties", "importFileExtension=.js",
    ], folder)
    (folder / "package.json").write_text('{ "type": "module" }')
    # The client exports its own parameter types in addition to the schemas of the document.
    index = (folder / "client" / "index.ts").read_text()
    assert "./apis/index.js" in index and "./models/index.js" in index
    run([
        NODE_MODULES / ".bin" / "tsc", "--strict", "--noEmit", "--module", "nodenext", "--target", "es2022",
        "client/index.ts",
    ], folder)
