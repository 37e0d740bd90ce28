use std::net::SocketAddr;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use inwren_adapters::crypto::keys::PublicKey;
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::client::{Answer, Call, send};
use super::screen::Screen;
use crate::config::Config;
use crate::keys::{self, Change, Changed};
use crate::wiring;

/// The user that the demo registers.
const EMAIL: &str = "ann@example.org";
const PASSWORD: &str = "a pass phrase for ann";
const JWKS: &str = "/.well-known/jwks.json";
/// How long the demo waits until the service signs with the next key. The service looks for changed keys every two
/// seconds.
const MAX_ROTATION: Duration = Duration::from_secs(8);
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// A running demo.
pub(super) struct Demo<'a> {
    pub(super) config: &'a Config,
    /// The address of the service.
    pub(super) address: SocketAddr,
    pub(super) screen: Screen,
}

/// The tokens of a session.
struct Tokens {
    access: String,
    refresh: String,
}

impl Tokens {
    fn of(answer: &Answer) -> Result<Self, String> {
        Ok(Self { access: answer.text("access_token")?, refresh: answer.text("refresh_token")? })
    }
}

/// A step fails with what went wrong.
type Step<T = ()> = Result<T, String>;

impl Demo<'_> {
    /// Runs all steps. An error names the step that failed.
    pub(super) async fn run(&self) -> Step {
        let issuer = &self.config.token_issuer;
        self.screen.title(&format!("A service in this process and in memory, on {issuer}"));
        let register = self.register();
        self.step(1, "Register a user", register).await?;
        let first = self.step(2, "Log in", self.log_in()).await?;
        let show = async { self.show_claims(&first.access) };
        self.step(3, "Decode the access token", show).await?;
        self.step(4, "Verify it offline, as your services do", self.verify_offline(&first.access)).await?;
        self.step(5, "Rotate the signing key", self.rotate()).await?;
        let second = self.step(6, "Refresh: the new key signs", self.refresh(&first.refresh)).await?;
        let both = self.verify_both(&first.access, &second.access);
        self.step(7, "Verify both tokens offline: no session has ended", both).await?;
        self.step(8, "Log out: the service refuses the token at once", self.log_out(&second.access)).await
    }

    async fn step<T>(&self, number: usize, title: &str, work: impl Future<Output = Step<T>>) -> Step<T> {
        self.screen.step(number, title);
        work.await.map_err(|problem| format!("step {number} ({title}) failed: {problem}"))
    }

    /// Shows a request and its response, which must have this status.
    async fn call(&self, call: Call, expected: StatusCode) -> Step<Answer> {
        self.screen.request(&call);
        let answer = send(self.address, &call).await?;
        self.screen.answer(&answer);
        match answer.status == expected {
            true => Ok(answer),
            false => Err(format!("expected {expected}, got {}", answer.status)),
        }
    }

    async fn register(&self) -> Step {
        let body = json!({ "email": EMAIL, "password": PASSWORD });
        self.call(Call::post("/auth/register").json(body), StatusCode::CREATED).await?;
        Ok(())
    }

    async fn log_in(&self) -> Step<Tokens> {
        let body = json!({ "email": EMAIL, "password": PASSWORD });
        Tokens::of(&self.call(Call::post("/auth/login").json(body), StatusCode::OK).await?)
    }

    fn show_claims(&self, token: &str) -> Step {
        let mut parts = token.split('.').map(decoded);
        let (Some(Some(header)), Some(Some(claims))) = (parts.next(), parts.next()) else {
            return Err("the token has no header and no claims".to_owned());
        };
        self.screen.member("header", &header.to_string());
        for (name, value) in claims.as_object().into_iter().flatten() {
            let lifetime =
                claims["exp"].as_i64().zip(claims["iat"].as_i64()).map(|(exp, iat)| (exp - iat) / 60);
            match lifetime {
                Some(minutes) if name == "exp" => {
                    self.screen.member(name, &format!("{value} ({minutes} minutes after iat)"));
                }
                _ => self.screen.member(name, &value.to_string()),
            }
        }
        Ok(())
    }

    async fn verify_offline(&self, token: &str) -> Step {
        let keys = public_keys(&self.call(Call::get(JWKS), StatusCode::OK).await?)?;
        self.verify(&keys, token)?;
        let forged = with_another_letter(token);
        match wiring::offline_verifier(self.config, &keys)
            .map_err(|error| error.to_string())?
            .verify(&forged, wiring::clock().now())
        {
            Err(refusal) => {
                self.screen.success(&format!("{:<14} with one letter changed: {refusal}", "refused"))
            }
            Ok(_) => return Err("a forged token was accepted".to_owned()),
        }
        Ok(())
    }

    async fn rotate(&self) -> Step {
        self.screen.command("inwren keys rotate --now");
        let store = wiring::key_store(self.config);
        let change = Change::Rotate { bits: keys::DEFAULT_BITS, now: true };
        let now = wiring::clock().now();
        // In place, so that a signal that ends the demo cannot delete the folder before the key is written.
        let changed = tokio::task::block_in_place(|| keys::change(&store, &change, now));
        let changed = changed.map_err(|error| error.to_string())?;
        let Changed::Signs { kid, .. } = changed else { return Err("no key was created".to_owned()) };
        let begun = Instant::now();
        // The key that signs is the first one.
        let signs = |answer: &Answer| answer.body["keys"][0]["kid"] == kid.as_str();
        while !signs(&send(self.address, &Call::get(JWKS)).await?) {
            if begun.elapsed() > MAX_ROTATION {
                return Err(format!("the service does not sign with the key {kid}"));
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
        let waited = begun.elapsed().as_secs_f64();
        self.screen.success(&format!("{kid} signs, without a restart, after {waited:.1} s"));
        Ok(())
    }

    async fn refresh(&self, token: &str) -> Step<Tokens> {
        let call = Call::post("/auth/refresh").json(json!({ "refresh_token": token }));
        Tokens::of(&self.call(call, StatusCode::OK).await?)
    }

    async fn verify_both(&self, first: &str, second: &str) -> Step {
        let keys = public_keys(&self.call(Call::get(JWKS), StatusCode::OK).await?)?;
        if kid(first) == kid(second) {
            return Err("both tokens have the same key".to_owned());
        }
        self.verify(&keys, first)?;
        self.verify(&keys, second)
    }

    async fn log_out(&self, token: &str) -> Step {
        self.call(Call::post("/auth/logout").bearer(token), StatusCode::NO_CONTENT).await?;
        self.call(Call::get("/users/me").bearer(token), StatusCode::UNAUTHORIZED).await?;
        Ok(())
    }

    /// Verifies a token with these keys, and shows the result.
    fn verify(&self, keys: &[PublicKey], token: &str) -> Step {
        let verifier = wiring::offline_verifier(self.config, keys).map_err(|error| error.to_string())?;
        let claims = verifier.verify(token, wiring::clock().now()).map_err(|refusal| refusal.to_string())?;
        self.screen.success(&format!("{:<14} {}, tier {}", "valid", claims.email, claims.tier.as_str()));
        self.screen.member("signed by", &kid(token).unwrap_or_default());
        Ok(())
    }
}

/// The keys of a JWK set.
fn public_keys(answer: &Answer) -> Step<Vec<PublicKey>> {
    let keys = answer.body["keys"].as_array().ok_or("the response has no keys")?;
    let key = |key: &Value| {
        let text = |name: &str| key[name].as_str().unwrap_or_default();
        PublicKey::from_jwk(text("n"), text("e")).map_err(|error| error.to_string())
    };
    keys.iter().map(key).collect()
}

/// A part of a token as JSON.
fn decoded(part: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

/// The id of the key that signed a token.
fn kid(token: &str) -> Option<String> {
    let header = decoded(token.split('.').next()?)?;
    header["kid"].as_str().map(str::to_owned)
}

/// Changes one letter in the middle of a token's signature.
fn with_another_letter(token: &str) -> String {
    let signature = token.rfind('.').map_or(0, |dot| dot + 1);
    let place = signature + (token.len() - signature) / 2;
    let changed = |(at, letter): (usize, char)| match (at == place, letter) {
        (true, 'A') => 'B',
        (true, _) => 'A',
        (false, letter) => letter,
    };
    token.char_indices().map(changed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forged_token_differs_in_one_letter_of_its_signature() {
        let token = "header.payload.signAture";
        assert_eq!(with_another_letter(token), "header.payload.signBture");
        assert_eq!(with_another_letter("header.payload.signature"), "header.payload.signAture");
    }
}
