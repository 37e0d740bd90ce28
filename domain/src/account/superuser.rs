//! The rule that the service never loses its last active superuser.

use crate::kernel::UserId;

/// The change would leave no active superuser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the last active superuser can be neither demoted, deactivated nor deleted")]
pub struct LastSuperuser;

/// Checks that another active superuser remains when `leaving` is no longer one. `active` is the locked set of all
/// active superusers.
pub fn require_another(active: &[UserId], leaving: UserId) -> Result<(), LastSuperuser> {
    if active.contains(&leaving) && active.len() == 1 { Err(LastSuperuser) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn only_the_last_one_has_to_stay() {
        let (a, b) = (UserId::from_uuid(Uuid::from_u128(1)), UserId::from_uuid(Uuid::from_u128(2)));
        assert_eq!(require_another(&[a], a), Err(LastSuperuser));
        assert_eq!(require_another(&[a], b), Ok(()));
        assert_eq!(require_another(&[a, b], a), Ok(()));
        assert_eq!(require_another(&[], a), Ok(()));
    }
}
