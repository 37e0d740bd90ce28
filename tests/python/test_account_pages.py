"""Checks letters and the pages to which they link: as a link scanner, a person and another site use them.

It reads the pages in Chromium without scripts, by keyboard, and in w3m. axe-core and html-validate check them. Every
run saves screenshots in target/pictures."""

import json
import os
import pty
import re
import select
import signal
import subprocess
from html import unescape
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
import requests

from account_pages import NODE, STATES, WITHOUT_BROWSER, Client, Person, states
from conftest import ROOT, TARGET
from letters import (
    FACTOR_SETTINGS,
    LANGUAGES,
    NEW_PASSWORD,
    PASSWORD,
    Member,
    Service,
    code_of,
    correspondence,
    html_of,
    links_of,
    new_address,
    parsed,
    production,
    text,
    text_of,
    token_of,
    url_of,
)
from processes import wait_for

VIEWS = {
    "en": [(1280, 1000, "light"), (1280, 1000, "dark"), (320, 1200, "light"), (320, 1200, "dark")],
    "de": [(320, 1200, "dark")],
}
# Contrast depends on the scheme, and layout on the width, so two views are enough for axe-core.
CHECKED = {(1280, "light"), (320, "dark")}
HTML_RULES = {"extends": ["html-validate:recommended"], "rules": {"doctype-style": ["error", {"style": "lowercase"}]}}


@pytest.fixture(scope="module")
def services(tmp_path_factory):
    """Starts four services: verification is required, verification is optional, no mail, and a low limit."""
    required = {"EMAIL_VERIFICATION": "required", **FACTOR_SETTINGS}
    low = {"RATE_LIMIT_ENABLED": "true", "RATE_LIMIT_RESET_PASSWORD": "1/day"}
    running = []
    try:
        for settings in (required, {"EMAIL_VERIFICATION": "optional"}, None, low):
            folder = tmp_path_factory.mktemp("service")
            running.append(production(folder) if settings is None else Service(folder, **settings))
        yield running
    finally:
        for service in running:
            service.stop()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = Person(tmp_path_factory.mktemp("browser"))
    browser.add_axe()
    yield browser
    browser.close()


@pytest.fixture
def person(browser):
    """Returns a browser with scripts, and with empty logs."""
    for kind in ("browser", "performance"):
        browser.log(kind)
    return browser


@pytest.fixture
def person_without_script(tmp_path):
    person = Person(tmp_path)
    person.without_script()
    yield person
    person.close()


@pytest.fixture(scope="module")
def letters(services):
    """Causes a letter of each kind in each language. Returns the letters by language and name."""
    required, optional, *_ = services
    return {language: correspondence(required, optional, language) for language in LANGUAGES}


def scan(link, browser):
    """Opens a link as scanners of mail do, with all that its page refers to."""
    agent = {"User-Agent": "Mozilla/5.0 (compatible; LinkScanner/1.0)"}
    assert requests.head(link, headers=agent, allow_redirects=True, timeout=60).status_code == 200
    page = requests.get(link, headers=agent, timeout=60)
    assert (page.status_code, page.url) == (200, link)
    for reference in parsed(page.text).references:
        if not reference.startswith("data:"):
            requests.get(urljoin(link, reference), headers=agent, timeout=60)
    browser.open(link)
    browser.wait(lambda: browser.script("return document.readyState") == "complete", "the page")


def test_link_scanner_spends_no_link(services, letters, person):
    required, optional, *_ = services
    assert {*letters["en"]} - {"registration", "discarded"} == documented_kinds()
    for letter in letters["en"].values():
        for link in links_of(letter):
            scan(link, person)
    links = {name: links_of(letter)[0] for name, letter in letters["en"].items() if "?t=" in text_of(letter)}
    owners = {name: letter["To"] for name, letter in letters["en"].items()}
    reader = Client()

    def use(name, title, **form):
        reader.open(links[name])
        reader.submit(**form)
        assert (reader.page.status_code, reader.title()) == (200, text(title))

    use("registration", "page.verify.done_title", password=NEW_PASSWORD)
    required.login(owners["registration"], NEW_PASSWORD)
    use("discarded", "page.verify.discarded_title", form=2)
    use("email_verification", "page.verify.done_title", password=PASSWORD)
    token = optional.login(owners["email_verification"])["access_token"]
    assert optional.ask("GET", "/users/me", token=token)["email_verified"] is True
    use("password_reset", "page.reset.done_title", password=NEW_PASSWORD)
    required.login(owners["password_reset"], NEW_PASSWORD)
    use("email_change", "page.email.done_title")
    required.login(owners["email_change"])
    use("email_undo", "page.undo.done_title")
    assert required.link(owners["email_undo"], "reset")
    use("invitation", "page.invite.done_title", password=NEW_PASSWORD)
    required.login(owners["invitation"], NEW_PASSWORD)
    use("factor_removal_requested", "page.keep.done_title")
    assert Member(required.url, owners["factor_removal_requested"]).challenge()
    assert len(links) == 8


def documented_kinds():
    """Returns the kinds of letters in the documentation."""
    page = (ROOT / "docs" / "email.md").read_text()
    rows = page[page.index("| Kind | Sent to |") :].split("\n\n")[0].splitlines()[2:]
    return {kind for row in rows for kind in re.findall("`([a-z_]+)`", row.split("|")[1])}


def test_account_is_recovered_without_script(services, person_without_script):
    required, person = services[0], person_without_script
    old, new = new_address("ann"), new_address("ann.lee")

    def submit(link, title, **form):
        person.open(link)
        person.submit(**form)
        assert person.text("h1") == text(title)

    submit(required.registration_link(old), "page.verify.done_title", password=PASSWORD)
    required.login(old)
    submit(f"{required.issuer}/account/forgot", "page.forgot.done_title", email=old)
    submit(required.link(old, "reset"), "page.reset.done_title", password=NEW_PASSWORD)
    required.change_email(old, new, NEW_PASSWORD)
    undo = required.link(old, "undo")
    submit(required.link(new, "email"), "page.email.done_title")
    required.login(new, NEW_PASSWORD)
    submit(undo, "page.undo.done_title")
    reset = required.link(old, "reset")
    assert required.refuses(new, NEW_PASSWORD) and required.refuses(old, NEW_PASSWORD)
    submit(reset, "page.reset.done_title", password=PASSWORD)
    required.login(old)
    assert complaints(person) == [] and hosts(person) == {required.issuer}


def test_registration_of_another_person_is_discarded(services, person_without_script):
    required, person = services[0], person_without_script
    address = new_address("bob")
    registered = required.register(address)
    letter = required.letter(address, "/account/verify?t=")
    person.open(links_of(letter)[0])
    assert person.text("form:nth-of-type(2) button") == text("page.verify.discard")
    person.submit(form=2)
    assert person.text("h1") == text("page.verify.discarded_title")
    body = {"verification_id": registered["verification_id"], "code": code_of(letter)}
    assert requests.post(f"{required.url}/auth/verify-email", json=body, timeout=60).status_code == 400
    assert required.refuses(address)


def test_invitation_is_accepted_without_script(services, person_without_script):
    required, person = services[0], person_without_script
    address = required.invite(new_address("carl"))
    person.open(required.link(address, "invite"))
    person.submit(password=PASSWORD)
    assert person.text("h1") == text("page.invite.done_title")
    required.login(address)


def test_forms_of_other_sites_are_refused(services, person, tmp_path):
    required, *_ = services
    address = required.account(new_address("dora"))
    required.forgot(address)
    link = required.link(address, "reset")
    trap = tmp_path / "trap.html"
    trap.write_text(
        f'<title>Trap</title><form method="post" action="{required.issuer}/account/reset"><button>Win</button>'
        f'<input type="hidden" name="t" value="{token_of(link)}"><input name="password" value="{NEW_PASSWORD}"></form>'
    )
    person.open(trap.as_uri())
    assert any(barrier.startswith("label: <input") for barrier in person.barriers())
    person.leave(lambda: person.click("button"))
    assert person.text("h1") == text("page.failed.cross_site_title")
    check_in_every_view(person, "cross-site")
    assert required.refuses(address, NEW_PASSWORD)
    person.open(link)
    person.submit(password=NEW_PASSWORD)
    required.login(address, NEW_PASSWORD)


def test_pages_are_accessible_in_every_state(services, person):
    seen = set()
    for state in states(services, person):
        _, title, error = STATES[state]
        assert person.text("h1") == text(title), state
        assert error is None or person.text(".error") == text(error), state
        check_in_every_view(person, state)
        seen.add(state)
    assert seen == STATES.keys() - WITHOUT_BROWSER
    assert complaints(person) == []


def test_german_pages_are_accessible(services, person, tmp_path):
    # German words are longer, so only the layout can differ.
    reader = Client("de")
    file = tmp_path / "page.html"
    for state in states(services, reader):
        file.write_text(reader.page.text)
        person.open(file.as_uri())
        check_in_every_view(person, state, reader.language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_letters_are_accessible(letters, person, tmp_path, language):
    file = tmp_path / "letter.html"
    for name, letter in letters[language].items():
        file.write_text(html_of(letter))
        assert letter["Content-Language"] == language, name
        person.open(file.as_uri())
        assert person.text("h1") == letter["Subject"]
        check_in_every_view(person, f"letter-{name}", language)
    assert complaints(person) == [] and hosts(person) == set()


def check_in_every_view(person, name, language="en"):
    """Checks the open page with axe-core and for its width, and saves screenshots."""
    folder = TARGET / "pictures"
    folder.mkdir(exist_ok=True)
    for width, height, scheme in VIEWS[language]:
        person.view(width, height, scheme)
        if (width, scheme) in CHECKED:
            assert person.barriers() == [], (name, width, scheme)
        assert person.script("return document.documentElement.scrollWidth") <= width, (name, width)
        picture = folder / f"account-{name}-{language}-{scheme}-{width}.png"
        picture.write_bytes(person.picture())


def complaints(person):
    """Returns the messages in the console, except that a page has the status of an error."""
    messages = [entry["message"] for entry in person.log("browser")]
    return [message for message in messages if "the server responded with a status of " not in message]


def hosts(person):
    """Returns the addresses to which the browser sent requests."""
    found = set()
    for entry in person.log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            url = urlsplit(message["params"]["request"]["url"])
            if url.scheme not in ("data", "file", "chrome"):
                found.add(f"{url.scheme}://{url.netloc}")
    return found


def test_pages_are_valid_closed_and_readable(services, letters, tmp_path):
    seen = set()
    for language in LANGUAGES:
        reader = Client(language)
        for state in states(services, reader):
            status, title, error = STATES[state]
            page = reader.page
            assert (page.status_code, reader.title()) == (status, text(title, language)), state
            assert error is None or text(error, language) in page.text, state
            assert_closed(page, language)
            assert_self_contained(page.text)
            file = tmp_path / f"{state}-{language}.html"
            file.write_text(page.text)
            assert_readable(file)
            seen.add(state)
        for name, letter in letters[language].items():
            (tmp_path / f"letter-{name}-{language}.html").write_text(html_of(letter))
    assert seen == STATES.keys()
    assert html_mistakes(tmp_path) == []


def assert_closed(page, language):
    """Checks that a page says what it may do and where it came from, and that browsers neither store nor embed it."""
    headers = page.headers
    policy = dict(directive.split(" ", 1) for directive in headers["Content-Security-Policy"].split("; "))
    styles = policy.pop("style-src").split()
    assert len(styles) == 2 and all(re.fullmatch(r"'sha256-[A-Za-z0-9+/]+=*'", style) for style in styles)
    none = ("default-src", "object-src", "base-uri", "frame-ancestors")
    assert policy == {**dict.fromkeys(none, "'none'"), "img-src": "data:", "form-action": "'self'"}
    expected = {
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "X-Robots-Tag": "noindex",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Content-Language": language,
        "Content-Type": "text/html; charset=utf-8",
    }
    assert {name: headers.get(name) for name in expected} == expected
    assert "Accept-Language" in headers["Vary"] and "Set-Cookie" not in headers


def assert_self_contained(html):
    """Checks that a page refers to nothing but pages of the same service and its own images, and runs nothing."""
    page = parsed(html)
    outside = [one for one in page.references if not re.match(r"/account/[a-z-]+$|data:image/svg\+xml", one)]
    assert outside == []
    assert not page.tags & {"script", "iframe", "object", "embed", "base"}
    assert not [name for name in page.attributes if name.startswith("on") or name == "style"]
    assert not re.search(r"@import|url\(|//[a-z]", html.replace("http://www.w3.org/2000/svg", ""))


def assert_readable(file):
    """Checks that w3m shows the heading, the fields and the buttons of a page."""
    command = ["w3m", "-dump", "-cols", "100", "-T", "text/html", "-I", "UTF-8", "-O", "UTF-8", str(file)]
    ran = subprocess.run(command, env=quiet(file.parent), capture_output=True, check=True, timeout=60)
    shown = " ".join(ran.stdout.decode().split())
    html = file.read_text()
    parts = re.findall(r"<(?:h1|p|label|dt|dd|button|a)\b[^>]*>([^<]+)<", html)
    assert len(parts) >= 2
    for part in parts:
        assert " ".join(unescape(part).split()) in shown, (part, shown)
    fields = len(re.findall(r"<input (?!type=\"hidden\")", html))
    assert len(re.findall(r"\[[^\]]+\]", shown)) == fields, shown


def quiet(home):
    """Returns an environment for w3m that reads no settings of the user."""
    return {"PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C.UTF-8", "TERM": "xterm"}


def html_mistakes(folder):
    """Returns what html-validate reports about the files of a folder."""
    rules = folder / "rules.json"
    rules.write_text(json.dumps(HTML_RULES))
    program = [NODE / ".bin" / "html-validate", "--config", rules, "--formatter", "json"]
    ran = subprocess.run([*program, *sorted(folder.glob("*.html"))], capture_output=True, text=True, timeout=300)
    assert ran.returncode in (0, 1), ran.stdout + ran.stderr
    found = [(file["filePath"], mistake) for file in json.loads(ran.stdout) for mistake in file["messages"]]
    return [f"{Path(path).name}: {mistake['ruleId']}: {mistake['message']}" for path, mistake in found]


def test_html_check_finds_mistakes(tmp_path):
    page = '<!doctype html><html lang="en"><title>A</title><p id="a">A</p><p id="a">B</p></html>'
    (tmp_path / "page.html").write_text(page)
    assert any("no-dup-id" in mistake for mistake in html_mistakes(tmp_path))


def test_password_is_reset_in_w3m(services, tmp_path):
    required, *_ = services
    address = required.account(new_address("eve"))
    required.forgot(address)
    link = required.link(address, "reset")
    # Tab goes to the address, the password and the button. Enter opens and closes a field, and sends the form.
    keys = f"\t\t\r{NEW_PASSWORD}\r\t\r"
    process, terminal = pty.fork()
    if process == 0:
        os.execvpe("w3m", ["w3m", "-no-mouse", link], quiet(tmp_path))
    try:
        screen = Screen(terminal)
        screen.wait(text("page.reset.submit"))
        os.write(terminal, keys.encode())
        screen.wait(text("page.reset.done_title"))
    finally:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        os.close(terminal)
    required.login(address, NEW_PASSWORD)


class Screen:
    """What a program writes to its terminal."""

    def __init__(self, terminal):
        self._terminal = terminal
        self._shown = ""

    def wait(self, part):
        """Waits for a text. The program must not write parts of it only, because they were shown before."""

        def shown():
            while select.select([self._terminal], [], [], 0)[0]:
                self._shown += os.read(self._terminal, 65536).decode(errors="replace")
            return part in self._shown

        wait_for(f"w3m shows {part}", shown)


def test_letters_refer_to_the_service_only(services, letters):
    required, optional, *_ = services
    for written in letters.values():
        for name, letter in written.items():
            service = optional if name == "email_verification" else required
            links = links_of(letter)
            assert all(link.startswith(f"{service.issuer}/account/") for link in links), links
            html = html_of(letter)
            page = parsed(html)
            assert page.references == [link for link in links_of(letter)[:1] for _ in range(2)]
            assert not page.tags & {"script", "img", "iframe", "object", "embed", "base", "link", "form"}
            assert not re.search(r"@import|url\(", html)
            assert letter["Auto-Submitted"] == "auto-generated"
            assert [part.get_content_type() for part in letter.iter_parts()] == ["text/plain", "text/html"]


@pytest.mark.parametrize("level", ["info", "trace"])
def test_log_contains_no_secret_in_production(tmp_path, level):
    mail = {"MAIL_DIR": "data/mail", "MAIL_FROM": "noreply@example.org", "EMAIL_VERIFICATION": "required"}
    service = production(tmp_path, RUST_LOG=level, **mail, **FACTOR_SETTINGS)
    secrets = use_links(service)
    service.stop()
    log = "".join(service.log)
    assert "/account/reset" in log and "wrote a letter" not in log
    assert [secret for secret in secrets if secret in log] == []


def test_development_log_shows_links_of_letters_only(tmp_path):
    service = Service(tmp_path, EMAIL_VERIFICATION="required", **FACTOR_SETTINGS)
    secrets = use_links(service)
    service.stop()
    for line in service.log:
        assert "wrote a letter" in line or not any(secret in line for secret in secrets), line
    log = "".join(service.log)
    links = [secret for secret in secrets if len(secret) > 60]
    assert len(links) == 6 and all(f"?t={link}" in log for link in links)


def use_links(service):
    """Opens and uses a link of each kind. Returns the secrets: tokens, codes, passwords and the secret of an app."""
    reader, tokens = Client(), []
    old, new = new_address("old"), new_address("new")

    def use(link, **form):
        tokens.append(token_of(link))
        url = url_of(service, link)
        requests.head(url, timeout=60)
        reader.open(url)
        reader.submit(**form)
        assert reader.page.status_code == 200
        reader.open(url)

    service.register(old)
    letter = service.letter(old, "/account/verify?t=")
    use(links_of(letter)[0], password=PASSWORD)
    service.change_email(old, new)
    undo = service.link(old, "undo")
    use(service.link(new, "email"))
    use(undo)
    use(service.link(old, "reset"), password=NEW_PASSWORD)
    use(service.link(service.invite(new_address("guest")), "invite"), password=PASSWORD)
    member = Member(service.url, service.account(new_address("careful")))
    member.enrol()
    member.lose()
    use(service.link(member.address, "keep-factors"))
    return [*tokens, code_of(letter), PASSWORD, NEW_PASSWORD, member.secret, *member.codes]
