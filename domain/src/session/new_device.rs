//! The notice about a login from a new device.

use time::OffsetDateTime;

use crate::account::User;
use crate::audit::{AuditEventKind, AuditFilter, Subject};
use crate::kernel::{ClientInfo, Device, PageRequest};
use crate::outbox::{Letter, LetterKind, notice as letter};
use crate::{Core, PortFailure};

/// How many of the latest logins are compared.
const REMEMBERED_LOGINS: u16 = 32;

/// Creates the notice, if mail is configured, and the user has logged in before, but not from this network or with this
/// browser and system.
pub(super) async fn notice(
    core: &Core,
    user: &User,
    client: &ClientInfo,
    now: OffsetDateTime,
) -> Result<Option<Letter>, PortFailure> {
    if core.mail.is_none() {
        return Ok(None);
    }
    let filter = AuditFilter {
        subject: Some(Subject::User(user.id)),
        kind: Some(AuditEventKind::LoggedIn),
        ..AuditFilter::default()
    };
    let page = PageRequest::new(REMEMBERED_LOGINS, None);
    let logins = core.store.read().await?.audit().page(&filter, page).await?.items;
    let known: Vec<&ClientInfo> = logins.iter().map(|login| &login.client).collect();
    if is_known(client, &known) {
        Ok(None)
    } else {
        Ok(letter(core, LetterKind::NewDevice, user, client, now)?)
    }
}

/// Whether both the network and the device were seen before. The first login of an account is nothing new.
fn is_known(client: &ClientInfo, known: &[&ClientInfo]) -> bool {
    let is_same_device = |other: &&&ClientInfo| Device::of(other) == Device::of(client);
    known.is_empty()
        || known.iter().any(|other| other.network() == client.network())
            && known.iter().any(|other| is_same_device(&other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_new_by_its_network_or_its_device() {
        let client = |address: &str, agent| ClientInfo::new(Some(address.parse().unwrap()), Some(agent));
        let before = [client("192.0.2.1", "curl/8.1"), client("192.0.2.2", "Wget/1.2")];
        let known: Vec<&ClientInfo> = before.iter().collect();
        assert!(is_known(&client("198.51.100.1", "anything"), &[]));
        assert!(is_known(&client("192.0.2.1", "curl/8.1"), &known));
        assert!(is_known(&client("192.0.2.1", "Wget/1.2"), &known));
        assert!(!is_known(&client("192.0.2.3", "curl/8.1"), &known));
        assert!(!is_known(&client("192.0.2.1", "Mozilla/5.0 Firefox/140.0"), &known));
    }
}
