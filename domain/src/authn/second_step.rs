//! The second step: the question that a user with a second factor must answer.

use time::OffsetDateTime;

use super::Method;
use crate::account::User;
use crate::challenge::{self, Challenge, ChallengePurpose};
use crate::credential::PasswordHash;
use crate::factor::{Budget, CredentialId, Factor, Passkey, Spent};
use crate::kernel::{PlainToken, SessionId, UserId};
use crate::{Core, PortFailure};

/// The user knows the password, but has a second factor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeedsFactor {
    user: User,
    rehashed: Option<PasswordHash>,
}

impl NeedsFactor {
    pub(super) fn new(user: User, rehashed: Option<PasswordHash>) -> Self {
        Self { user, rehashed }
    }

    /// The user.
    pub fn user(&self) -> UserId {
        self.user.id
    }
}

/// The question of the second step.
#[derive(Debug)]
pub struct SecondStep {
    /// The client returns it with the answer.
    pub challenge: PlainToken,
    /// The methods that the user may choose from.
    pub methods: Vec<Method>,
    /// The request to the user's passkeys, if the user has one.
    pub passkey: Option<PasskeyRequest>,
}

/// A request to use a passkey: `PublicKeyCredentialRequestOptions` (WebAuthn Level 3 section 5.5).
#[derive(Clone, Debug)]
pub struct PasskeyRequest {
    /// The challenge, in base64url.
    pub challenge: PlainToken,
    /// The id of the relying party.
    pub relying_party_id: String,
    /// The credentials that may answer, with their transports. Empty for any.
    pub allowed: Vec<(CredentialId, Vec<String>)>,
    /// Whether the authenticator must verify the user; otherwise it should.
    pub requires_user_verification: bool,
}

/// Asks a user who knows the password for the second factor.
pub async fn begin(core: &Core, needed: NeedsFactor) -> Result<SecondStep, PortFailure> {
    let NeedsFactor { user, rehashed } = needed;
    let (step, challenge) = ask(core, &user, ChallengePurpose::Login, None).await?;
    let mut unit = core.store.begin().await?;
    if let Some(hash) = &rehashed {
        unit.users().lock(user.id).await?;
        unit.credentials().rehash(user.id, user.credential_version, hash).await?;
    }
    unit.challenges().insert(&challenge).await?;
    unit.commit().await?;
    Ok(step)
}

/// Creates the question for a user, and the challenge to store. It does not store it.
pub(crate) async fn ask(
    core: &Core,
    user: &User,
    purpose: ChallengePurpose,
    session: Option<SessionId>,
) -> Result<(SecondStep, Challenge), PortFailure> {
    let now = core.clock.now();
    let mut view = core.store.read().await?;
    let factors = view.factors().of_user(user.id).await?;
    let recovery_codes = view.factors().recovery_codes_left(user.id).await?;
    let budgets = view.factors().budgets(user.id).await?;
    drop(view);
    let is_open = |budget| !is_closed(&budgets, purpose, budget, now);
    let has_totp = factors.iter().any(|factor| factor.confirmed_totp().is_some());
    let passkeys: Vec<&Passkey> = factors.iter().filter_map(Factor::passkey).collect();
    let methods = [
        (Method::Totp, has_totp && is_open(Budget::Totp)),
        (Method::RecoveryCode, recovery_codes > 0 && is_open(Budget::RecoveryCode)),
        (Method::Passkey, !passkeys.is_empty() && core.settings.factors.relying_party.is_some()),
    ];
    let methods: Vec<Method> =
        methods.into_iter().filter_map(|(method, is_offered)| is_offered.then_some(method)).collect();
    let (token, challenge) = challenge::create(core, purpose, Some((user, session)), None, now)?;
    let allowed = passkeys.iter().map(|one| (one.credential_id.clone(), one.transports.clone())).collect();
    let passkey = request(core, &token, allowed, false).filter(|_| methods.contains(&Method::Passkey));
    Ok((SecondStep { challenge: token, methods, passkey }, challenge))
}

/// A reset has a budget of its own, so that it never closes a method at login.
fn is_closed(budgets: &[Spent], purpose: ChallengePurpose, budget: Budget, now: OffsetDateTime) -> bool {
    let budget = if purpose == ChallengePurpose::PasswordReset { Budget::PasswordReset } else { budget };
    budgets.iter().any(|spent| spent.budget == budget && spent.is_closed(now))
}

/// Creates a request to passkeys. `None` if the service is no relying party.
pub(super) fn request(
    core: &Core,
    challenge: &PlainToken,
    allowed: Vec<(CredentialId, Vec<String>)>,
    requires_user_verification: bool,
) -> Option<PasskeyRequest> {
    let relying_party = core.settings.factors.relying_party.as_ref()?;
    Some(PasskeyRequest {
        challenge: challenge.clone(),
        relying_party_id: relying_party.id.clone(),
        allowed,
        requires_user_verification,
    })
}
