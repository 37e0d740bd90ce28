"""The current document breaks no client of the last release, and the comparison detects breaking changes."""

import copy
import json
import subprocess
import sys

import pytest

from conftest import ROOT
from openapi_changes import Comparison

CURRENT = ROOT / "app" / "openapi.json"
RELEASED = ROOT / "docs" / "openapi" / "released.json"


def test_current_document_is_compatible_with_the_release():
    command = [sys.executable, ROOT / "tests/python/openapi_changes.py", RELEASED, CURRENT]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def shapes(document):
    return document["components"]["schemas"]


def login(document):
    return document["paths"]["/auth/login"]["post"]


def gone_operation(d): d["paths"].pop("/users/me/sessions")
def gone_method(d): d["paths"]["/users/me"].pop("delete")
def other_name(d): login(d)["operationId"] = "signIn"
def other_shape(d): login(d)["responses"]["200"]["content"]["application/json"]["schema"] = {"type": "object"}
def gone_answer(d): login(d)["responses"].pop("200")
def gone_body(d): login(d).pop("requestBody")
def gone_field(d): shapes(d)["User"]["properties"].pop("tier")
def field_may_be_missing(d): shapes(d)["User"]["required"].remove("email")
def field_may_be_null(d): shapes(d)["User"]["properties"]["email"]["nullable"] = True
def other_type(d): shapes(d)["Token"]["properties"]["expires_in"]["type"] = "string"
def renamed_and_changed(d):
    shapes(d)["Account"] = copy.deepcopy(shapes(d)["User"])
    shapes(d)["Account"]["properties"].pop("tier")
    answer = d["paths"]["/users/me"]["get"]["responses"]["200"]
    answer["content"]["application/json"]["schema"]["$ref"] = "#/components/schemas/Account"
def asked_for_more(d):
    shapes(d)["LoginRequest"]["properties"]["device"] = {"type": "string"}
    shapes(d)["LoginRequest"]["required"].append("device")
def takes_less(d): shapes(d)["RegisterRequest"]["properties"]["password"]["maxLength"] = 10
def no_longer_taken(d): shapes(d)["RegisterRequest"]["properties"].pop("tier")
def closed(d): d["paths"]["/health"]["get"]["security"] = [{"bearer": []}]
def gone_parameter(d): d["paths"]["/admin/users"]["get"]["parameters"].pop()


@pytest.mark.parametrize("change", [
    gone_operation, gone_method, other_name, other_shape, gone_answer, gone_body, gone_field, field_may_be_missing,
    field_may_be_null, other_type, renamed_and_changed, asked_for_more, takes_less, no_longer_taken, closed, gone_parameter,
], ids=lambda change: change.__name__)
def test_change_is_breaking(change):
    old = json.loads(CURRENT.read_text())
    new = copy.deepcopy(old)
    change(new)
    found = Comparison(old, new)
    assert found.kind() == "breaking" and not found.is_allowed(), found.additive
    major, minor, *_ = old["info"]["version"].split(".")
    new["info"]["version"] = f"{major}.{int(minor) + 1}.0" if major == "0" else f"{int(major) + 1}.0.0"
    assert Comparison(old, new).is_allowed()


def new_operation(d): d["paths"]["/users/them"] = d["paths"]["/users/me"]
def new_field(d): shapes(d)["User"]["properties"]["name"] = {"type": "string"}
def new_optional_field(d): shapes(d)["LoginRequest"]["properties"]["device"] = {"type": "string"}
def takes_more(d): shapes(d)["RegisterRequest"]["properties"]["password"]["maxLength"] = 1000
def new_error(d): login(d)["responses"]["418"] = {"description": "A teapot"}
def rename(d):
    shapes(d)["Account"] = shapes(d).pop("User")
    text = json.dumps(d).replace("#/components/schemas/User\"", "#/components/schemas/Account\"")
    d.update(json.loads(text))
def open_values(d): shapes(d)["GrantType"].pop("enum")
def new_parameter(d):
    parameter = {"in": "query", "name": "sort", "schema": {"type": "string"}}
    d["paths"]["/admin/users"]["get"]["parameters"].append(parameter)


@pytest.mark.parametrize("change", [
    new_operation, new_field, new_optional_field, takes_more, new_error, rename, open_values, new_parameter,
], ids=lambda change: change.__name__)
def test_change_is_additive(change):
    old = json.loads(CURRENT.read_text())
    new = copy.deepcopy(old)
    change(new)
    found = Comparison(old, new)
    assert found.kind() == "additive" and found.is_allowed(), found.breaking


def test_words_may_change():
    old = json.loads(CURRENT.read_text())
    new = copy.deepcopy(old)
    login(new)["summary"] = login(new)["description"] = "Something else."
    shapes(new)["User"]["properties"]["email"]["example"] = "other@example.com"
    assert Comparison(old, new).kind() == "none"
