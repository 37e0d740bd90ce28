//! Lists audit events, for administrators.

use std::str::FromStr;

use uuid::Uuid;

use super::{AuditEvent, AuditEventId, AuditEventKind, AuditFilter, Period, Subject};
use crate::account::admin::Admin;
use crate::client::{ClientId, ClientUid};
use crate::kernel::{AgeCursor, Page, PageRequest, StoreError, UserId};
use crate::store::ReadView;
use crate::{Core, PortFailure};

/// The events that the caller wants; `None` matches all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Only events about this subject.
    pub subject: Option<NamedSubject>,
    /// Only events of this kind.
    pub kind: Option<AuditEventKind>,
    /// Only events that occurred in this period.
    pub period: Period,
}

/// A subject as a caller names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamedSubject {
    /// By type and id.
    Typed(Subject),
    /// A client, by its `client_id`.
    Client(ClientId),
    /// By id only: a client if one has this id, else a user, who may be deleted.
    Id(Uuid),
}

/// The text names no subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a subject is `user:` or `client:` with an id, or an id alone")]
pub struct InvalidSubject;

impl FromStr for NamedSubject {
    type Err = InvalidSubject;

    fn from_str(text: &str) -> Result<Self, InvalidSubject> {
        let id = |text: &str| Uuid::try_parse(text).map_err(|_| InvalidSubject);
        match text.split_once(':') {
            None => Ok(Self::Id(id(text)?)),
            Some(("user", user)) => Ok(Self::Typed(UserId::from_uuid(id(user)?).into())),
            Some(("client", client)) => match id(client) {
                Ok(id) => Ok(Self::Typed(ClientUid::from_uuid(id).into())),
                Err(_) => ClientId::parse(client).map(Self::Client).map_err(|_| InvalidSubject),
            },
            Some(_) => Err(InvalidSubject),
        }
    }
}

/// Returns a page of the events, newest first.
pub async fn page(
    core: &Core,
    _: Admin,
    query: Query,
    page: PageRequest<AgeCursor<AuditEventId>>,
) -> Result<Page<AuditEvent, AgeCursor<AuditEventId>>, PortFailure> {
    let mut view = core.store.read().await?;
    let subject = match query.subject {
        Some(named) => Some(resolve(view.as_mut(), named).await?),
        None => None,
    };
    let filter = AuditFilter { subject, kind: query.kind, period: query.period };
    Ok(view.audit().page(&filter, page).await?)
}

async fn resolve(view: &mut dyn ReadView, named: NamedSubject) -> Result<Subject, StoreError> {
    let id = match named {
        NamedSubject::Typed(subject) => return Ok(subject),
        NamedSubject::Client(id) => {
            let found = view.clients().by_id(&id).await?;
            // No event is about the nil id.
            return Ok(found.map_or(ClientUid::from_uuid(Uuid::nil()), |client| client.uid).into());
        }
        NamedSubject::Id(id) => id,
    };
    let client = ClientUid::from_uuid(id);
    let found = view.clients().by_uid(client).await?;
    Ok(if found.is_some() { client.into() } else { UserId::from_uuid(id).into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Uuid = Uuid::from_u128(0x0199_3b1e_7a5c_7f3a_9d2e_6c1b_0a4f_8e21);

    #[test]
    fn a_written_subject_can_be_parsed() {
        for subject in [Subject::User(UserId::from_uuid(ID)), Subject::Client(ClientUid::from_uuid(ID))] {
            assert_eq!(subject.to_string().parse(), Ok(NamedSubject::Typed(subject)));
        }
        assert_eq!(ID.to_string().parse(), Ok(NamedSubject::Id(ID)));
    }

    #[test]
    fn other_texts_name_no_subject() {
        let typed = |kind: &str| format!("{kind}:{ID}");
        for text in ["", "1", "user", "user:", ":", "user:1", &typed("USER"), &typed(""), &typed("user:user")]
        {
            assert_eq!(text.parse::<NamedSubject>(), Err(InvalidSubject), "{text}");
        }
    }
}
