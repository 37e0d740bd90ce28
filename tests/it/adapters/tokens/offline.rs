//! Verification with public keys only, as other services do it.

use inwren_adapters::crypto::jwt::{AwsLcVerifier, PortableVerifier};
use inwren_domain::token::InvalidToken;
use time::Duration;

use super::{access, adapters, format, key, now, other_key, refresh};

#[test]
fn public_keys_verify_what_the_pair_signed() {
    let keys = [other_key().public().clone(), key().public().clone()];
    let aws_lc = AwsLcVerifier::new(format(), &keys).unwrap();
    let portable = PortableVerifier::new(format(), &keys).unwrap();
    let without_key = AwsLcVerifier::new(format(), &keys[..1]).unwrap();
    for (name, adapter) in adapters() {
        let token = adapter.issue_access(&access()).unwrap();
        let token = token.expose();
        let later = now() + Duration::DAY;
        assert_eq!(aws_lc.verify(token, now()).as_ref(), Ok(&access()), "{name}");
        assert_eq!(portable.verify(token, now()).as_ref(), Ok(&access()), "{name}");
        assert_eq!(aws_lc.verify(token, later), Err(InvalidToken::Expired), "{name}");
        assert_eq!(portable.verify(token, later), Err(InvalidToken::Expired), "{name}");
        assert_eq!(without_key.verify(token, now()), Err(InvalidToken::Header), "{name}");
        let (signed, _) = token.rsplit_once('.').unwrap();
        let forged = format!("{signed}.{}", "A".repeat(342));
        assert_eq!(aws_lc.verify(&forged, now()), Err(InvalidToken::Signature), "{name}");
        assert_eq!(portable.verify(&forged, now()), Err(InvalidToken::Signature), "{name}");
        let refresh = adapter.issue_refresh(&refresh()).unwrap().token;
        assert_eq!(aws_lc.verify(refresh.expose(), now()), Err(InvalidToken::Header), "{name}");
    }
}
