//! Client data of both ceremonies.

use inwren_adapters::crypto::passkey::WebAuthn;
use inwren_domain::factor::{InvalidCeremony, PasskeyVerifier};
use inwren_tests::authenticator::Authenticator;
use serde_json::{Value, json};

use super::{CREATE, GET, ORIGIN, assertion_after, creation_after};

const MALFORMED: InvalidCeremony = InvalidCeremony("the client data are malformed");
const TYPE: InvalidCeremony = InvalidCeremony("the client data have another type");
const CHALLENGE: InvalidCeremony = InvalidCeremony("the client data have another challenge");
const PAGE: InvalidCeremony = InvalidCeremony("the origin is not allowed");
const EMBEDDED: InvalidCeremony = InvalidCeremony("the page is embedded in another origin");

/// Runs both ceremonies with changed client data, and expects the same of both.
fn both(
    expected: Result<(), InvalidCeremony>,
    name: &str,
    members: impl Fn(&mut Value) + Copy + Send + Sync + 'static,
    json: impl Fn(&mut Vec<u8>) + Copy + Send + Sync + 'static,
) {
    let change = |authenticator: &mut Authenticator| {
        authenticator.tamper.client_data = Some(Box::new(members));
        authenticator.tamper.client_data_json = Some(Box::new(json));
    };
    assert_eq!(creation_after(change).map(drop), expected, "creation: {name}");
    assert_eq!(assertion_after(change).map(drop), expected, "assertion: {name}");
}

/// Runs both ceremonies with another value of a member, or without the member.
fn with(expected: Result<(), InvalidCeremony>, member: &'static str, value: Option<Value>) {
    let name = format!("{member}: {value:?}");
    let value: &'static Option<Value> = Box::leak(Box::new(value));
    let change = move |data: &mut Value| {
        let members = data.as_object_mut().unwrap();
        match value {
            Some(value) => members.insert(member.to_owned(), value.clone()),
            None => members.remove(member),
        };
    };
    both(expected, &name, change, |_| ());
}

#[test]
fn other_types_are_refused() {
    for value in
        [json!("payment.get"), json!(""), json!("WebAuthn.get"), json!(["webauthn.get"]), json!(null)]
    {
        with(Err(TYPE), "type", Some(value));
    }
    with(Err(TYPE), "type", None);
    let of = |kind: &'static str| {
        move |authenticator: &mut Authenticator| {
            authenticator.tamper.client_data = Some(Box::new(move |data| data["type"] = kind.into()));
        }
    };
    assert_eq!(creation_after(of("webauthn.get")), Err(TYPE));
    assert_eq!(assertion_after(of("webauthn.create")), Err(TYPE));
}

#[test]
fn other_challenges_are_refused() {
    for value in [json!(&CREATE[1..]), json!(&GET[..42]), json!(""), json!(null), json!([CREATE])] {
        with(Err(CHALLENGE), "challenge", Some(value));
    }
    with(Err(CHALLENGE), "challenge", None);
    // The same bytes in other forms.
    for end in ["=", " ", "\n"] {
        let padded = move |data: &mut Value| {
            data["challenge"] = (data["challenge"].as_str().unwrap().to_owned() + end).into()
        };
        both(Err(CHALLENGE), "another form", padded, |_| ());
    }
    let of_other = |challenge: &'static str| {
        move |authenticator: &mut Authenticator| {
            authenticator.tamper.client_data =
                Some(Box::new(move |data| data["challenge"] = challenge.into()));
        }
    };
    assert_eq!(creation_after(of_other(GET)), Err(CHALLENGE));
    assert_eq!(assertion_after(of_other(CREATE)), Err(CHALLENGE));
}

#[test]
fn origins_are_compared_exactly() {
    for value in [
        "https://example.org.evil.example",
        "https://evilexample.org",
        "https://example.org@evil.example",
        "https://evil.example/https://example.org",
        "https://sub.example.org",
        "https://login.example.org",
        "https://login.example.org:84433",
        "https://example.org:443",
        "https://example.org/",
        "https://example.org.",
        "https://EXAMPLE.org",
        "http://example.org",
        "example.org",
        " https://example.org",
        "https://example.or",
        "android:apk-key-hash:AAAA",
        "null",
        "",
    ] {
        with(Err(PAGE), "origin", Some(value.into()));
    }
    for value in [json!(null), json!([ORIGIN]), json!({"origin": ORIGIN})] {
        with(Err(PAGE), "origin", Some(value));
    }
    with(Err(PAGE), "origin", None);
    with(Ok(()), "origin", Some("https://login.example.org:8443".into()));
}

#[test]
fn embedded_pages_are_refused() {
    for value in [json!(true), json!("false"), json!("true"), json!(null), json!(0), json!([])] {
        with(Err(EMBEDDED), "crossOrigin", Some(value));
    }
    for value in [json!("https://example.com"), json!(ORIGIN), json!(null)] {
        with(Err(EMBEDDED), "topOrigin", Some(value));
    }
    with(Ok(()), "crossOrigin", None);
}

#[test]
fn unknown_members_are_allowed() {
    with(Ok(()), "other_keys_can_be_added_here", Some(json!({"a": [1, 2.5, null, {"b": "c"}]})));
    with(Ok(()), "tokenBinding", Some(json!({"status": "supported"})));
    both(Ok(()), "spaces", |_| (), |json| json.splice(1..1, *b" \r\n\t").for_each(drop));
}

#[test]
fn malformed_client_data_are_refused() {
    let malformed = |name, json: fn(&mut Vec<u8>)| both(Err(MALFORMED), name, |_| (), json);
    malformed("empty", |json| json.clear());
    malformed("trailing byte", |json| json.push(b'}'));
    malformed("second object", |json| json.extend_from_within(..));
    malformed("no object", |json| *json = format!("[{}]", String::from_utf8_lossy(json)).into_bytes());
    malformed("text", |json| *json = Value::from(String::from_utf8_lossy(json)).to_string().into_bytes());
    malformed("byte order mark", |json| json.splice(..0, *b"\xef\xbb\xbf").for_each(drop));
    malformed("not UTF-8", |json| json.splice(1..1, *b"\"a\":\"\xff\",").for_each(drop));
    malformed("too deep", |json| {
        let deep = format!("\"a\":{}{},", "[".repeat(1_000), "]".repeat(1_000));
        json.splice(1..1, deep.into_bytes()).for_each(drop);
    });
    for name in ["type", "challenge", "origin", "crossOrigin", "extra"] {
        for value in ["\"webauthn.get\"", "false"] {
            let name: &'static str = name;
            both(
                Err(MALFORMED),
                name,
                |_| (),
                move |json| {
                    let member = format!("\"{name}\":{value},");
                    // An escape makes the second name look different.
                    let escaped = format!("\"\\u00{:02x}{}\":1,", name.as_bytes()[0], &name[1..]);
                    json.splice(1..1, (member + &escaped).into_bytes()).for_each(drop);
                },
            );
        }
    }
}

#[test]
fn client_data_have_bounds() {
    let fill = |length: usize| {
        move |json: &mut Vec<u8>| {
            let missing = length - json.len();
            json.splice(1..1, vec![b' '; missing]).for_each(drop);
        }
    };
    both(Ok(()), "8 KiB", |_| (), fill(8_192));
    both(Err(InvalidCeremony("the client data are too long")), "8 KiB and a byte", |_| (), fill(8_193));
}

#[test]
fn challenges_are_read_without_verification() {
    let read = |json: &str| WebAuthn.challenge(json.as_bytes());
    assert_eq!(read(r#"{"challenge":"abc"}"#).as_deref(), Some("abc"));
    for json in
        ["", "{}", "[]", r#"{"challenge":1}"#, r#"{"challenge":"a","challenge":"b"}"#, "{\"challenge\":\"a\""]
    {
        assert_eq!(read(json), None, "{json}");
    }
}
