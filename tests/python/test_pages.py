"""Checks the pages in a browser: start page, Swagger UI and ReDoc, in light and dark mode and at two widths.

Every run saves screenshots in target/pictures. INWREN_TEST_PICTURES=yes also replaces those of the documentation."""

import json
import os
import re
from urllib.parse import urlsplit

import pytest
import requests

from conftest import ROOT, TARGET
from pictures import smaller
from webdriver import Browser

EMAIL = "ann@example.org"
PASSWORD = "ann's pass phrase"
VIEWS = [(1280, 1000, "light"), (1280, 1000, "dark"), (390, 844, "light"), (390, 844, "dark")]
MAX_PICTURE_BYTES = 150_000

# Finds texts with a contrast to the background below 4.5 (WCAG 2.2, 1.4.3), in the colours that the browser computes.
# 4.5 is enough at every text size.
LOW_CONTRASTS = """
const numbers = (colour) => { const n = colour.match(/[\\d.]+/g).map(Number); return n.length < 4 ? [...n, 1] : n; };
const channel = (value) => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
const background = (element) => {
    if (!element) return [255, 255, 255, 1];
    const own = numbers(getComputedStyle(element).backgroundColor);
    return own[3] === 1 ? own : over(own, background(element.parentElement));
};
const low = new Set();
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility({ opacityProperty: true, visibilityProperty: true }))
        continue;
    const behind = background(element);
    const [one, other] = [luminance(over(numbers(getComputedStyle(element).color), behind)), luminance(behind)];
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (ratio < 4.5) low.add(`${ratio.toFixed(2)} ${element.tagName}.${element.className} ${walker.currentNode.data.trim().slice(0, 40)}`);
}
return [...low];
"""


@pytest.fixture
def browser(tmp_path):
    browser = Browser(tmp_path)
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def account(server):
    body = {"email": EMAIL, "password": PASSWORD}
    requests.post(f"{server.url}/auth/register", json=body, timeout=30).raise_for_status()


def assert_clean(browser, server):
    """Checks that the browser sent requests only to this server, and that its console has no warnings or errors."""
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
    """Saves a screenshot. Replaces the one in the documentation only on request, so tests change no committed file."""
    picture = browser.picture()
    folder = TARGET / "pictures"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.png").write_bytes(picture)
    # An empty page compresses to fewer bytes.
    assert len(picture) > 10_000, name
    shown = ROOT / "docs" / "images" / f"{name}.png"
    if os.environ.get("INWREN_TEST_PICTURES") == "yes" and shown.exists():
        shown.write_bytes(smaller(picture))


def in_every_view(browser, name, ready):
    """Shows the open page in each view, checks contrast and width, and saves screenshots."""
    for width, height, scheme in VIEWS:
        browser.view(width, height, scheme)
        browser.script("location.reload()")
        browser.find(ready)
        browser.wait(lambda: browser.script("return document.readyState") == "complete", "the page")
        assert browser.script(LOW_CONTRASTS) == [], (name, scheme, width)
        keep_picture(browser, f"{name}-{scheme}-{width}")
        assert browser.script("return document.documentElement.scrollWidth") <= width, (name, width)


def top_of(browser, selector):
    """Returns the distances of the top and the bottom of an element from the top of the window."""
    return browser.script(
        "const box = document.querySelector(arguments[0]).getBoundingClientRect(); return [box.top, box.bottom]", selector
    )


def test_start_page_shows_the_state(server, browser):
    browser.open(server.url)
    assert browser.text("h1") == "Hello. Inwren Auth is ready."
    in_every_view(browser, "home", "#try-form")
    browser.view(320, 800, "light")
    assert browser.script("return document.documentElement.scrollWidth") == 320
    assert_clean(browser, server)


def test_start_page_has_a_command_that_works(server, browser):
    browser.open(server.url)
    command = browser.text("#command")
    base = re.escape(server.url.replace("127.0.0.1", "localhost"))
    assert re.match(rf"curl '{base}/auth/register' \\\n", command), command
    browser.find("[data-copy]")


def test_start_page_shows_a_new_token(server, browser):
    browser.open(server.url)

    def submit(email, password):
        for name, value in (("email", email), ("password", password)):
            browser.script("document.getElementsByName(arguments[0])[0].value = ''", name)
            browser.type(f"#try-form [name={name}]", value)
        browser.click("#try-form button")
        browser.wait(lambda: browser.script("return document.querySelector('#try-form button:enabled') !== null"), "it")
        return browser.text("#try-status")

    assert submit("bob@example.org", PASSWORD) == "Registered and logged in."
    claims = json.loads(browser.text("#token-claims"))
    assert (claims["email"], claims["type"]) == ("bob@example.org", "access")
    assert json.loads(browser.text("#token-header"))["typ"] == "at+jwt"
    token = browser.text("#token")
    me = requests.get(f"{server.url}/users/me", headers={"Authorization": f"Bearer {token}"}, timeout=30)
    assert me.json()["email"] == "bob@example.org"
    assert browser.text("#token-times").startswith("Valid for 30 minutes, until ")
    assert_clean(browser, server)
    for width, height, scheme in [(1280, 1500, "light"), (390, 844, "dark")]:
        browser.view(width, height, scheme)
        browser.script("document.getElementById('try').scrollIntoView()")
        assert browser.script(LOW_CONTRASTS) == []
        keep_picture(browser, f"token-{scheme}-{width}")

    assert submit("bob@example.org", PASSWORD) == "Logged in: this address was registered before."
    refused = submit("carl@example.org", "password")
    assert "password" in refused.lower() and not browser.script("return document.getElementById('try-token').checkVisibility()")


def test_start_page_works_without_script(server, browser):
    browser.without_script()
    browser.open(server.url)
    assert browser.text("h1") == "Hello. Inwren Auth is ready."
    assert "curl '" in browser.text("#command")
    for selector in ("#try", "[data-copy]"):
        assert not browser.script("return document.querySelector(arguments[0]).checkVisibility()", selector)
    assert_clean(browser, server)


def test_swagger_ui_logs_in_and_tries_out(server, browser, account):
    browser.open(f"{server.url}/docs")
    in_every_view(browser, "swagger-ui", ".opblock")
    browser.view(1280, 1000, "light")
    assert top_of(browser, ".opblock")[1] <= 1000

    browser.click(".btn.authorize")
    browser.find("dialog")
    kinds = "return [...document.querySelectorAll('dialog input, dialog select')].map((input) => input.type)"
    assert browser.script(kinds) == ["email", "password"]
    for width, height, scheme in VIEWS:
        browser.view(width, height, scheme)
        keep_picture(browser, f"authorize-{scheme}-{width}")
    browser.view(1280, 1000, "light")
    browser.type("dialog [name=email]", EMAIL)
    browser.type("dialog [name=password]", PASSWORD)
    browser.click("dialog [type=submit]")
    assert browser.text("dialog [role=status]") == f"Logged in as {EMAIL}"
    browser.click("//dialog//button[.='Close']")

    operation = "//div[contains(@class, 'opblock-get')][.//span[@data-path='/users/me']]"
    browser.click(f"{operation}//button[contains(@class, 'opblock-summary-control')]")
    browser.click(f"{operation}//button[contains(., 'Try it out')]")
    browser.click(f"{operation}//button[contains(., 'Execute')]")
    answer = f"{operation}//table[contains(@class, 'live-responses-table')]/tbody"
    assert browser.text(f"{answer}//td[contains(@class, 'response-col_status')]").startswith("200")
    assert EMAIL in browser.text(f"{answer}//td[contains(@class, 'response-col_description')]")
    for scheme in ("light", "dark"):
        browser.view(1280, 1000, scheme)
        assert browser.script(LOW_CONTRASTS) == []
        keep_picture(browser, f"operation-{scheme}-1280")
    assert_clean(browser, server)


def test_swagger_ui_says_that_a_login_failed(server, browser, account):
    browser.open(f"{server.url}/docs")
    browser.click(".btn.authorize")
    browser.type("dialog [name=email]", EMAIL)
    browser.type("dialog [name=password]", "another pass phrase")
    browser.click("dialog [type=submit]")
    assert browser.text("dialog [role=alert] p") == "Login failed. Check the address and the password."
    browser.click("//dialog//button[.='Cancel']")
    browser.wait(lambda: browser.script("return !document.querySelector('dialog')"), "the dialog to close")


def test_redoc_shows_the_document(server, browser):
    browser.open(f"{server.url}/redoc")
    title = requests.get(f"{server.url}/openapi.json", timeout=30).json()["info"]["title"]
    assert title in browser.text(".api-info h1, h1")
    in_every_view(browser, "redoc", "[data-section-id*='operation/']")
    browser.view(1280, 1000, "light")
    assert top_of(browser, "[data-section-id*='operation/']")[0] < 800
    assert_clean(browser, server)


def test_pictures_of_the_documentation_are_small():
    pictures = list((ROOT / "docs" / "images").glob("*.png"))
    assert len(pictures) >= 8
    assert [picture.name for picture in pictures if picture.stat().st_size > MAX_PICTURE_BYTES] == []
