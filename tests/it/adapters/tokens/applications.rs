//! Tokens of applications, beside those of this service's own API.

use inwren_adapters::crypto::jwt::{AwsLcVerifier, TokenFormat};
use inwren_domain::client::{ClientId, Scope};
use inwren_domain::token::{
    AccessClaims, ApplicationClaims, ClientClaims, FIRST_PARTY_CLIENT, InvalidToken, RefreshClaims,
};
use inwren_tests::app::forge::{Algorithm, Forger};
use serde_json::{Value, json};

use super::{
    Adapter, access, adapters, application, client, client_id, for_resource, format, key, now, part, refresh,
};

const RESOURCE: &str = "https://orders.example.org";

/// A token with these claims and the header of access tokens, signed with our key.
fn signed(claims: &Value) -> String {
    let header = format!(r#"{{"alg":"RS256","kid":"{}","typ":"at+jwt"}}"#, key().public().id());
    Forger::with(key()).sign(Algorithm::Rs256, header, claims.to_string())
}

/// The claims of the token, with another value of one; without it for `null`.
fn changed(tokens: &dyn Adapter, claims: &AccessClaims, name: &str, value: Value) -> Value {
    let mut payload = part(&tokens.issue_access(claims).unwrap(), 1);
    let members = payload.as_object_mut().unwrap();
    match value {
        Value::Null => members.remove(name),
        value => members.insert(name.to_owned(), value),
    };
    payload
}

#[test]
fn scope_decides_over_the_email_claims() {
    for (name, tokens) in adapters() {
        for scope in ["", "openid", "openid email", "openid emails"] {
            let claims = application(scope);
            let token = tokens.issue_access(&claims).unwrap();
            assert_eq!(tokens.verify_access(token.expose(), now()), Ok(claims.clone()), "{name}: {scope}");
            let payload = part(&token, 1);
            let has = |claim: &str| payload.get(claim).is_some();
            let has_email = scope == "openid email";
            assert_eq!((has("email"), has("email_verified")), (has_email, has_email), "{name}: {scope}");
            assert_eq!((has("is_superuser"), has("tier")), (false, true), "{name}: {scope}");
            assert_eq!(payload["client_id"], "web-shop", "{name}");
            assert_eq!(payload["aud"], "inwren", "{name}");
            assert_eq!(payload.get("scope").and_then(Value::as_str).unwrap_or_default(), scope, "{name}");
            // The rights of the user stay unknown to the application.
            let more = AccessClaims { email: access().email, is_superuser: true, ..claims };
            let same = tokens.issue_access(&more).unwrap();
            assert_eq!(part(&same, 1).get("is_superuser"), None, "{name}");
            assert_eq!(same.expose(), token.expose(), "{name}: {scope}");
        }
    }
}

#[test]
fn foreign_audiences_need_an_application() {
    for (name, tokens) in adapters() {
        let claims = for_resource(RESOURCE);
        let token = tokens.issue_access(&claims).unwrap();
        assert_eq!(part(&token, 1)["aud"], RESOURCE, "{name}");
        assert_eq!(tokens.verify_access(token.expose(), now()), Ok(claims), "{name}");
        for value in [json!(RESOURCE), json!(""), json!([RESOURCE])] {
            let token = signed(&changed(&*tokens, &access(), "aud", value.clone()));
            let refusal = tokens.verify_access(&token, now()).err();
            assert_eq!(refusal, Some(InvalidToken::Claims), "{name}: {value}");
        }
        for value in [json!(""), json!([RESOURCE])] {
            let token = signed(&changed(&*tokens, &application("openid"), "aud", value.clone()));
            let refusal = tokens.verify_access(&token, now()).err();
            assert_eq!(refusal, Some(InvalidToken::Claims), "{name}: {value}");
        }
        let mut payload = part(&tokens.issue_client(&client()).unwrap(), 1);
        payload["aud"] = json!(RESOURCE);
        let refusal = tokens.verify_client(&signed(&payload), now()).err();
        assert_eq!(refusal, Some(InvalidToken::Claims), "{name}");
    }
}

#[test]
fn resource_servers_refuse_tokens_for_others() {
    let keys = [key().public().clone()];
    let of = |audience: &str| {
        let format = TokenFormat { audience: audience.to_owned(), ..format() };
        AwsLcVerifier::new(format, &keys).unwrap()
    };
    for (name, tokens) in adapters() {
        let token = tokens.issue_access(&for_resource(RESOURCE)).unwrap();
        let usual = tokens.issue_access(&application("openid")).unwrap();
        assert_eq!(of(RESOURCE).verify(token.expose(), now()), Ok(application("openid")), "{name}");
        assert_eq!(of("inwren").verify(token.expose(), now()), Err(InvalidToken::Claims), "{name}");
        assert_eq!(of("inwren").verify(usual.expose(), now()), Ok(application("openid")), "{name}");
        assert_eq!(of(RESOURCE).verify(usual.expose(), now()), Err(InvalidToken::Claims), "{name}");
    }
}

#[test]
fn claims_that_no_application_gets_are_refused() {
    let with_email = application("openid email");
    let without = application("openid");
    for (name, tokens) in adapters() {
        for (claims, claim, value) in [
            (&without, "is_superuser", json!(false)),
            (&with_email, "is_superuser", json!(true)),
            (&without, "email", json!("ann@example.org")),
            (&without, "email_verified", json!(true)),
            (&with_email, "email", Value::Null),
            (&with_email, "email_verified", Value::Null),
            (&with_email, "scope", Value::Null),
            (&without, "scope", json!("")),
            (&without, "scope", json!(["openid"])),
            (&without, "client_id", json!("")),
            (&without, "client_id", json!("web shop")),
            (&without, "client_id", json!(FIRST_PARTY_CLIENT)),
            (&without, "client_id", Value::Null),
            (&without, "sid", Value::Null),
            (&without, "tier", Value::Null),
            (&without, "auth_time", Value::Null),
            (&without, "acr", Value::Null),
            (&without, "amr", Value::Null),
        ] {
            let token = signed(&changed(&*tokens, claims, claim, value.clone()));
            let refusal = tokens.verify_access(&token, now()).err();
            assert_eq!(refusal, Some(InvalidToken::Claims), "{name}: {claim}: {value}");
        }
        for claim in ["is_superuser", "email", "tier", "sid", "auth_time"] {
            let token = signed(&changed(&*tokens, &access(), claim, Value::Null));
            let refusal = tokens.verify_access(&token, now()).err();
            assert_eq!(refusal, Some(InvalidToken::Claims), "{name}: first-party without {claim}");
        }
        let named = signed(&changed(&*tokens, &access(), "client_id", json!("web-shop")));
        assert_eq!(tokens.verify_access(&named, now()), Err(InvalidToken::Claims), "{name}");
    }
}

#[test]
fn applications_and_services_do_not_share_tokens() {
    for (name, tokens) in adapters() {
        let of_application = tokens.issue_access(&application("openid")).unwrap();
        let refused = Some(InvalidToken::Claims);
        assert_eq!(tokens.verify_client(of_application.expose(), now()).err(), refused, "{name}");
        // The client of the token itself, on its own behalf.
        let of_itself = ClientClaims { client_id: client_id(), ..client() };
        let of_service = tokens.issue_client(&of_itself).unwrap();
        assert_eq!(tokens.verify_access(of_service.expose(), now()).err(), refused, "{name}");
        assert_eq!(tokens.verify_client(of_service.expose(), now()), Ok(of_itself.clone()), "{name}");
        let mut payload = part(&of_service, 1);
        payload["sid"] = json!("00000000-0000-0000-0000-000000000008");
        assert_eq!(tokens.verify_client(&signed(&payload), now()).err(), refused, "{name}");
        let without_scope = ClientClaims { scope: Scope::default(), ..of_itself };
        let token = tokens.issue_client(&without_scope).unwrap();
        assert_eq!(part(&token, 1).get("scope"), None, "{name}");
        assert_eq!(tokens.verify_client(token.expose(), now()), Ok(without_scope), "{name}");
    }
}

#[test]
fn refresh_tokens_name_their_application() {
    for (name, tokens) in adapters() {
        let claims = RefreshClaims { client_id: Some(client_id()), ..refresh() };
        let token = tokens.issue_refresh(&claims).unwrap().token;
        assert_eq!(part(&token, 1)["client_id"], "web-shop", "{name}");
        assert_eq!(tokens.verify_refresh(token.expose(), now()), Ok(claims), "{name}");
        assert_eq!(tokens.verify_access(token.expose(), now()).err(), Some(InvalidToken::Header), "{name}");
    }
}

#[test]
fn the_reserved_client_id_gets_no_tokens() {
    let reserved = ClientId::from_stored(FIRST_PARTY_CLIENT.to_owned());
    let claims = application("openid");
    let application =
        claims.application.map(|claims| ApplicationClaims { client_id: reserved.clone(), ..claims });
    let access = AccessClaims { application, ..access() };
    for (name, tokens) in adapters() {
        assert!(tokens.issue_access(&access).is_err(), "{name}");
        let client = ClientClaims { client_id: reserved.clone(), ..client() };
        assert!(tokens.issue_client(&client).is_err(), "{name}");
        let refresh = RefreshClaims { client_id: Some(reserved.clone()), ..refresh() };
        assert!(tokens.issue_refresh(&refresh).is_err(), "{name}");
        let mut payload = part(&tokens.issue_client(&super::client()).unwrap(), 1);
        payload["sub"] = json!(FIRST_PARTY_CLIENT);
        payload["client_id"] = json!(FIRST_PARTY_CLIENT);
        assert_eq!(tokens.verify_client(&signed(&payload), now()), Err(InvalidToken::Claims), "{name}");
    }
}
