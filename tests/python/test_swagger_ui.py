"""The documents in a browser: nothing comes from elsewhere, and one can log in and try an operation out.

With INWREN_TEST_PICTURES=yes the pictures in docs/images are made anew."""

import json
import os
from urllib.parse import urlsplit

import pytest
import requests

from conftest import ROOT
from webdriver import Browser

EMAIL = "ann@example.org"
PASSWORD = "ann's pass phrase"


@pytest.fixture
def browser(tmp_path):
    browser = Browser(tmp_path)
    yield browser
    browser.close()


def assert_clean(browser, server):
    """No request left this server, and the console has nothing to complain about."""
    hosts = set()
    for entry in browser.log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            url = urlsplit(message["params"]["request"]["url"])
            # `data:` and `blob:` stay within the page.
            if url.scheme not in ("data", "blob", "chrome", "about"):
                hosts.add(f"{url.scheme}://{url.netloc}")
    assert hosts == {server.url}
    complaints = [entry["message"] for entry in browser.log("browser") if entry["level"] in ("SEVERE", "WARNING")]
    assert complaints == []


def keep_picture(browser, name):
    """Only if it is wanted: a run of the tests leaves the tree as it is."""
    if os.environ.get("INWREN_TEST_PICTURES") == "yes":
        browser.size(1200, 800)
        browser.script("window.scrollTo(0, 0)")
        (ROOT / "docs" / "images" / f"{name}.png").write_bytes(browser.picture())


def test_swagger_ui_logs_in_and_tries_out(server, browser):
    body = {"email": EMAIL, "password": PASSWORD}
    requests.post(f"{server.url}/auth/register", json=body, timeout=30).raise_for_status()

    browser.open(f"{server.url}/docs")
    browser.click(".btn.authorize")
    form = "//div[contains(@class, 'modal-ux')]//div[contains(@class, 'auth-container')][.//h4[contains(., 'OAuth2, password')]]"
    browser.type(f"{form}//input[@name='username' or @id='oauth_username']", EMAIL)
    browser.type(f"{form}//input[@type='password'][1]", PASSWORD)
    browser.click(f"{form}//button[contains(., 'Authorize')]")
    browser.find(f"{form.split('[.//')[0]}//button[contains(., 'Logout')]")
    browser.click("//div[contains(@class, 'modal-ux')]//button[contains(., 'Close')]")

    operation = "//div[contains(@class, 'opblock-get')][.//span[@data-path='/users/me']]"
    browser.click(f"{operation}//button[contains(@class, 'opblock-summary-control')]")
    browser.click(f"{operation}//button[contains(., 'Try it out')]")
    browser.click(f"{operation}//button[contains(., 'Execute')]")
    answer = f"{operation}//table[contains(@class, 'live-responses-table')]/tbody"
    assert browser.text(f"{answer}//td[contains(@class, 'response-col_status')]").startswith("200")
    assert EMAIL in browser.text(f"{answer}//td[contains(@class, 'response-col_description')]")
    assert_clean(browser, server)
    keep_picture(browser, "swagger-ui")


def test_redoc_shows_the_document(server, browser):
    browser.open(f"{server.url}/redoc")
    title = requests.get(f"{server.url}/openapi.json", timeout=30).json()["info"]["title"]
    assert title in browser.text(".api-info h1, h1")
    assert_clean(browser, server)
    keep_picture(browser, "redoc")
