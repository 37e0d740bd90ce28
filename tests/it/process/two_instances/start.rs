use inwren_tests::process::Call;

use super::Instances;
use crate::process::support::client::{PASSWORD, Tokens, login, me, refresh};

const ROUNDS: usize = 3;

#[test]
fn what_they_need_is_made_once() {
    for _ in 0..ROUNDS {
        let mut both = Instances::with(|program| {
            program.env("FIRST_SUPERUSER_EMAIL", "root@example.org").env("FIRST_SUPERUSER_PASSWORD", PASSWORD)
        });
        let keys = Call::get("/.well-known/jwks.json");
        assert_eq!(both.a(&keys).expect(200).body, both.b(&keys).expect(200).body);
        // The second instance accepts the user, the session and the key of the first.
        let tokens = Tokens::of(&both.a(&login("root@example.org", PASSWORD)));
        both.b(&me(&tokens.access)).expect(200);
        both.b(&refresh(&tokens.refresh)).expect(200);
        assert_eq!(both.count("users WHERE is_superuser"), 1);
        let migrations = both.count("seaql_migrations");
        let logs = both.stop().concat();
        let said = |text: &str| logs.matches(text).count();
        assert_eq!(said("created a signing key"), 1, "{logs}");
        assert_eq!(said("created the first superuser"), 1, "{logs}");
        assert_eq!(i64::try_from(said("applied migration")), Ok(migrations), "{logs}");
        assert_eq!((said("ERROR"), said("panicked")), (0, 0), "{logs}");
    }
}
