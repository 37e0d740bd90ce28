//! Each adapter against the other: both issue the same bytes and verify every token with the same result.

use inwren_adapters::crypto::jwt::SigningKeys;
use inwren_adapters::crypto::keys::KeyPair;

use super::{Class, format, now, refresh, with_keys};

#[test]
fn the_same_claims_under_the_same_key_are_the_same_token_of_either() {
    for bits in [2048, 3072, 4096] {
        let pair = KeyPair::generate(bits).unwrap();
        let [(_, aws), (_, portable)] = with_keys(&format(), &SigningKeys::of_one(pair));
        for class in Class::ALL {
            let token = class.issue(&*aws);
            let signature = token.expose().rsplit('.').next().unwrap();
            assert_eq!(signature.len(), (bits / 8 * 4).div_ceil(3), "{bits}: {class:?}");
            assert_eq!(class.issue(&*portable).expose(), token.expose(), "{bits}: {class:?}");
            // Issues the token again: the signature contains nothing random.
            assert_eq!(class.issue(&*aws).expose(), token.expose(), "{bits}: {class:?}");
            for tokens in [&aws, &portable] {
                assert_eq!(class.refusal(&**tokens, token.expose(), now()), None, "{bits}: {class:?}");
            }
        }
        let digest = |tokens: &dyn super::Adapter| tokens.issue_refresh(&refresh()).unwrap().digest;
        assert_eq!(digest(&*aws), digest(&*portable), "{bits}");
    }
}
