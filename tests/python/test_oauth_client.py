"""Common OAuth2 libraries get, refresh and verify tokens without code for this service."""

import os

import pytest
import requests
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from authlib.oauth2.rfc6750.errors import InvalidTokenError
from authlib.oauth2.rfc9068 import JWTBearerTokenValidator
from oauthlib.oauth2 import InvalidGrantError, LegacyApplicationClient
from requests_oauthlib import OAuth2Session

EMAIL = "ann@example.org"
PASSWORD = "ann's pass phrase"


@pytest.fixture(scope="module", autouse=True)
def ann(server):
    body = {"email": EMAIL, "password": PASSWORD}
    requests.post(f"{server.url}/auth/register", json=body, timeout=30).raise_for_status()
    # oauthlib requires TLS, which a proxy terminates in production.
    os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"
    yield
    del os.environ["OAUTHLIB_INSECURE_TRANSPORT"]


def test_requests_oauthlib(server):
    endpoint = f"{server.url}/auth/access-token"
    session = OAuth2Session(client=LegacyApplicationClient(client_id="any"))
    first = session.fetch_token(endpoint, username=EMAIL, password=PASSWORD)
    assert first["token_type"].lower() == "bearer" and first["expires_in"] == 1800
    assert session.get(f"{server.url}/users/me", timeout=30).json()["email"] == EMAIL

    second = session.refresh_token(endpoint)
    assert second["refresh_token"] != first["refresh_token"]
    assert session.get(f"{server.url}/users/me", timeout=30).status_code == 200


def test_requests_oauthlib_understands_refusals(server):
    session = OAuth2Session(client=LegacyApplicationClient(client_id="any"))
    with pytest.raises(InvalidGrantError):
        session.fetch_token(f"{server.url}/auth/access-token", username=EMAIL, password="a wrong pass phrase")


def test_requests_oauthlib_renews_by_itself(server):
    endpoint = f"{server.url}/auth/access-token"
    first = OAuth2Session(client=LegacyApplicationClient(client_id="any")).fetch_token(
        endpoint, username=EMAIL, password=PASSWORD
    )
    renewed = []
    expired = {**first, "expires_at": 1}
    session = OAuth2Session("any", token=expired, auto_refresh_url=endpoint, token_updater=renewed.append)
    assert session.get(f"{server.url}/users/me", timeout=30).status_code == 200
    assert len(renewed) == 1 and renewed[0]["refresh_token"] != first["refresh_token"]


def test_authlib(server):
    endpoint = f"{server.url}/auth/access-token"
    session = AuthlibSession("any", token_endpoint=endpoint, token_endpoint_auth_method="none")
    first = dict(session.fetch_token(endpoint, username=EMAIL, password=PASSWORD))
    assert session.get(f"{server.url}/users/me", timeout=30).json()["email"] == EMAIL
    second = session.refresh_token(endpoint, refresh_token=first["refresh_token"])
    assert second["refresh_token"] != first["refresh_token"]
    assert session.get(f"{server.url}/users/me", timeout=30).status_code == 200


def test_authlib_understands_refusals(server):
    session = AuthlibSession("any", token_endpoint_auth_method="none")
    with pytest.raises(OAuthError) as refused:
        session.fetch_token(f"{server.url}/auth/access-token", username=EMAIL, password="a wrong pass phrase")
    assert refused.value.error == "invalid_grant"


def test_authlib_validates_access_tokens_by_rfc_9068(server):
    metadata = requests.get(f"{server.url}/.well-known/oauth-authorization-server", timeout=30).json()

    class Validator(JWTBearerTokenValidator):
        def get_jwks(self):
            return requests.get(f"{server.url}/.well-known/jwks.json", timeout=30).json()

    validator = Validator(issuer=metadata["issuer"], resource_server="inwren")
    session = AuthlibSession("any", token_endpoint_auth_method="none")
    tokens = session.fetch_token(f"{server.url}/auth/access-token", username=EMAIL, password=PASSWORD)
    claims = validator.authenticate_token(tokens["access_token"])
    validator.validate_token(claims, [], None)
    assert claims["client_id"] == "inwren"
    # A refresh token is not an access token.
    with pytest.raises(InvalidTokenError):
        validator.validate_token(validator.authenticate_token(tokens["refresh_token"]), [], None)
