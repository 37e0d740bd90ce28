//! Shows the outbox to administrators, who can also retry a dead letter.

use super::{Letter, LetterCursor, LetterId, LetterState};
use crate::account::admin::{Admin, NotFound, Unconfirmed};
use crate::kernel::{Page, PageRequest};
use crate::{Core, Failure, PortFailure};

/// Returns a page of the letters in this state, newest first; `None` for any state.
pub async fn page(
    core: &Core,
    _: Admin,
    state: Option<LetterState>,
    page: PageRequest<LetterCursor>,
) -> Result<Page<Letter, LetterCursor>, PortFailure> {
    Ok(core.store.read().await?.outbox().page(state, page).await?)
}

/// Why a letter is not retried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No dead letter has this id.
    NotFound(NotFound),
    /// The caller is no longer authorised to administer users.
    Unconfirmed(Unconfirmed),
}

/// Makes a dead letter pending again. A letter whose link has expired is not sent all the same.
pub async fn retry(core: &Core, admin: Admin, id: LetterId) -> Result<(), Failure<Refusal>> {
    let now = core.clock.now();
    let mut unit = core.store.begin().await?;
    let refusal = match admin.confirm(unit.as_mut(), now).await? {
        Err(unconfirmed) => Some(Refusal::Unconfirmed(unconfirmed)),
        Ok(_) => {
            let revived = unit.outbox().revive(id, now, now + Letter::LIFETIME).await?;
            (!revived).then_some(Refusal::NotFound(NotFound))
        }
    };
    if let Some(refusal) = refusal {
        unit.rollback().await?;
        return Err(Failure::Refused(refusal));
    }
    unit.commit().await?;
    core.letters_queued();
    Ok(())
}
