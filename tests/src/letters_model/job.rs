use inwren_domain::account::admin::{Admin, invite};
use inwren_domain::account::register::{self, Registered};
use inwren_domain::account::{
    accept_invitation, change_email, lost_factor, preview, recover, update, verify_email,
};
use inwren_domain::action_token::Purpose;
use inwren_domain::authn::login;
use inwren_domain::credential::{Password, change_password};
use inwren_domain::kernel::{ClientInfo, Email, PlainToken, UserId};
use inwren_domain::pending_registration::VerificationId;
use inwren_domain::session::{Principal, authenticate};
use inwren_domain::{Core, Failure};

/// A call with the real values that the use case takes.
pub(super) enum Job {
    Register(Email, Password),
    Code(VerificationId, String),
    /// Acts by a link, with a password where one is needed, and with the session of the caller if there is one.
    Act(Purpose, PlainToken, Password, Option<Box<Principal>>),
    Discard(PlainToken),
    Forgot(Email),
    Resend(Email),
    LogIn(Email, Password),
    ChangeEmail(Box<Principal>, Email),
    ChangePassword(Box<Principal>, [Password; 2]),
    Invite(Email, Password, Email),
    Scan(Vec<(Purpose, PlainToken)>),
}

/// The real outcome of a call. `Failed` is a failure of a port, which no rule permits.
#[derive(Debug)]
pub(super) enum Outcome {
    Done,
    Pending(VerificationId),
    Session(PlainToken, UserId),
    /// How many links the scanner found to be valid.
    Valid(usize),
    Refused,
    Failed(String),
}

/// Calls the use case.
pub(super) async fn execute(core: Core, job: Job) -> Outcome {
    match attempt(&core, job).await {
        Ok(outcome) => outcome,
        Err(failure) => Outcome::Failed(failure),
    }
}

async fn attempt(core: &Core, job: Job) -> Result<Outcome, String> {
    let client = ClientInfo::default();
    Ok(match job {
        Job::Register(email, password) => {
            let (tier, locale) = (None, None);
            let command = register::Command { email, password, tier, locale, client };
            let Ok(request) = register::check(core, command) else { return Ok(Outcome::Refused) };
            match register::execute(core, request, true).await {
                Ok(Registered::Pending { id, .. }) => Outcome::Pending(id),
                other => done(other)?,
            }
        }
        Job::Code(id, code) => done(verify_email::by_code(core, id, &code, &client).await)?,
        Job::Act(purpose, token, password, principal) => {
            let token = token.expose();
            match purpose {
                Purpose::VerifyEmail => {
                    let principal = principal.as_deref();
                    done(verify_email::by_link(core, token, Some(password), principal, &client).await)?
                }
                Purpose::ResetPassword => done(recover::reset(core, token, password, None, &client).await)?,
                Purpose::AcceptInvitation => {
                    done(accept_invitation::execute(core, token, password, &client).await)?
                }
                Purpose::ChangeEmail => done(change_email::confirm(core, token, &client).await)?,
                Purpose::UndoEmail => done(change_email::undo(core, token, &client).await)?,
                Purpose::KeepFactors => done(lost_factor::cancel(core, token, &client).await)?,
            }
        }
        Job::Discard(token) => done(verify_email::discard(core, token.expose()).await)?,
        Job::Forgot(email) => {
            recover::forgot(core, email, None, &client).await.map_err(|failure| failure.to_string())?;
            Outcome::Done
        }
        Job::Resend(email) => {
            verify_email::resend(core, email, None, &client).await.map_err(|failure| failure.to_string())?;
            Outcome::Done
        }
        Job::LogIn(email, password) => log_in(core, email, password).await?,
        Job::ChangeEmail(principal, email) => {
            let command = update::Command { email: Some(email), tier: None };
            done(update::execute(core, &principal, command, &client).await)?
        }
        Job::ChangePassword(principal, [current_password, new_password]) => {
            let command = change_password::Command { current_password, new_password };
            match change_password::execute(core, &principal, command, &client).await {
                Ok(tokens) => Outcome::Session(tokens.access_token, principal.user().id),
                refused => done(refused)?,
            }
        }
        Job::Invite(root, password, email) => {
            let Outcome::Session(token, _) = log_in(core, root, password).await? else {
                return Err("the superuser cannot log in".to_owned());
            };
            let principal = authenticate(core, token.expose()).await.map_err(|error| error.to_string())?;
            let admin = Admin::authorise(&principal).map_err(|refusal| format!("{refusal:?}"))?;
            let command = invite::Command { email, tier: None, is_superuser: false, locale: None };
            done(invite::execute(core, admin, command, &client).await)?
        }
        Job::Scan(links) => {
            let mut valid = 0;
            for (purpose, token) in links {
                let found = preview::execute(core, purpose, token.expose()).await;
                valid += usize::from(found.map_err(|failure| failure.to_string())?.is_some());
            }
            Outcome::Valid(valid)
        }
    })
}

async fn log_in(core: &Core, email: Email, password: Password) -> Result<Outcome, String> {
    let command = login::Command {
        email,
        password,
        device_token: None,
        in_browser: false,
        client: ClientInfo::default(),
    };
    match login::execute(core, command).await {
        Ok(started) => {
            let tokens = started.into_tokens(core).map_err(|failure| failure.to_string())?;
            let token = tokens.access_token;
            let principal = authenticate(core, token.expose()).await.map_err(|error| error.to_string())?;
            Ok(Outcome::Session(token, principal.user().id))
        }
        refused => done(refused),
    }
}

fn done<T, R>(result: Result<T, Failure<R>>) -> Result<Outcome, String> {
    match result {
        Ok(_) => Ok(Outcome::Done),
        Err(Failure::Refused(_)) => Ok(Outcome::Refused),
        Err(Failure::Port(failure)) => Err(failure.to_string()),
    }
}
