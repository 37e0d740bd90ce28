"""A Django site that logs users in with mozilla-django-oidc and with Authlib. `test_provider.py` runs it as a program."""

import json
import os
import secrets
from urllib.parse import urlsplit
from urllib.request import urlopen
from wsgiref.simple_server import WSGIRequestHandler, make_server

import django
from authlib.integrations.django_client import OAuth
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponseRedirect, JsonResponse
from django.urls import include, path, reverse

ISSUER, CLIENT_ID, CLIENT_SECRET, URL = (os.environ[name] for name in ("ISSUER", "CLIENT_ID", "CLIENT_SECRET", "URL"))
METADATA_URL = f"{ISSUER}/.well-known/openid-configuration"
METADATA = json.load(urlopen(METADATA_URL))

settings.configure(
    SECRET_KEY=secrets.token_urlsafe(50),
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "site.db"}},
    INSTALLED_APPS=[
        "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "mozilla_django_oidc",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    AUTHENTICATION_BACKENDS=["mozilla_django_oidc.auth.OIDCAuthenticationBackend"],
    LOGIN_REDIRECT_URL="/",
    LOGIN_REDIRECT_URL_FAILURE="/failed",
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    OIDC_RP_CLIENT_ID=CLIENT_ID,
    OIDC_RP_CLIENT_SECRET=CLIENT_SECRET,
    OIDC_RP_SIGN_ALGO="RS256",
    OIDC_RP_SCOPES="openid email",
    OIDC_USE_PKCE=True,
    OIDC_TOKEN_USE_BASIC_AUTH=True,
    OIDC_OP_AUTHORIZATION_ENDPOINT=METADATA["authorization_endpoint"],
    OIDC_OP_TOKEN_ENDPOINT=METADATA["token_endpoint"],
    OIDC_OP_USER_ENDPOINT=METADATA["userinfo_endpoint"],
    OIDC_OP_JWKS_ENDPOINT=METADATA["jwks_uri"],
)
django.setup()

oauth = OAuth()
oauth.register(
    "inwren",
    client_id=CLIENT_ID,
    client_secret=CLIENT_SECRET,
    server_metadata_url=METADATA_URL,
    client_kwargs={"scope": "openid email", "code_challenge_method": "S256"},
)


def home(request):
    email = request.user.email if request.user.is_authenticated else None
    return JsonResponse({"email": email})


def authlib_login(request):
    return oauth.inwren.authorize_redirect(request, f"{URL}{reverse(authlib_callback)}")


def authlib_callback(request):
    """Ends the login: the library validates the ID token and its nonce."""
    token = oauth.inwren.authorize_access_token(request)
    request.session["id_token"] = token["id_token"]
    return JsonResponse({"userinfo": token["userinfo"], "scope": token["scope"]})


def authlib_logout(request):
    hint = request.session.pop("id_token")
    return oauth.inwren.logout_redirect(request, f"{URL}{reverse(authlib_bye)}", id_token_hint=hint)


def authlib_bye(request):
    """Ends the logout: the library compares the state."""
    oauth.inwren.validate_logout_response(request)
    return HttpResponseRedirect("/")


urlpatterns = [
    path("", home),
    path("oidc/", include("mozilla_django_oidc.urls")),
    path("authlib/login", authlib_login),
    path("authlib/callback", authlib_callback),
    path("authlib/logout", authlib_logout),
    path("authlib/bye", authlib_bye),
]


class Handler(WSGIRequestHandler):
    def log_message(self, *_):
        pass


if __name__ == "__main__":
    call_command("migrate", verbosity=0)
    parts = urlsplit(URL)
    with make_server(parts.hostname, parts.port, get_wsgi_application(), handler_class=Handler) as server:
        print(f"listening on {URL}", flush=True)
        server.serve_forever()
