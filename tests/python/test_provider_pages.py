"""Checks the pages of the OpenID provider: people log in with second factors and passkeys, without scripts, by
keyboard, and in w3m. axe-core checks every page. Every run saves screenshots in target/pictures."""

import os
import pty
import signal
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from account_pages import Person
from factors import App, AuthenticatorBrowser
from letters import LANGUAGES, NEW_PASSWORD, PASSWORD, new_address, text
from provider import Application, Site, Visitor, registered
from test_account_pages import Screen, check_in_every_view, complaints, html_mistakes, quiet


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("site"))
    yield site
    site.stop()


@pytest.fixture(scope="module")
def strict_site(tmp_path_factory):
    """Starts a service that requires a second factor of all users."""
    site = Site(tmp_path_factory.mktemp("strict"), SECOND_FACTOR_REQUIRED_FOR="all")
    yield site
    site.stop()


@pytest.fixture
def application():
    with Application() as application:
        yield application


@pytest.fixture
def ann(site):
    """Returns the address of a new user."""
    return site.account(new_address("ann"))


class PasskeyPerson(Person, AuthenticatorBrowser):
    """A person with a browser, and with an authenticator if the test adds one."""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = PasskeyPerson(tmp_path_factory.mktemp("browser"))
    browser.add_axe()
    yield browser
    browser.close()


@pytest.fixture
def person(site, browser):
    """Returns a browser without cookies, and with empty logs."""
    browser.forget()
    for kind in ("browser", "performance"):
        browser.log(kind)
    return browser


def test_second_factor_is_asked_on_the_pages(site, application, ann):
    session = registered(site, application, "Vault", min_acr="aal2")
    visitor = Visitor()
    visitor.open(session.start())
    visitor.log_in(ann)
    refused = application.at("/callback").query
    assert refused["error"] == "access_denied", "ann has no second factor"
    app, _ = site.member(ann).enrol_app()

    # The browser session has no second factor yet, so the page asks for it.
    visitor.open(session.start())
    assert visitor.page.title == text("page.step_up.title")
    visitor.submit(code="000000")
    assert visitor.response.status_code == 403
    visitor.submit(code=app.code())
    visitor.allow()
    _, claims = session.exchange(visitor.url)
    assert (claims["acr"], claims["amr"]) == ("aal2", ["pwd", "otp", "mfa"])

    # In another browser, the login asks for it.
    visitor = Visitor()
    visitor.open(session.start())
    visitor.log_in(ann)
    assert visitor.page.title == text("page.factor.title")
    visitor.submit(code=app.code())
    _, claims = session.exchange(visitor.url)
    assert (claims["acr"], claims["amr"]) == ("aal2", ["pwd", "otp", "mfa"])


def test_passkey_logs_in_on_the_pages(site, application, ann, person):
    session = registered(site, application, "Safe", min_acr="phr")
    with person.authenticator(transport="internal", hasResidentKey=True, hasUserVerification=True, isUserVerified=True):
        person.open(f"{site.issuer}/login")
        person.submit(email=ann, password=PASSWORD)
        person.open(f"{site.issuer}/account/factors/passkey")
        person.submit(name="My key")
        person.choose("#passkey-form button")
        assert person.text("h1") == text("page.codes.shown_title")

        # Password, then passkey.
        person.forget()
        person.open(session.start())
        person.submit(email=ann, password=PASSWORD)
        assert person.text("h1") == text("page.factor.title")
        person.choose("#passkey-form button")
        assert person.text("h1") == text("page.consent.title").replace("{client}", "Safe")
        person.choose("[value=allow]")
        _, claims = session.exchange(person.script("return location.href"))
        assert (claims["acr"], claims["amr"]) == ("phr", ["pwd", "hwk", "mfa"])

        # Passkey alone: the page that follows the button asks for it by itself.
        person.forget()
        person.open(session.start())
        person.choose("[value=passkey]")
        person.wait(lambda: person.script("return location.pathname") == "/callback", "the application")
        _, claims = session.exchange(person.script("return location.href"))
        assert (claims["acr"], claims["amr"]) == ("phr", ["hwk", "mfa"])
    assert own_complaints(person, site) == []


def own_complaints(person, site):
    """Returns the messages in the console about pages of the service, not about those of an application."""
    return [message for message in complaints(person) if site.issuer in message]


def test_form_post_needs_no_click(site, application, ann, person):
    session = registered(site, application, "Post")
    person.open(session.start(response_mode="form_post"))
    person.submit(email=ann, password=PASSWORD)
    person.choose("[value=allow]")
    response = application.at("/callback")
    assert response.method == "POST" and response.form.keys() == {"code", "state", "iss"}
    assert own_complaints(person, site) == []


def test_new_user_comes_back_to_the_application(site, application):
    session, address = registered(site, application, "Start"), new_address("new")
    visitor, reader = Visitor(), Visitor()
    visitor.open(session.start())
    visitor.submit("show")
    visitor.submit(email=address, password=PASSWORD)
    assert visitor.page.title == text("page.register.pending_title")
    # The user opens the letter in another browser.
    reader.open(site.link(address, "verify"))
    reader.submit(password=NEW_PASSWORD)
    assert reader.page.title == text("page.verify.done_title")
    assert not any("/oauth/authorize" in link for link in reader.page.links)
    visitor.submit("other")
    visitor.log_in(address, NEW_PASSWORD)
    visitor.allow()
    session.exchange(visitor.url)


def test_user_with_a_new_password_comes_back_to_the_application(site, application, ann):
    session, visitor = registered(site, application, "Again"), Visitor()
    visitor.open(session.start())
    visitor.follow("/account/forgot")
    visitor.submit(email=ann)
    visitor.open(site.link(ann, "reset"))
    visitor.submit(password=NEW_PASSWORD)
    assert visitor.page.title == text("page.reset.done_title")
    visitor.follow("/oauth/authorize")
    visitor.log_in(ann, NEW_PASSWORD)
    visitor.allow()
    session.exchange(visitor.url)


class Tour:
    """Shows a person every page of the provider. Another service requires a second factor."""

    def __init__(self, sites, application, person):
        self.site, self.strict = sites
        self.application, self.person, self.language = application, person, person.language
        self.ann = self.site.account(new_address("ann"), self.language)
        # A long word must not make a page wider.
        self.name = f"Donaudampfschifffahrt-{self.language}"
        self.session = registered(self.site, application, self.name)

    def title(self, key):
        return text(f"page.{key}", self.language).replace("{client}", self.name)

    def own(self, path):
        self.person.open(f"{self.site.issuer}{path}")

    def request(self, **parameters):
        self.person.open(self.session.start(**parameters))

    def states(self):
        """Yields the name of each page with its heading."""
        for part in (self.messages, self.logins, self.account, self.factors, self.second_steps, self.enrolment):
            yield from part()

    def messages(self):
        for name, change in [
            ("unknown_client", {"client_id": "nobody"}),
            ("no_redirect_uri", {"redirect_uri": ""}),
            ("unregistered_redirect_uri", {"redirect_uri": "https://evil.example"}),
        ]:
            url = urlsplit(self.session.start())
            query = urlencode(dict(parse_qsl(url.query)) | change)
            self.own(f"{url.path}?{query}")
            yield name, self.title(f"message.{name}_title")
        self.own("/oauth/logout?post_logout_redirect_uri=https://evil.example")
        yield "invalid_logout", self.title("message.invalid_logout_title")
        self.own("/login")
        self.person.forget()
        self.person.submit(email=self.ann, password=PASSWORD)
        yield "expired", self.title("message.expired_title")

    def logins(self):
        self.request(login_hint=self.ann)
        yield "login", self.title("login.title")
        self.person.submit(password="a wrong pass phrase")
        yield "login-wrong", self.title("login.title")
        self.person.choose("[value=show]")
        yield "register", self.title("register.title")
        self.person.submit(email=new_address("new"), password="password1")
        yield "register-weak", self.title("register.title")
        self.person.submit(password=PASSWORD)
        yield "registered", self.title("register.pending_title")
        self.person.submit()
        self.person.submit(email=self.ann, password=PASSWORD)
        yield "consent", self.title("consent.title")
        self.person.choose("[value=allow]")
        self.request(prompt="select_account")
        yield "choose", self.title("choose.title")
        self.person.choose("[value=other]")
        yield "login-other", self.title("login.title")

    def account(self):
        self.own("/account/grants")
        yield "grants", self.title("grants.title")
        self.person.submit()
        yield "grants-none", self.title("grants.title")
        self.own("/logout")
        yield "logout", self.title("logout.title")
        self.person.submit()
        yield "signed-out", self.title("message.signed_out_title")
        self.own("/login")
        yield "account-login", self.title("login.title")
        self.person.submit(email=self.ann, password=PASSWORD)

    def factors(self):
        self.own("/account/factors")
        yield "factors-none", self.title("factors.title")
        yield from self.app()
        self.person.choose("main a")
        yield "factors", self.title("factors.title")
        self.own("/account/factors/passkey")
        yield "passkey-start", self.title("new_passkey.title")
        self.person.choose("[value=begin]")
        yield "passkey-step-up", self.title("step_up.title")
        self.person.submit(code=self.totp.code())
        self.person.choose("[value=begin]")
        yield "passkey-new", self.title("new_passkey.title")
        self.own("/account/factors/codes")
        yield "codes-start", self.title("codes.title")
        self.person.choose("[value=begin]")
        yield "codes", self.title("codes.shown_title")

    def app(self):
        """Enrols an authenticator app on the pages."""
        self.own("/account/factors/app")
        yield "app-start", self.title("app.title")
        yield from self.confirm_app("app")

    def confirm_app(self, name):
        self.person.submit(name="My phone")
        yield f"{name}-new", self.title("app.title")
        app = App(self.person.script("return document.querySelector('[href^=otpauth]').href"))
        self.person.submit(code="000000")
        yield f"{name}-wrong", self.title("app.title")
        self.person.submit(code=app.code())
        yield f"{name}-codes", self.title("codes.shown_title")
        self.totp = app

    def second_steps(self):
        self.person.forget()
        self.own("/login")
        self.person.submit(email=self.ann, password=PASSWORD)
        yield "factor", self.title("factor.title")
        self.person.submit(code="12345")
        yield "factor-invalid", self.title("factor.title")
        self.person.submit(code="000000")
        yield "factor-wrong", self.title("factor.title")
        self.person.choose("[value=other]")
        yield "factor-other", self.title("login.title")
        self.person.choose("[value=passkey]")
        yield "passkey", self.title("passkey.title")

    def enrolment(self):
        site = self.strict
        session = registered(site, self.application, self.name)
        address = site.account(new_address("carl"), self.language)
        self.person.forget()
        self.person.open(session.start())
        self.person.submit(email=address, password=PASSWORD)
        yield "enrol", self.title("enrol.title")
        self.person.submit()
        yield "enrol-app", self.title("app.title")
        yield from self.confirm_app("enrol")
        self.person.choose("[value=continue]")
        yield "step-up", self.title("step_up.title")
        self.person.submit(code=self.totp.code())
        yield "enrolled-consent", self.title("consent.title")
        self.person.choose("[value=allow]")
        assert self.application.all_at("/callback")


class German(PasskeyPerson):
    language = "de"


@pytest.mark.parametrize("language", LANGUAGES)
def test_pages_are_accessible(site, strict_site, application, tmp_path, language):
    person = {"en": PasskeyPerson, "de": German}[language](tmp_path)
    person.add_axe()
    seen = 0
    try:
        for name, title in Tour((site, strict_site), application, person).states():
            assert person.text("h1") == title, name
            check_in_every_view(person, f"provider-{name}", language)
            seen += 1
        assert own_complaints(person, site) == []
    finally:
        person.close()
    assert seen >= 40


def test_pages_are_valid_html(site, application, ann, tmp_path):
    session = registered(site, application, "Paper")
    visitor = Visitor()

    def keep(name):
        (tmp_path / f"{name}.html").write_text(visitor.response.text)

    visitor.open(session.start(response_mode="form_post"))
    keep("login")
    visitor.log_in(ann)
    keep("consent")
    visitor.allow()
    keep("form-post")
    visitor.open(session.start(prompt="select_account"))
    keep("choose")
    visitor.open(f"{site.issuer}/account/grants")
    keep("grants")
    visitor.open(f"{site.issuer}/logout")
    keep("logout")
    visitor.submit()
    keep("signed-out")
    site.member(ann).enrol_app()
    visitor.open(f"{site.issuer}/login")
    visitor.log_in(ann)
    keep("factor")
    assert len(list(tmp_path.glob("*.html"))) == 8 and html_mistakes(tmp_path) == []


def test_login_in_w3m(site, application, ann, tmp_path):
    session = registered(site, application, "Text")
    process, terminal = pty.fork()
    if process == 0:
        os.execvpe("w3m", ["w3m", "-no-mouse", "-cookie", session.start()], quiet(tmp_path))
    try:
        screen = Screen(terminal)
        screen.wait(text("page.login.password"))
        # Tab goes to the next field or button. Enter opens and closes a field, and sends the form.
        os.write(terminal, f"\t\r{ann}\r\t\r{PASSWORD}\r\t\r".encode())
        screen.wait(text("page.consent.allow"))
        os.write(terminal, b"\t\r")
        screen.wait("Welcome.")
    finally:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        os.close(terminal)
    assert application.at("/callback").query.keys() == {"code", "state", "iss"}
