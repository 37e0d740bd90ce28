//! Attestation objects.

use inwren_domain::factor::{CredentialId, InvalidCeremony};
use inwren_tests::authenticator::{Authenticator, array, bytes, integer, map, text};

use super::{ORIGIN, create, creation_after, creation_options, credential_id, decode, verify_creation};

const MALFORMED: InvalidCeremony = InvalidCeremony("the attestation object is malformed");
const DATA: InvalidCeremony = InvalidCeremony("the authenticator data are malformed");
/// Where the flags are.
const FLAGS: usize = 32;

/// Creates with changed authenticator data.
fn with_data(change: impl Fn(&mut Vec<u8>) + Send + Sync + 'static) -> Result<(), InvalidCeremony> {
    let tamper = |authenticator: &mut Authenticator| {
        authenticator.tamper.authenticator_data = Some(Box::new(change));
    };
    creation_after(tamper).map(drop)
}

/// Creates with an attestation object made of the valid authenticator data.
fn with_object(make: impl Fn(&[u8]) -> Vec<u8> + Send + Sync + 'static) -> Result<(), InvalidCeremony> {
    let tamper = |authenticator: &mut Authenticator| {
        authenticator.tamper.attestation_object = Some(Box::new(move |object| {
            // The data are the last member, and their head has two bytes.
            let start = object.windows(8).position(|window| window == b"authData").unwrap() + 10;
            *object = make(&object[start..]);
        }));
    };
    creation_after(tamper).map(drop)
}

/// An attestation object.
fn object(format: &str, statement: Vec<u8>, data: &[u8]) -> Vec<u8> {
    map(&[(text("fmt"), text(format)), (text("attStmt"), statement), (text("authData"), bytes(data))])
}

#[test]
fn other_relying_parties_are_refused() {
    for id in
        ["evil.example", "login.example.org", "org", "EXAMPLE.ORG", "example.org.", "https://example.org"]
    {
        let mut options = creation_options();
        options["rp"]["id"] = id.into();
        let mut authenticator = Authenticator::new();
        let answer = authenticator.create(&options, ORIGIN);
        let mut creation = create(&mut authenticator);
        creation.credential_id = credential_id(&answer);
        creation.attestation_object = decode(&answer["response"]["attestationObject"]);
        let refused = InvalidCeremony("the credential belongs to another relying party");
        assert_eq!(verify_creation(&creation, true), Err(refused), "{id}");
    }
}

#[test]
fn flags_are_verified() {
    let set = |flags: u8| with_data(move |data| data[FLAGS] = flags);
    assert_eq!(set(0x5d), Ok(()));
    assert_eq!(set(0x5c), Err(InvalidCeremony("the user was not present")));
    assert_eq!(set(0x59), Err(InvalidCeremony("the authenticator did not verify the user")));
    assert_eq!(set(0x55), Err(InvalidCeremony("the key is backed up, but not eligible for it")));
    assert_eq!(set(0x45), Ok(()));
    assert_eq!(set(0x4d), Ok(()));
    // Reserved bits.
    assert_eq!(set(0x7f), Ok(()));
    // Neither a credential that no flag announces, nor a flag for extensions that are missing.
    assert_eq!(set(0x1d), Err(DATA));
    assert_eq!(set(0xdd), Err(DATA));
}

#[test]
fn counters_are_reported_as_sent() {
    let tamper = |authenticator: &mut Authenticator| {
        authenticator.tamper.authenticator_data =
            Some(Box::new(|data| data[33..37].copy_from_slice(&[1, 2, 3, 4])));
    };
    assert_eq!(creation_after(tamper).map(|new| new.sign_count), Ok(0x0102_0304));
}

#[test]
fn a_credential_is_required() {
    let refused = Err(InvalidCeremony("the attestation has no credential"));
    let without = with_data(|data| {
        data.truncate(37);
        data[FLAGS] = 0x1d;
    });
    assert_eq!(without, refused);
}

#[test]
fn extensions_are_one_map() {
    let with = |extensions: Vec<u8>| {
        with_data(move |data| {
            data[FLAGS] |= 0x80;
            data.extend(&extensions);
        })
    };
    assert_eq!(with(map(&[(text("credProtect"), integer(2))])), Ok(()));
    assert_eq!(with(map(&[])), Ok(()));
    assert_eq!(with([map(&[]), map(&[])].concat()), Err(DATA));
    assert_eq!(with([map(&[]), vec![0]].concat()), Err(DATA));
    assert_eq!(with(array(&[])), Err(DATA));
    assert_eq!(with(vec![0xa1]), Err(DATA));
    assert_eq!(with(map(&[(text("a"), integer(1)), (text("a"), integer(1))])), Err(DATA));
    assert_eq!(with_data(|data| data.push(0)), Err(DATA));
    assert_eq!(with_data(|data| data.extend(map(&[]))), Err(DATA));
}

#[test]
fn credential_ids_must_match() {
    let mut creation = create(&mut Authenticator::new());
    for other in [vec![1], [creation.credential_id.as_bytes(), &[0]].concat(), vec![0; 32]] {
        creation.credential_id = CredentialId::new(other).unwrap();
        let refused = InvalidCeremony("the attestation has another credential id");
        assert_eq!(verify_creation(&creation, true), Err(refused));
    }
    // The length of the id does not fit.
    for length in [[0, 31], [0, 33], [0, 0], [255, 255]] {
        assert!(with_data(move |data| data[53..55].copy_from_slice(&length)).is_err(), "{length:?}");
    }
}

#[test]
fn statements_of_other_formats_are_ignored() {
    let statement = || map(&[(text("alg"), integer(-7)), (text("sig"), bytes(&[0; 70]))]);
    assert_eq!(with_object(move |data| object("packed", statement(), data)), Ok(()));
    assert_eq!(with_object(|data| object("unheard-of", map(&[]), data)), Ok(()));
    let compound = || array(&[map(&[(text("fmt"), text("packed"))])]);
    assert_eq!(with_object(move |data| object("compound", compound(), data)), Ok(()));
    let refused = Err(InvalidCeremony("the attestation statement of the format `none` is not empty"));
    assert_eq!(with_object(move |data| object("none", statement(), data)), refused);
    assert_eq!(with_object(|data| object("none", array(&[]), data)), refused);
}

#[test]
fn malformed_attestation_objects_are_refused() {
    let members = |data: &[u8]| {
        [(text("fmt"), text("none")), (text("attStmt"), map(&[])), (text("authData"), bytes(data))]
    };
    for missing in 0..3 {
        let without = move |data: &[u8]| {
            let mut members = members(data).to_vec();
            members.remove(missing);
            map(&members)
        };
        assert_eq!(with_object(without), Err(MALFORMED), "{missing}");
        let twice = move |data: &[u8]| {
            let members = members(data);
            map(&[&members[..], &members[missing..=missing]].concat())
        };
        assert_eq!(with_object(twice), Err(MALFORMED), "{missing}");
    }
    assert_eq!(with_object(move |data| [map(&members(data)), vec![0]].concat()), Err(MALFORMED));
    assert_eq!(with_object(move |data| array(&[map(&members(data))])), Err(MALFORMED));
    let as_text = |_: &[u8]| {
        map(&[(text("fmt"), text("none")), (text("attStmt"), map(&[])), (text("authData"), text("data"))])
    };
    assert_eq!(with_object(as_text), Err(MALFORMED));
    let nested = (0..4).fold(integer(0), |inner, _| array(&[inner]));
    let deep = move |data: &[u8]| object("packed", nested.clone(), data);
    assert_eq!(with_object(deep), Err(MALFORMED));
    let long = |data: &[u8]| object("packed", map(&[(text("sig"), bytes(&[0; 8_192]))]), data);
    assert_eq!(with_object(long), Err(MALFORMED));
}
