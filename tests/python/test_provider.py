"""Unmodified clients log people in with the OpenID provider: libraries for Python, Node and browsers, JupyterHub and
Apache. The recipes of `docs/provider.md` run as they are there, with other addresses."""

import json
import os
import shutil
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import parse_qsl, urlencode, urlsplit

import pyotp
import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from idpyoidc.client.oauth2.stand_alone_client import backchannel_logout
from idpyoidc.client.rp_handler import RPHandler
from joserfc import jws
from joserfc.jwk import ECKey, KeySet

from account_pages import Person
from conftest import ROOT, TARGET
from documents import sections
from letters import PASSWORD, new_address, text
from processes import Listener, free_port, wait_for
from provider import ALL_SCOPES, LEEWAY, Application, MockServer, Session, Site, Visitor, confidential, registered
from test_account_pages import complaints

NODE_PROGRAMS = ROOT / "tests" / "node" / "provider"
NODE_MODULES = TARGET / "test-node" / "node_modules"
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("site"))
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


class Program(Listener):
    """A program that uses the provider as an application. Use it with `with`."""

    def __init__(self, command, folder, **environment):
        inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        super().__init__(command, folder, {**inherited, **environment})

    def __enter__(self):
        self.wait_until_ready()
        return self

    def __exit__(self, *_):
        self.kill()


def new_url():
    return f"http://127.0.0.1:{free_port()}"


def node(name, folder, site, url, client, **environment):
    """Returns a program of Node. Node looks for packages beside the file, so it runs a copy beside a link to them."""
    for file in NODE_PROGRAMS.glob("*.mjs"):
        shutil.copy(file, folder)
    (folder / "node_modules").symlink_to(NODE_MODULES)
    return Program(
        [shutil.which("node"), f"{name}.mjs"], folder, ISSUER=site.issuer, URL=url, CLIENT_ID=client, **environment
    )


def test_authlib(site, application, ann):
    session = registered(site, application, "Wiki")
    visitor = Visitor()
    visitor.open(session.start())
    visitor.log_in(ann)
    assert visitor.page.title == text("page.consent.title").replace("{client}", "Wiki")
    visitor.allow()
    assert application.at("/callback").query.keys() == {"code", "state", "iss"}

    token, claims = session.exchange(visitor.url)
    assert (claims["acr"], claims["amr"]) == ("aal1", ["pwd"]) and claims["exp"] - claims["iat"] == 600
    assert token["scope"].split() == ALL_SCOPES.split() and token["expires_in"] == 30 * 60
    userinfo = session.get(site.metadata["userinfo_endpoint"]).json()
    assert (userinfo["sub"], userinfo["email"], userinfo["email_verified"]) == (claims["sub"], ann, True)
    assert userinfo["preferred_username"] == ann

    renewed = session.refresh_token()
    assert renewed["refresh_token"] != token["refresh_token"]
    same = session.valid_claims(renewed, None)
    assert all(same[name] == claims[name] for name in ("sub", "sid", "auth_time"))
    assert session.get(site.metadata["userinfo_endpoint"]).json() == userinfo


def test_consent_is_asked_once(site, application, ann):
    session = registered(site, application, "Diary")
    visitor = Visitor()
    visitor.open(session.start())
    visitor.log_in(ann)
    visitor.submit("deny")
    refused = application.at("/callback").query
    assert (refused["error"], refused["iss"]) == ("access_denied", site.issuer) and "code" not in refused
    visitor.open(session.start())
    visitor.allow()
    session.exchange(visitor.url)
    visitor.open(session.start(prompt="none"))
    session.exchange(visitor.url)
    # The page that lists the consent withdraws it.
    visitor.open(f"{site.issuer}/account/grants")
    assert "Diary" in visitor.response.text
    visitor.submit(client_id="diary")
    assert text("page.grants.none").replace("{email}", ann) in visitor.response.text
    userinfo = requests.get(
        site.metadata["userinfo_endpoint"], headers={"Authorization": f"Bearer {session.token['access_token']}"},
        timeout=60,
    )
    assert userinfo.status_code == 401 and 'error="invalid_token"' in userinfo.headers["WWW-Authenticate"]


def test_mock_server_logs_in_to_a_native_application(application, tmp_path):
    with MockServer(tmp_path) as server:
        # A native application listens on any port that the system gives it.
        session = Session(server, "demo-app", f"{application.url}/callback")
        carol = server.users["carol"]
        visitor = Visitor()
        visitor.open(session.start(acr_values="aal2"))
        visitor.log_in(carol["email"], carol["password"])
        visitor.submit(code=pyotp.TOTP(carol["totp_secret"]).now())
        visitor.allow()
        token, claims = session.exchange(visitor.url)
        assert (claims["sub"], claims["acr"]) == (carol["id"], "aal2")
        assert session.refresh_token()["refresh_token"] != token["refresh_token"]


def test_private_scheme_returns_to_a_mobile_application(site, ann):
    uri = "com.example.app:/callback"
    site.apply({
        "id": "mobile", "name": "Mobile", "kind": "public", "redirect_uris": [uri],
        "scopes": ["openid", "offline_access"],
    })
    session, visitor = Session(site, "mobile", uri, "openid offline_access"), Visitor()
    visitor.open(session.start())
    visitor.log_in(ann)
    visitor.allow()
    [response] = visitor.passed
    assert response.startswith(f"{uri}?")
    session.exchange(response)
    assert session.refresh_token()["scope"] == "openid offline_access"


def logout_claims(site, token, client):
    """Checks a logout token (OpenID Connect Back-Channel Logout 1.0 section 2.6). Returns its claims."""
    verified = jws.deserialize_compact(token, KeySet.import_key_set(site.keys()), algorithms=["RS256"])
    claims = json.loads(verified.payload)
    assert verified.headers()["typ"] == "logout+jwt"
    assert (claims["iss"], claims["aud"]) in [(site.issuer, client), (site.issuer, [client])]
    assert 0 < claims["exp"] - claims["iat"] <= 120 and abs(time.time() - claims["iat"]) < LEEWAY
    assert claims["events"] == {LOGOUT_EVENT: {}} and claims["jti"]
    assert "nonce" not in claims and (claims.get("sub") or claims.get("sid"))
    return claims


def test_logout_reaches_applications(site, application, ann):
    with Application() as other:
        uris = {"post_logout_redirect_uris": [f"{application.url}/bye"]}
        first = registered(site, application, "Mail", backchannel_logout_uri=f"{application.url}/logout", **uris)
        second = registered(site, other, "Chat", backchannel_logout_uri=f"{other.url}/logout", first_party=True)
        visitor = Visitor()
        visitor.open(first.start())
        visitor.log_in(ann)
        visitor.allow()
        token, claims = first.exchange(visitor.url)
        visitor.open(second.start(prompt="none"))
        _, others = second.exchange(visitor.url)
        assert claims["sub"] == others["sub"] and claims["sid"] != others["sid"]

        parameters = {
            "id_token_hint": token["id_token"], "post_logout_redirect_uri": f"{application.url}/bye", "state": "a&b",
        }
        visitor.open(f"{site.metadata['end_session_endpoint']}?{urlencode(parameters)}")
        assert application.at("/bye").query == {"state": "a&b"}
        for listener, name, known in [(application, "mail", claims), (other, "chat", others)]:
            received = listener.at("/logout")
            assert received.method == "POST" and received.form.keys() == {"logout_token"}
            ended = logout_claims(site, received.form["logout_token"], name)
            assert (ended["sub"], ended["sid"]) == (known["sub"], known["sid"])
        visitor.open(first.start(prompt="none"))
        assert dict(parse_qsl(urlsplit(visitor.url).query))["error"] == "login_required"


@pytest.fixture(scope="module")
def relying_party(site, tmp_path_factory):
    """Returns a handler of idpyoidc, its listener, and the id of the provider."""
    with Application() as application:
        site.apply(confidential(
            "Portal", f"{application.url}/callback", backchannel_logout_uri=f"{application.url}/logout",
        ))
        configuration = {
            "issuer": site.issuer, "client_id": "portal", "client_secret": site.secrets["portal"],
            "client_type": "oidc", "redirect_uris": [f"{application.url}/callback"],
            "backchannel_logout_uri": f"{application.url}/logout",
            "response_types_supported": ["code"], "scopes_supported": ALL_SCOPES.split(),
            "client_authn_methods": ["client_secret_basic"],
            "add_ons": {"pkce": {
                "function": "idpyoidc.client.oauth2.add_on.pkce.add_support",
                "kwargs": {"code_challenge_length": 64, "code_challenge_method": "S256"},
            }},
        }
        keys = {"key_defs": [{"type": "RSA", "use": ["sig"]}], "read_only": True}
        handler = RPHandler(application.url, client_configs={site.issuer: configuration}, key_conf=keys)
        yield handler, application


def test_idpyoidc(site, relying_party, ann):
    handler, application = relying_party
    visitor = Visitor()
    visitor.open(handler.begin(site.issuer))
    visitor.log_in(ann)
    visitor.allow()
    response = application.at("/callback").query
    result = handler.finalize(site.issuer, response)
    assert "error" not in result, result
    assert result["userinfo"]["email"] == ann and result["id_token"]["iss"] == site.issuer
    renewed = handler.refresh_access_token(result["state"])
    assert renewed["access_token"] != result["token"]
    # The library judges the logout token, too.
    member = site.member(ann)
    for session in member.get("/users/me/sessions")["items"]:
        if not session["current"]:
            member.call("DELETE", f"/users/me/sessions/{session['id']}", 204)
    client = handler.issuer2rp[site.issuer]
    assert backchannel_logout(client, request_args=application.at("/logout").form) == result["state"]


@contextmanager
def django(site, folder):
    url = new_url()
    site.apply(confidential(
        "Django", f"{url}/oidc/callback/", f"{url}/authlib/callback", post_logout_redirect_uris=[f"{url}/authlib/bye"],
    ))
    environment = {"ISSUER": site.issuer, "CLIENT_ID": "django", "CLIENT_SECRET": site.secrets["django"], "URL": url}
    with Program([sys.executable, Path(__file__).parent / "django_site.py"], folder, **environment) as program:
        yield program


def test_django(site, ann, tmp_path):
    with django(site, tmp_path) as program:
        visitor = Visitor()
        # mozilla-django-oidc
        visitor.open(f"{program.url}/oidc/authenticate/")
        visitor.log_in(ann)
        visitor.allow()
        assert visitor.json() == {"email": ann}, "".join(program.log)
        # Authlib
        visitor.open(f"{program.url}/authlib/login")
        answer = visitor.json()
        assert answer["userinfo"]["iss"] == site.issuer and answer["scope"] == "openid email"
        visitor.open(f"{program.url}/authlib/logout")
        assert visitor.json() == {"email": ann}, "the logout at the provider is no logout at the site"
        assert f"{program.url}/authlib/bye" in [passed.partition("?")[0] for passed in visitor.passed]
        visitor.open(f"{program.url}/authlib/login")
        assert visitor.page.title == text("page.login.title")


def test_openid_client(site, ann, tmp_path):
    url = new_url()
    site.apply(confidential("Board", f"{url}/callback", post_logout_redirect_uris=[f"{url}/bye"]))
    with node("openid-client", tmp_path, site, url, "board", CLIENT_SECRET=site.secrets["board"]):
        visitor = Visitor()
        visitor.open(url)
        visitor.log_in(ann)
        visitor.allow()
        answer = visitor.json()
        assert answer["userinfo"]["email"] == ann and answer["scope"] == ALL_SCOPES
        assert answer["claims"]["acr"] == "aal1" and answer["refreshed"]["sid"] == answer["claims"]["sid"]
        introspected = answer["introspected"]
        assert introspected["active"] and introspected["client_id"] == "board"
        # With `offline_access`, the refresh token outlives the browser session.
        visitor.open(f"{url}/logout")
        assert visitor.json() == {"state": "after the logout", "refresh": "renewed"}
        visitor.open(f"{url}/?prompt=none")
        assert "login_required" in visitor.response.text and visitor.response.status_code == 500
        visitor.open(f"{url}/?scope=openid+email")
        visitor.log_in(ann)
        assert visitor.json()["scope"] == "openid email"
        visitor.open(f"{url}/logout")
        assert visitor.json() == {"state": "after the logout", "refresh": "invalid_grant"}


def test_oauth4webapi(site, ann, tmp_path):
    url, key = new_url(), ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "key.pem").write_bytes(pem)
    public = ECKey.import_key(pem).as_dict(private=False, kid="key-1", alg="ES256", use="sig")
    jwks = json.dumps({"keys": [public]})
    site.apply(confidential("Lab", f"{url}/callback", auth_method="private_key_jwt", jwks=jwks))
    with node("oauth4webapi", tmp_path, site, url, "lab", KEY_FILE="key.pem") as program:
        visitor = Visitor()
        visitor.open(url)
        visitor.log_in(ann)
        visitor.allow()
        # Without scripts, people send the response by a button.
        assert visitor.page.title == text("page.form_post.title")
        visitor.submit()
        answer = visitor.json()
        assert answer["claims"]["email"] == answer["userinfo"]["email"] == ann, "".join(program.log)
        assert (answer["scope"], answer["refused"]) == ("openid email", "invalid_grant")


def test_passport(site, ann, tmp_path):
    url, names = new_url(), ["openid-client", "openidconnect", "with-pkce"]
    uris = [f"{url}/{name}/callback" for name in names]
    site.apply(confidential("Forum", *uris, auth_method="client_secret_post"))
    with node("passport", tmp_path, site, url, "forum", CLIENT_SECRET=site.secrets["forum"]) as program:
        visitor = Visitor()
        visitor.open(f"{url}/openid-client")
        visitor.log_in(ann)
        visitor.allow()
        assert visitor.json()["iss"] == site.issuer, "".join(program.log)
        visitor.open(f"{url}/with-pkce")
        assert visitor.json()["email"] == ann, "".join(program.log)
        # passport-openidconnect alone has no PKCE, which the service requires.
        visitor.open(f"{url}/openidconnect")
        assert visitor.response.json()["code"] == "invalid_request"


def recipe(language, marker, changes):
    """Returns the recipe of `docs/provider.md` in this language with this text, after replacing its addresses."""
    [found] = [text for words, text in sections("provider.md")["Recipes"] if words == [language] and marker in text]
    for old, new in changes.items():
        assert old in found, old
        found = found.replace(old, new)
    return found


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = Person(tmp_path_factory.mktemp("browser"))
    yield browser
    browser.close()


@pytest.fixture
def person(site, browser):
    """Returns a browser without cookies, and with empty logs."""
    browser.forget()
    for kind in ("browser", "performance"):
        browser.log(kind)
    return browser


@contextmanager
def single_page_app(site):
    """Serves the application of the recipe for React, without React. Yields its listener."""
    with Application() as application:
        changes = {"https://auth.example": site.issuer, "https://app.example": application.url}
        script = recipe("ts", "UserManager", changes).replace("export const users =", "const users = window.users =")
        packages = {
            "oidc-client-ts": NODE_MODULES / "oidc-client-ts/dist/esm/oidc-client-ts.js",
            "jwt-decode": NODE_MODULES / "jwt-decode/build/esm/index.js",
        }
        imports = json.dumps({"imports": {name: f"/{name}.js" for name in packages}})
        page = (
            f'<!doctype html><title>App</title><script type="importmap">{imports}</script>'
            f'<script type="module">{script}</script><h1>App</h1>'
        )
        application.pages |= {f"/{name}.js": ("text/javascript", file.read_text()) for name, file in packages.items()}
        application.pages |= {path: ("text/html", page) for path in ("/", "/callback")}
        site.apply({
            "id": "spa", "name": "Map", "kind": "public", "redirect_uris": [f"{application.url}/callback"],
            "post_logout_redirect_uris": [f"{application.url}/"], "scopes": ["openid", "email"],
        })
        wait_for("the service knows the new origin", lambda: reads(site, application))
        yield application


def reads(site, application):
    """Returns whether scripts of an application may read the responses of the provider."""
    answer = requests.options(
        site.metadata["token_endpoint"], timeout=60,
        headers={"Origin": application.url, "Access-Control-Request-Method": "POST"},
    )
    return answer.headers.get("Access-Control-Allow-Origin") == application.url


def test_single_page_app_by_the_recipe(site, ann, person):
    with single_page_app(site) as application:
        person.open(application.url)
        person.wait(lambda: person.script("return !!window.users"), "the application")
        person.leave(lambda: person.script("users.signinRedirect()"))
        person.submit(email=ann, password=PASSWORD)
        assert person.text("h1") == text("page.consent.title").replace("{client}", "Map")
        person.choose("[value=allow]")
        assert person.text("h1") == "App"
        person.wait(lambda: person.script("return !!window.users"), "the application")
        user = person.script("return users.signinRedirectCallback()")
        assert user["profile"]["email"] == ann and user["profile"]["iss"] == site.issuer
        # The refresh is a request of a script to another origin.
        renewed = person.script("return users.signinSilent()")
        assert renewed["access_token"] != user["access_token"]
        assert renewed["profile"]["sub"] == user["profile"]["sub"]
        person.leave(lambda: person.script("users.signoutRedirect()"))
        assert person.script("return location.href").partition("?")[0] == f"{application.url}/"
        person.open(f"{site.issuer}/account/grants")
        assert person.text("h1") == text("page.login.title"), "the browser session ended"
    assert complaints(person) == []


def test_scripts_of_other_sites_read_nothing(site, person):
    fetch = """
        const [url, method] = arguments;
        const form = new URLSearchParams({client_id: "spa", grant_type: "refresh_token"});
        const body = method == "POST" ? form : undefined;
        return fetch(url, {method, body}).then((answer) => answer.status, (error) => error.name);
    """
    urls = [("POST", site.metadata["token_endpoint"]), ("GET", site.metadata["userinfo_endpoint"])]
    with single_page_app(site) as application, Application() as other:
        for listener, expected in [(application, [400, 401]), (other, ["TypeError", "TypeError"])]:
            person.open(listener.url)
            assert [person.script(fetch, url, method) for method, url in urls] == expected
    person.log("browser")


def test_auth_js_by_the_recipe(site, ann, tmp_path):
    url = new_url()
    site.apply(confidential("Shop", f"{url}/api/auth/callback/inwren"))
    changes = {"https://auth.example": site.issuer, '"next-auth"': '"./next-auth.mjs"'}
    (tmp_path / "recipe.mjs").write_text(recipe("ts", "NextAuth", changes))
    credentials = {"INWREN_CLIENT_ID": "shop", "INWREN_CLIENT_SECRET": site.secrets["shop"]}
    with node("auth-js", tmp_path, site, url, "shop", **credentials) as program:
        visitor = Visitor()
        visitor.open(f"{url}/api/auth/signin?callbackUrl=/")
        visitor.submit()
        visitor.log_in(ann)
        visitor.allow()
        assert visitor.json()["user"]["email"] == ann, "".join(program.log)


APACHE = """
ServerRoot {folder}
ServerName 127.0.0.1
Listen {address}
PidFile {folder}/apache.pid
DefaultRuntimeDir {folder}
Mutex pthread
ErrorLog /dev/stderr
User www-data
Group www-data
DocumentRoot {folder}/site
{modules}
Header always set Remote-User "expr=%{{REMOTE_USER}}"
{recipe}
"""
APACHE_MODULES = ["mpm_event", "authn_core", "authz_core", "authz_user", "headers", "auth_openidc"]


@contextmanager
def apache(site, folder):
    """Starts Apache with the recipe of the documentation."""
    url = new_url()
    site.apply(confidential("Apache", f"{url}/oidc"))
    changes = {
        "https://auth.example": site.issuer, "https://site.example": url,
        "secret-token:inwren_…": site.secrets["apache"],
    }
    modules = [f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so" for name in APACHE_MODULES]
    (folder / "site").mkdir()
    (folder / "site" / "index.html").write_text("Welcome to the site.")
    # Its workers have another user, which must reach the folder.
    folder.chmod(0o755)
    configuration = APACHE.format(
        folder=folder, address=urlsplit(url).netloc, modules="\n".join(modules),
        recipe=recipe("apache", "OIDCClientID", changes),
    )
    (folder / "apache.conf").write_text(configuration)
    path = f"{os.environ['PATH']}:/usr/sbin"
    command = [shutil.which("apache2", path=path), "-DFOREGROUND", "-f", folder / "apache.conf"]
    program = Listener(command, folder, {"PATH": path})
    try:
        wait_for("Apache runs", lambda: any("resuming normal operations" in line for line in program.log))
        yield url, program
    finally:
        program.stop()


def test_apache_by_the_recipe(site, ann):
    with TemporaryDirectory(prefix="inwren-apache-") as folder, apache(site, Path(folder)) as (url, program):
        visitor = Visitor()
        visitor.open(f"{url}/index.html")
        visitor.log_in(ann)
        visitor.allow()
        assert visitor.response.text == "Welcome to the site.", "".join(program.log)
        assert visitor.response.headers["Remote-User"] == ann


@contextmanager
def jupyterhub(site, folder):
    """Starts JupyterHub with the recipe of the documentation."""
    url = new_url()
    site.apply(confidential("JupyterHub", f"{url}/hub/oauth_callback", min_acr="aal2"))
    changes = {
        "https://auth.example": site.issuer, "https://hub.example": url,
        "secret-token:inwren_…": site.secrets["jupyterhub"],
    }
    program = NODE_MODULES / ".bin/configurable-http-proxy"
    (folder / "jupyterhub_config.py").write_text(recipe("python", "GenericOAuthenticator", changes) + f"""
c.JupyterHub.bind_url = "{url}"
c.JupyterHub.hub_port = {free_port()}
c.ConfigurableHTTPProxy.command = ["{shutil.which('node')}", "{program.resolve()}"]
c.ConfigurableHTTPProxy.api_url = "{new_url()}"
c.JupyterHub.default_url = "/hub/home"
c.JupyterHub.spawner_class = "simple"
""")
    hub = Program([sys.executable, "-m", "jupyterhub"], folder)
    try:
        wait_for("JupyterHub runs", lambda: any(f"is now running at {url}" in line for line in hub.log))
        yield url, hub
    finally:
        # It stops its proxy.
        hub.stop()


def test_jupyterhub_by_the_recipe(site, ann, tmp_path):
    app, _ = site.member(ann).enrol_app()
    with jupyterhub(site, tmp_path) as (url, hub):
        visitor = Visitor()
        visitor.open(f"{url}/hub/oauth_login")
        visitor.log_in(ann)
        assert visitor.page.title == text("page.factor.title")
        visitor.submit(code=app.code())
        assert visitor.page.title == text("page.consent.title").replace("{client}", "JupyterHub")
        visitor.allow()
        assert visitor.url == f"{url}/hub/home", "".join(hub.log)
        assert ann in visitor.response.text
