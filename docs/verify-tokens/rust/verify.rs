//! Verifies Inwren's access tokens.

use std::collections::HashMap;
use std::env;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use tokio::sync::{Mutex, RwLock};

/// How long an unknown `kid` does not cause another fetch.
const COOLDOWN: Duration = Duration::from_secs(5);
/// How long to wait after a failed fetch.
const RETRY: Duration = Duration::from_secs(1);

/// The claims of a token. Add fields as needed: `email`, `tier`, `is_superuser`, `client_id`.
#[derive(Clone, serde::Deserialize)]
pub struct Claims {
    pub sub: String,
    r#type: String,
}

/// Why a request is rejected.
pub enum Refused {
    NoToken,
    BadToken,
    /// The keys cannot be fetched, so the token cannot be verified.
    NoKeys,
}

impl Refused {
    /// The status of the response.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NoToken | Self::BadToken => StatusCode::UNAUTHORIZED,
            Self::NoKeys => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The header `WWW-Authenticate` of the response.
    pub fn challenge(&self) -> Option<&'static str> {
        match self {
            Self::NoToken => Some("Bearer"),
            Self::BadToken => Some(r#"Bearer error="invalid_token""#),
            Self::NoKeys => None,
        }
    }
}

type Keys = Arc<HashMap<String, DecodingKey>>;

pub struct Verifier {
    rules: Validation,
    keys_url: String,
    keys_max_age: Duration,
    http: Client,
    /// The keys, and when they were fetched.
    keys: RwLock<Option<(Instant, Keys)>>,
    /// When the keys were last fetched. One request fetches; the others wait for it.
    asked_at: Mutex<Option<Instant>>,
}

impl Verifier {
    pub fn from_env() -> Result<Self, Box<dyn std::error::Error>> {
        let setting = |name, default: &str| env::var(name).unwrap_or_else(|_| default.to_owned());
        let issuer = setting("INWREN_ISSUER", "http://localhost:8000");
        let mut rules = Validation::new(Algorithm::RS256);
        rules.set_issuer(&[&issuer]);
        rules.set_audience(&[setting("INWREN_AUDIENCE", "inwren")]);
        rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        rules.validate_nbf = true;
        rules.leeway = 10;
        Ok(Self {
            rules,
            keys_url: setting("INWREN_JWKS_URL", &format!("{issuer}/.well-known/jwks.json")),
            keys_max_age: Duration::from_secs(setting("INWREN_JWKS_MAX_AGE", "300").parse()?),
            http: Client::builder().timeout(Duration::from_secs(3)).redirect(Policy::none()).build()?,
            keys: RwLock::default(),
            asked_at: Mutex::default(),
        })
    }

    /// The claims of the caller, from the header `Authorization`.
    pub async fn authenticate(&self, authorization: Option<&str>) -> Result<Claims, Refused> {
        match authorization.and_then(|value| value.split_once(' ')) {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("Bearer") => self.verify(token.trim()).await,
            _ => Err(Refused::NoToken),
        }
    }

    /// The claims of a valid access token.
    pub async fn verify(&self, token: &str) -> Result<Claims, Refused> {
        let header = decode_header(token).map_err(|_| Refused::BadToken)?;
        // jsonwebtoken checks neither `typ` nor `crit`.
        if header.typ.as_deref() != Some("at+jwt") || header.crit.is_some() {
            return Err(Refused::BadToken);
        }
        let key = self.key(&header.kid.ok_or(Refused::BadToken)?).await?;
        let claims = decode::<Claims>(token, &key, &self.rules).map_err(|_| Refused::BadToken)?.claims;
        if claims.r#type == "access" { Ok(claims) } else { Err(Refused::BadToken) }
    }

    async fn key(&self, kid: &str) -> Result<DecodingKey, Refused> {
        let named = |keys: &Option<Keys>| keys.as_ref()?.get(kid).cloned();
        if let Some(key) = named(&self.fresh_keys().await) {
            return Ok(key);
        }
        let mut asked_at = self.asked_at.lock().await;
        let keys = self.fresh_keys().await;
        if let Some(key) = named(&keys) {
            return Ok(key);
        }
        let (pause, otherwise) =
            if keys.is_some() { (COOLDOWN, Refused::BadToken) } else { (RETRY, Refused::NoKeys) };
        if asked_at.is_some_and(|at| at.elapsed() < pause) {
            return Err(otherwise);
        }
        // The fetch is cancelled if its client disconnects, so the pause begins only after a response.
        let begun = Instant::now();
        let keys = self.fetch().await.ok().map(Arc::new);
        if keys.is_some() {
            *self.keys.write().await = keys.clone().map(|keys| (begun, keys));
        }
        *asked_at = Some(Instant::now());
        if keys.is_none() { Err(Refused::NoKeys) } else { named(&keys).ok_or(Refused::BadToken) }
    }

    /// The keys, unless they are outdated.
    async fn fresh_keys(&self) -> Option<Keys> {
        let keys = self.keys.read().await;
        let (asked_at, keys) = keys.as_ref()?;
        (asked_at.elapsed() < self.keys_max_age).then(|| Arc::clone(keys))
    }

    async fn fetch(&self) -> reqwest::Result<HashMap<String, DecodingKey>> {
        let answer = self.http.get(&self.keys_url).send().await?.error_for_status()?;
        let keys = answer.json::<JwkSet>().await?.keys.into_iter();
        Ok(keys
            .filter_map(|key| Some((key.common.key_id.clone()?, DecodingKey::from_jwk(&key).ok()?)))
            .collect())
    }
}
