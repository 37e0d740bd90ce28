//! Claims of tokens, and their lifetime.

use serde_json::json;
use sha2::{Digest, Sha256};
use time::Duration;
use uuid::Uuid;

use super::{Class, access, adapters, client, key, now, part, refresh};
use inwren_domain::kernel::{PlainToken, TokenDigest};
use inwren_domain::token::InvalidToken;

#[test]
fn a_token_says_what_was_claimed_and_nothing_else() {
    let common = json!({ "iss": "https://auth.example.org", "aud": "inwren", "iat": 1_800_000_000 });
    let [user, session] = [7, 8].map(|number| Uuid::from_u128(number).to_string());
    let client_id = client().client_id.to_string();
    let own = |class| match class {
        Class::Access => json!({
            "type": "access", "sub": user, "sid": session, "jti": access().id.as_str(),
            "exp": 1_800_001_800, "auth_time": 1_799_996_400, "acr": "aal1", "amr": ["pwd"],
            "email": access().email, "email_verified": true, "tier": "free", "is_superuser": true, "client_id": "inwren",
        }),
        Class::Client => json!({
            "type": "access", "sub": client_id, "client_id": client_id, "jti": client().id.as_str(),
            "exp": 1_800_001_800, "scope": "stock:read stock:write",
        }),
        Class::Refresh => json!({
            "type": "refresh", "sub": user, "sid": session, "jti": refresh().id.as_str(),
            "exp": 1_800_604_800, "client_id": "inwren",
        }),
    };
    for (name, tokens) in adapters() {
        for class in Class::ALL {
            let token = class.issue(&*tokens);
            let typ = if class == Class::Refresh { "rt+jwt" } else { "at+jwt" };
            let header = json!({ "alg": "RS256", "kid": key().public().id(), "typ": typ });
            assert_eq!(part(&token, 0), header, "{name}: {class:?}");
            let mut payload = common.clone();
            payload.as_object_mut().unwrap().extend(own(class).as_object().unwrap().clone());
            assert_eq!(part(&token, 1), payload, "{name}: {class:?}");
            assert_eq!(class.refusal(&*tokens, token.expose(), now()), None, "{name}: {class:?}");
        }
    }
}

#[test]
fn the_classes_do_not_stand_in_for_each_other() {
    for (name, tokens) in adapters() {
        for class in Class::ALL {
            let token = class.issue(&*tokens);
            for other in Class::ALL.into_iter().filter(|other| *other != class) {
                let refusal = other.refusal(&*tokens, token.expose(), now());
                let same_header = class != Class::Refresh && other != Class::Refresh;
                let expected = if same_header { InvalidToken::Claims } else { InvalidToken::Header };
                assert_eq!(refusal, Some(expected), "{name}: {class:?} as {other:?}");
            }
        }
    }
}

#[test]
fn times_hold_within_the_leeway_and_no_further() {
    for (name, tokens) in adapters() {
        for (class, lifetime) in [
            (Class::Access, Duration::minutes(30)),
            (Class::Client, Duration::minutes(30)),
            (Class::Refresh, Duration::days(7)),
        ] {
            let token = class.issue(&*tokens);
            let at = |after: Duration| class.refusal(&*tokens, token.expose(), now() + after);
            let leeway = Duration::seconds(10);
            assert_eq!(at(lifetime + leeway - Duration::SECOND), None, "{name}: {class:?}");
            assert_eq!(at(lifetime + leeway), Some(InvalidToken::Expired), "{name}: {class:?}");
            assert_eq!(at(Duration::ZERO - leeway), None, "{name}: {class:?}");
            assert_eq!(at(-Duration::SECOND - leeway), Some(InvalidToken::Early), "{name}: {class:?}");
        }
    }
}

#[test]
fn the_digest_is_that_of_the_whole_token() {
    for (name, tokens) in adapters() {
        let issued = tokens.issue_refresh(&refresh()).unwrap();
        let digest = TokenDigest::from_bytes(Sha256::digest(issued.token.expose()).into());
        assert_eq!(issued.digest, digest, "{name}");
        assert_eq!(tokens.digest(&issued.token), digest, "{name}");
        let whatever = PlainToken::new("no token at all".to_owned());
        assert_ne!(tokens.digest(&whatever), digest, "{name}");
    }
}
