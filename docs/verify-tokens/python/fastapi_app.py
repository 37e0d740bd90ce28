"""A FastAPI service that accepts Inwren's access tokens."""

import os
from typing import Annotated

import jwt
import uvicorn
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

ISSUER = os.environ.get("INWREN_ISSUER", "http://localhost:8000")
AUDIENCE = os.environ.get("INWREN_AUDIENCE", "inwren")
KEYS_URL = os.environ.get("INWREN_JWKS_URL", f"{ISSUER}/.well-known/jwks.json")
KEYS_MAX_AGE = int(os.environ.get("INWREN_JWKS_MAX_AGE", "300"))

# `cache_keys` stays off: it would keep each key indefinitely, even a revoked one.
KEYS = jwt.PyJWKClient(KEYS_URL, cache_keys=False, lifespan=KEYS_MAX_AGE, cooldown_duration=5, timeout=3)


class KeysUnavailable(Exception):
    """The keys cannot be fetched, so the token cannot be verified."""


def verify(token: str) -> dict:
    """The claims of a valid access token. Raises jwt.PyJWTError for an invalid one, or KeysUnavailable."""
    header = jwt.get_unverified_header(token)
    if header.get("typ") != "at+jwt":
        raise jwt.InvalidTokenError("not an access token")
    try:
        key = KEYS.get_signing_key(header.get("kid"))
    # A ValueError means that the response is not JSON.
    except (jwt.PyJWKClientConnectionError, jwt.PyJWKSetError, ValueError) as error:
        raise KeysUnavailable from error
    claims = jwt.decode(
        token,
        key.key,
        algorithms=["RS256"],
        issuer=ISSUER,
        audience=AUDIENCE,
        leeway=10,
        options={"require": ["exp", "iat", "iss", "aud", "sub", "jti"]},
    )
    if claims.get("type") != "access":
        raise jwt.InvalidTokenError("not an access token")
    return claims


Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))]


def authenticated(bearer: Bearer) -> dict:
    """The claims of the caller. Not `async`: FastAPI then runs it in a thread, where it may wait for keys."""
    if bearer is None:
        raise HTTPException(401, headers={"WWW-Authenticate": "Bearer"})
    try:
        return verify(bearer.credentials)
    except KeysUnavailable:
        raise HTTPException(503)
    except jwt.PyJWTError:
        raise HTTPException(401, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})


Claims = Annotated[dict, Depends(authenticated)]

app = FastAPI()


@app.get("/me")
def me(claims: Claims) -> dict:
    return {"sub": claims["sub"]}


if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ.get("PORT", "8080")))
