use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use inwren_domain::action_token::{ActionToken, ActionTokenId, Purpose};
use inwren_domain::kernel::PlainToken;
use inwren_domain::outbox::Message;
use inwren_domain::store::Store;
use uuid::Uuid;

use super::operation::{Mailbox, Person};
use crate::fakes::{code_in, kind_in, token_in};

/// The person who reads a mailbox.
pub(super) fn reader(mailbox: Mailbox) -> Person {
    mailbox % 2
}

/// A letter with a link, as its reader sees it.
#[derive(Clone)]
pub(super) struct Read {
    pub(super) mailbox: Mailbox,
    pub(super) purpose: Purpose,
    pub(super) token: PlainToken,
    /// What the link spends: the id of the action token or of the registration.
    pub(super) subject: Uuid,
    pub(super) code: Option<String>,
    /// The stored token, unless the letter is about a registration.
    pub(super) stored: Option<ActionToken>,
}

/// Reads a message. `None` if it has no link that acts, or if its token is void already.
pub(super) async fn read(
    store: &dyn Store,
    mailbox: Mailbox,
    message: &Message,
) -> Result<Option<Read>, String> {
    let purpose = match kind_in(message) {
        "email_verification" => Purpose::VerifyEmail,
        "password_reset" => Purpose::ResetPassword,
        "email_change" => Purpose::ChangeEmail,
        "email_undo" => Purpose::UndoEmail,
        "invitation" => Purpose::AcceptInvitation,
        _ => return Ok(None),
    };
    let text = token_in(message).ok_or("a letter without its link")?;
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|error| error.to_string())?;
    let subject = bytes.get(4..20).and_then(|id| Uuid::from_slice(id).ok()).ok_or("a token without an id")?;
    let code = code_in(message).map(str::to_owned);
    let stored = async { store.read().await?.action_tokens().by_id(ActionTokenId::from_uuid(subject)).await };
    let stored = stored.await.map_err(|error| error.to_string())?;
    if stored.is_none() && code.is_none() && purpose != Purpose::VerifyEmail {
        return Ok(None);
    }
    let token = PlainToken::new(text.to_owned());
    Ok(Some(Read { mailbox, purpose, token, subject, code, stored }))
}
