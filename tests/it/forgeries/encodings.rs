//! Parts that are not JSON in UTF-8 in base64url.

use inwren_tests::app::forge::encode;

use super::{Forgery, Original};

pub(super) fn all(original: &Original) -> Vec<Forgery> {
    let mut all = text(original);
    all.extend(base64(original));
    all
}

/// Properly signed, but not in UTF-8.
fn text(original: &Original) -> Vec<Forgery> {
    let (header, claims) = (original.header.to_string(), original.claims.to_string());
    let big_endian = |text: &str| text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>();
    let little_endian = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    let mut all = vec![
        Forgery::new("claims in UTF-16", original.signed_text(&header, big_endian(&claims))),
        Forgery::new(
            "claims in UTF-16, little-endian",
            original.signed_text(&header, little_endian(&claims)),
        ),
        Forgery::new("a header in UTF-16", original.signed_text(big_endian(&header), &claims)),
        Forgery::new(
            "claims after a byte order mark",
            original.signed_text(&header, format!("\u{feff}{claims}")),
        ),
        Forgery::new(
            "a header after a byte order mark",
            original.signed_text(format!("\u{feff}{header}"), &claims),
        ),
    ];
    // The name of the token may be any text: what is wrong is that this is none.
    let jti = original.claims["jti"].as_str().expect("jti");
    let (before, after) = claims.split_once(jti).expect("jti");
    for (what, bytes) in [
        ("a stray byte", &b"\xff"[..]),
        ("an overlong form", b"\xc0\xaf"),
        ("half a surrogate pair", b"\xed\xa0\x80"),
        ("half a surrogate pair, escaped", b"\\ud800"),
        ("half a letter", b"\xc3"),
        ("a bare line break", b"\n"),
    ] {
        let claims = [before.as_bytes(), jti.as_bytes(), bytes, after.as_bytes()].concat();
        all.push(Forgery::new(format!("claims with {what}"), original.signed_text(&header, claims)));
    }
    all
}

/// The good token, spelled otherwise.
fn base64(original: &Original) -> Vec<Forgery> {
    let [header, claims, signature] = original.parts();
    let good = &original.token;
    let mut all = vec![
        Forgery::new("padding", format!("{good}==")),
        Forgery::new("padding of the header", format!("{header}=.{claims}.{signature}")),
        Forgery::new("padding of the claims", format!("{header}.{claims}=.{signature}")),
        Forgery::new("parts in base64 twice", format!("{}.{claims}.{signature}", encode(header.as_bytes()))),
        Forgery::new("plain parts", format!("{}.{}.{signature}", original.header, original.claims)),
        Forgery::new("percent encoding", good.replace('.', "%2E")),
        Forgery::new("letters beyond ASCII", format!("é{good}")),
        Forgery::new("dots that look like dots", good.replace('.', "․")),
    ];
    for (what, space) in [
        ("a space", " "),
        ("a tab", "\t"),
        ("a line break", "\n"),
        ("a carriage return", "\r"),
        ("a zero byte", "\0"),
        ("a comma", ","),
        ("a dot", "."),
        ("a plus", "+"),
        ("a slash", "/"),
        ("an equals sign", "="),
    ] {
        all.push(Forgery::new(format!("{what} after it"), format!("{good}{space}")));
        all.push(Forgery::new(format!("{what} within it"), format!("{}{space}{}", &good[..50], &good[50..])));
        all.push(Forgery::new(format!("{what} before it"), format!("{space}{good}")));
    }
    // The other alphabet, where the signature has a letter that differs.
    let other = signature.replace('-', "+").replace('_', "/");
    if other != signature {
        all.push(Forgery::new("the other base64", format!("{header}.{claims}.{other}")));
    }
    // The last letter of 342 has bits that no byte has.
    let last = signature.chars().last().expect("a letter");
    let alike = char::from(u8::try_from(last).expect("ASCII") + 1);
    if signature.len() % 4 == 2 && alike.is_ascii_alphanumeric() {
        let altered = format!("{}{alike}", &good[..good.len() - 1]);
        all.push(Forgery::new("the same signature spelled otherwise", altered));
    }
    all
}
