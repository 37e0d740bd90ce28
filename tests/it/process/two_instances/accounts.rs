use inwren_tests::process::Call;
use serde_json::{Value, json};

use super::{Instances, statuses};
use crate::process::support::client::{PASSWORD, Tokens, login, me, register};

#[test]
fn of_two_registrations_of_one_address_one_is_made() {
    const ROUNDS: i64 = 20;
    let mut both = Instances::start();
    for round in 0..ROUNDS {
        let spellings = [format!("ann-{round}@example.org"), format!("Ann-{round}@Example.org")];
        let [a, b] = spellings.each_ref().map(|email| register(email, PASSWORD));
        let answers = both.at_once([&a, &b]);
        assert_eq!(statuses(&answers), [201, 409], "{answers:?}");
        Tokens::of(&both.b(&login(&spellings[0], PASSWORD)));
    }
    assert_eq!(both.count("users"), ROUNDS);
    assert_eq!(both.count("audit_events WHERE kind = 'user_registered'"), ROUNDS);
}

struct Superuser {
    email: String,
    path: String,
    tokens: Tokens,
}

impl Superuser {
    fn make(both: &mut Instances, email: &str) -> Self {
        let arguments = ["users", "create", email, "--superuser", "--password-stdin"];
        both.program.clone().args(arguments).input(&format!("{PASSWORD}\n")).run().with_code(0);
        let tokens = Tokens::of(&both.a(&login(email, PASSWORD)));
        let path = format!("/admin/users/{}", both.b(&me(&tokens.access)).expect(200).text("id"));
        Self { email: email.to_owned(), path, tokens }
    }

    fn changes(&self, other: &Self, change: &Value) -> Call {
        Call::new("PUT", other.path.as_str()).json(change).bearer(&self.tokens.access)
    }
}

#[test]
fn of_two_superusers_who_demote_each_other_one_stays() {
    const ROUNDS: usize = 15;
    let mut both = Instances::start();
    let mut chiefs = ["ann@example.org", "bob@example.org"].map(|email| Superuser::make(&mut both, email));
    for _ in 0..ROUNDS {
        let [ann, bob] = &chiefs;
        let demotion = json!({ "is_superuser": false });
        let answers = both.at_once([&ann.changes(bob, &demotion), &bob.changes(ann, &demotion)]);
        let winner = usize::from(answers[0].status != 200);
        let [won, lost] = [&answers[winner], &answers[1 - winner]];
        // The later one has been logged out already, or is not a superuser any more.
        assert!(won.status == 200 && matches!(lost.status, 401 | 403), "{answers:?}");
        assert_eq!(both.count("users WHERE is_superuser AND is_active"), 1);

        let [winner, loser] = [&chiefs[winner], &chiefs[1 - winner]];
        both.a(&me(&loser.tokens.access)).expect(401);
        both.b(&me(&loser.tokens.access)).expect(401);
        let last = winner.changes(winner, &demotion);
        let answers = both.at_once([&last, &last]);
        assert_eq!(statuses(&answers), [409, 409], "{answers:?}");

        let promotion = winner.changes(loser, &json!({ "is_superuser": true }));
        both.b(&promotion).expect(200);
        for chief in &mut chiefs {
            chief.tokens = Tokens::of(&both.b(&login(&chief.email, PASSWORD)));
        }
    }
}
