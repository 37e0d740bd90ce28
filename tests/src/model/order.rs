use time::OffsetDateTime;

use super::account::{Account, Verdict};
use super::call::{Answer, Call};

/// Every state that the account may be in after these calls, which were under way at once, were answered so: one for each
/// order in which they may have taken place. None at all if no order explains the answers.
pub(super) fn explanations(account: &Account, made: &[(Call, Answer)], now: OffsetDateTime) -> Vec<Account> {
    if made.is_empty() {
        return vec![account.clone()];
    }
    let beginning_with = |first: usize| {
        let (mut account, mut rest) = (account.clone(), made.to_vec());
        let (call, answer) = rest.remove(first);
        match account.make(&call, answer, now) {
            Verdict::Wrong => return Vec::new(),
            Verdict::Right => {}
            Verdict::Half(second) => rest.push((second, answer)),
        }
        explanations(&account, &rest, now)
    };
    (0..made.len()).flat_map(beginning_with).collect()
}
