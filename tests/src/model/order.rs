use time::OffsetDateTime;

use super::account::{Account, Verdict};
use super::call::{Answer, Call};

/// All states that the account may be in after these concurrent calls and their answers: one state per order that
/// explains the answers. Returns an empty list if no order explains them.
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
