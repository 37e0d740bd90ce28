//! Both adapters refuse invalid tokens for the same reason.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use inwren_adapters::crypto::jwt::{MAX_TOKEN_BYTES, SigningKeys, TokenFormat};
use inwren_domain::authn::Assurance;
use inwren_domain::token::InvalidToken;
use inwren_tests::app::forge::{Algorithm, Forger};

use super::{Class, adapters, format, key, now, other_key, with_keys};

/// The header and the payload of a valid token of the class, as text.
fn texts(class: Class) -> (String, String) {
    let [(_, tokens), _] = adapters();
    let token = class.issue(&*tokens);
    let mut parts = token
        .expose()
        .split('.')
        .map(|part| String::from_utf8(URL_SAFE_NO_PAD.decode(part).unwrap_or_default()).unwrap_or_default());
    (parts.next().unwrap(), parts.next().unwrap())
}

/// A token with this header and payload, signed with our key.
fn signed(header: &str, payload: &str) -> String {
    Forger::with(key()).sign(Algorithm::Rs256, header, payload)
}

#[track_caller]
fn refused_by_both(class: Class, token: &str, reason: InvalidToken) {
    for (name, tokens) in adapters() {
        assert_eq!(class.refusal(&*tokens, token, now()), Some(reason), "{name}: {class:?}: {token}");
    }
}

#[test]
fn a_foreign_key_issuer_or_audience_is_refused() {
    let ours = SigningKeys::of_one(key().clone());
    let foreign = SigningKeys::of_one(other_key().clone());
    let issuer = TokenFormat { issuer: "https://evil.example.org".to_owned(), ..format() };
    let audience = TokenFormat { audience: "somebody-else".to_owned(), ..format() };
    for (format, keys, reason) in [
        (&format(), &foreign, InvalidToken::Header),
        (&issuer, &ours, InvalidToken::Claims),
        (&audience, &ours, InvalidToken::Claims),
    ] {
        for (_, theirs) in with_keys(format, keys) {
            for class in Class::ALL {
                refused_by_both(class, class.issue(&*theirs).expose(), reason);
            }
        }
    }
}

#[test]
fn a_header_in_other_bytes_is_refused_whatever_it_means() {
    for class in Class::ALL {
        let (header, payload) = texts(class);
        for (name, tokens) in adapters() {
            let control = signed(&header, &payload);
            assert_eq!(
                class.refusal(&*tokens, &control, now()),
                None,
                "{name}: the forger's tools are right"
            );
        }
        let kid = key().public().id();
        let typ = if class == Class::Refresh { "rt+jwt" } else { "at+jwt" };
        for header in [
            format!(r#"{{"typ":"{typ}","kid":"{kid}","alg":"RS256"}}"#),
            format!(r#"{{"alg": "RS256","kid":"{kid}","typ":"{typ}"}}"#),
            format!(r#"{{"alg":"RS\u003256","kid":"{kid}","typ":"{typ}"}}"#),
            format!(r#"{{"alg":"RS256","kid":"{kid}","typ":"{typ}"}} "#),
            format!(r#"{{"alg":"RS256","kid":"{kid}","typ":"{typ}","crit":[]}}"#),
            format!(r#"{{"alg":"RS256","alg":"RS256","kid":"{kid}","typ":"{typ}"}}"#),
            format!(r#"{{"alg":"none","kid":"{kid}","typ":"{typ}"}}"#),
            format!(r#"{{"alg":"HS256","kid":"{kid}","typ":"{typ}"}}"#),
            format!(r#"{{"alg":"RS256","kid":"{kid}","typ":"JWT"}}"#),
            format!(r#"{{"alg":"RS256","kid":"{kid}"}}"#),
            format!(r#"{{"alg":"RS256","typ":"{typ}"}}"#),
            String::new(),
        ] {
            refused_by_both(class, &signed(&header, &payload), InvalidToken::Header);
        }
    }
}

#[test]
fn a_payload_that_ours_never_have_is_refused_though_well_signed() {
    for class in Class::ALL {
        let (header, payload) = texts(class);
        let with = |claim: &str| payload.replacen('{', &format!("{{{claim},"), 1);
        let mut payloads = vec![
            with(r#""unknown":1,"unknown":1"#),
            with(r#""unknown":1,"other":2,"unkno\u0077n":3"#),
            with(r#""nbf":"1800000000""#),
            with(r#""nbf":null"#),
            with(r#""iat":1800000000"#),
            with(r#""jti":"x""#),
            with(r#""type":"access""#),
            payload.replacen("1800000000", "-1", 1),
            payload.replacen("1800000000", "1800000000.0", 1),
            payload.replacen("1800000000", "\"1800000000\"", 1),
            payload.replacen("1800000000", "null", 1),
            payload.replacen("\"iat\":1800000000,", "", 1),
            payload.replace("\"exp\":18", "\"exp\":17"),
            payload.replace("\"exp\":", "\"exp\":9999999999"),
            format!("{payload}{payload}"),
            format!("[{payload}]"),
            payload[..payload.len() - 1].to_owned(),
            "null".to_owned(),
            "{}".to_owned(),
            String::new(),
        ];
        // A claim of another class, even with the value `null`.
        payloads.extend(match class {
            Class::Access => [with(r#""client_id":"another""#), with(r#""sid":null"#)],
            Class::Client => [with(r#""sid":null"#), with(r#""email":null"#)],
            Class::Refresh => [with(r#""is_superuser":false"#), with(r#""email":null"#)],
        });
        // Another spelling of the user's id, or of the client's.
        payloads.extend(match class {
            Class::Client => [
                payload.replacen("orders-api", r"orders\u002dapi", 1),
                payload.replace("orders-api", "orders api"),
            ],
            Class::Access | Class::Refresh => {
                [payload.replace("-0000-0000-", "00000000"), payload.replace("-0000-0000-", "-0000-000A-")]
            }
        });
        payloads.push(match class {
            Class::Client => payload.replace("stock:read stock:write", ""),
            Class::Access | Class::Refresh => with(r#""scope":"openid""#),
        });
        for payload in payloads {
            refused_by_both(class, &signed(&header, &payload), InvalidToken::Claims);
        }
    }
}

#[test]
fn a_claim_with_an_unknown_name_is_ignored() {
    for class in Class::ALL {
        let (header, payload) = texts(class);
        for claims in [
            r#""unknown":1"#,
            r#""locale":"","nickname":"Ann""#,
            r#""unknown":null,"other":{"sub":"x","exp":0}"#,
            r#""nbf":1800000000"#,
        ] {
            let token = signed(&header, &payload.replacen('{', &format!("{{{claims},"), 1));
            for (name, tokens) in adapters() {
                assert_eq!(class.refusal(&*tokens, &token, now()), None, "{name}: {class:?}: {claims}");
            }
        }
        let early = payload.replacen('{', r#"{"nbf":9999999999,"#, 1);
        refused_by_both(class, &signed(&header, &early), InvalidToken::Early);
    }
}

#[test]
fn access_tokens_without_email_verified_are_unverified() {
    let (header, payload) = texts(Class::Access);
    let former = payload.replace(r#","email_verified":true"#, "");
    assert_ne!(former, payload);
    for (name, tokens) in adapters() {
        let verified = |payload: &str| {
            let claims = tokens.verify_access(&signed(&header, payload), now()).expect("a valid token");
            claims.email_verified
        };
        assert_eq!((verified(&payload), verified(&former)), (true, false), "{name}");
    }
}

#[test]
fn tokens_from_before_there_was_a_client_id_are_good() {
    for class in [Class::Access, Class::Refresh] {
        let (header, payload) = texts(class);
        let former = payload.replace(r#","client_id":"inwren""#, "");
        assert_ne!(former, payload);
        for (name, tokens) in adapters() {
            assert_eq!(class.refusal(&*tokens, &signed(&header, &former), now()), None, "{name}: {class:?}");
        }
    }
}

#[test]
fn tokens_from_before_there_was_an_assurance_are_valid() {
    let (header, payload) = texts(Class::Access);
    let former = payload.replace(r#""acr":"aal1","amr":["pwd"],"#, "");
    assert_ne!(former, payload);
    for (_, tokens) in adapters() {
        let claims = tokens.verify_access(&signed(&header, &former), now()).unwrap();
        assert_eq!(claims.assurance, Assurance::PASSWORD);
    }
    let alone = payload.replace(r#""amr":["pwd"],"#, "");
    refused_by_both(Class::Access, &signed(&header, &alone), InvalidToken::Claims);
}

#[test]
fn a_client_that_speaks_for_another_is_refused() {
    let (header, payload) = texts(Class::Client);
    let subject = super::client().client_id.to_string();
    let other = super::access().user_id.to_string();
    refused_by_both(
        Class::Client,
        &signed(&header, &payload.replacen(&subject, &other, 1)),
        InvalidToken::Claims,
    );
}

#[test]
fn a_refresh_token_without_a_generation_is_refused() {
    let (header, payload) = texts(Class::Refresh);
    for id in ["x", "", "-1.x", ".x", "99999999999999999999.x"] {
        let changed = payload.replace(super::refresh().id.as_str(), id);
        refused_by_both(Class::Refresh, &signed(&header, &changed), InvalidToken::Claims);
    }
}

#[test]
fn a_changed_token_is_refused() {
    use InvalidToken::{Header, Malformed, Signature, TooLong};
    for class in Class::ALL {
        let [(_, tokens), _] = adapters();
        let token = class.issue(&*tokens);
        let token = token.expose();
        let parts: Vec<&str> = token.split('.').collect();
        let (header, payload, signature) = (parts[0], parts[1], parts[2]);
        let changed = [
            (String::new(), Malformed),
            (".".to_owned(), Malformed),
            ("..".to_owned(), Header),
            (format!("{header}.{payload}"), Malformed),
            (format!("{header}.{payload}."), Signature),
            (format!("{token}."), Malformed),
            (format!("{token}.e30"), Malformed),
            (format!(".{payload}.{signature}"), Header),
            (format!("{header}..{signature}"), Signature),
            (format!(" {token}"), Malformed),
            (format!("{token}\n"), Malformed),
            (format!("{token}="), Malformed),
            (format!("{header}=.{payload}.{signature}"), Malformed),
            (format!("{header}.{payload}=.{signature}"), Signature),
            (format!("{header}.{payload}.{}", &signature[..signature.len() - 1]), Malformed),
            (format!("{header}.{payload}.{}", &signature[..signature.len() - 2]), Signature),
            (format!("{header}.{payload}.{}", "A".repeat(signature.len())), Signature),
            (format!("{header}.{payload}.{signature}AAAA"), Signature),
            (format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(r#"{"sub":"me"}"#)), Signature),
            ("x".repeat(MAX_TOKEN_BYTES), Malformed),
            ("x".repeat(MAX_TOKEN_BYTES + 1), TooLong),
        ];
        for (token, reason) in changed {
            refused_by_both(class, &token, reason);
        }
    }
}

#[test]
fn a_stranger_and_another_algorithm_cannot_sign() {
    for class in Class::ALL {
        let (header, payload) = texts(class);
        for algorithm in [Algorithm::Rs512, Algorithm::Ps256] {
            refused_by_both(
                class,
                &Forger::with(key()).sign(algorithm, &header, &payload),
                InvalidToken::Signature,
            );
        }
        let stranger = Forger::with(other_key()).sign(Algorithm::Rs256, &header, &payload);
        refused_by_both(class, &stranger, InvalidToken::Signature);
    }
}
