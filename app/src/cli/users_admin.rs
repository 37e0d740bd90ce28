//! Shows and changes one user, by the use cases of the administration API.

use inwren_domain::account::User;
use inwren_domain::account::admin::reset_factors::{self, Reason};
use inwren_domain::account::admin::reset_password::{Delivery, ResetLink};
use inwren_domain::account::admin::{self, Admin, NotFound};
use inwren_domain::action_token::Purpose;
use inwren_domain::kernel::{ClientInfo, Email, UserId};
use inwren_domain::{Core, Failure, session};
use poem_openapi::types::ToJSON as _;
use uuid::Uuid;

use super::args::UsersCommand;
use super::error::{Failed, Outcome};
use super::support::{confirm, note, place, say, wrong_email};
use crate::config::Config;
use crate::http::AdminUserDto;
use crate::letters::links;
use crate::{keys, secrets};

/// The address or id of a user, as given.
enum Which {
    Id(UserId),
    Email(Email),
}

impl Which {
    fn parse(text: &str) -> Result<Self, Failed> {
        match Uuid::try_parse(text) {
            Ok(id) => Ok(Self::Id(UserId::from_uuid(id))),
            Err(_) => {
                Email::parse_for_lookup(text).map(Self::Email).map_err(|invalid| wrong_email(text, invalid))
            }
        }
    }
}

/// A user who exists.
pub(super) struct Found(User);

impl Found {
    /// Finds the user with this address or id.
    pub(super) async fn of(core: &Core, text: &str) -> Result<Self, Failed> {
        let operator = Admin::operator();
        let found = match Which::parse(text)? {
            Which::Id(id) => admin::list::get(core, operator, id).await,
            Which::Email(email) => admin::list::by_login(core, operator, &email).await,
        };
        match found {
            Ok(user) => Ok(Self(user)),
            Err(Failure::Refused(NotFound)) => Err(unknown(text)),
            Err(Failure::Port(failure)) => Err(Failed::because(failure)),
        }
    }

    fn email(&self) -> &str {
        self.0.email.as_str()
    }
}

/// The error for an address or id that no user has.
pub(super) fn unknown(text: &str) -> Failed {
    Failed::Reason(format!("no user has the address or id {text:?}; `inwren users list` lists all users"))
}

/// Checks the arguments, before the database is opened.
pub(super) fn check_arguments(command: &UsersCommand) -> Outcome {
    match command {
        UsersCommand::Show { user, .. }
        | UsersCommand::Activate { user }
        | UsersCommand::Deactivate { user }
        | UsersCommand::Logout { user }
        | UsersCommand::ResetLink { user }
        | UsersCommand::Delete { user, .. } => Which::parse(user).map(|_| ()),
        UsersCommand::ResetFactors { user, reason } => {
            parse_reason(reason)?;
            Which::parse(user).map(|_| ())
        }
        _ => Ok(()),
    }
}

/// Prints a user.
pub(super) fn show(Found(user): &Found, as_json: bool) {
    if as_json {
        say(&AdminUserDto::from(user).to_json_string());
        return;
    }
    let yes_no = |value: bool| if value { "yes" } else { "no" };
    say(&format!("id:         {}", user.id));
    say(&format!("email:      {}", user.email.as_str()));
    say(&format!("tier:       {}", user.tier.as_str()));
    say(&format!("active:     {}", yes_no(user.is_active)));
    say(&format!("superuser:  {}", yes_no(user.is_superuser)));
    say(&format!("2nd factor: {}", yes_no(user.has_factor())));
    say(&format!("created at: {}", keys::text(user.created_at)));
    say(&format!("updated at: {}", keys::text(user.updated_at)));
}

/// Activates or deactivates a user. Deactivation revokes all sessions.
pub(super) async fn set_active(core: &Core, text: &str, is_active: bool) -> Outcome {
    let found = Found::of(core, text).await?;
    let command = admin::update::Command { is_active: Some(is_active), ..Default::default() };
    let changed =
        admin::update::execute(core, Admin::operator(), found.0.id, command, &ClientInfo::default()).await;
    match changed {
        Ok(_) if found.0.is_active == is_active => {
            let state = if is_active { "active" } else { "inactive" };
            say(&format!("{} was {state} already: nothing was changed", found.email()));
            Ok(())
        }
        Ok(_) if is_active => {
            say(&format!("activated {}", found.email()));
            Ok(())
        }
        Ok(_) => {
            say(&format!("deactivated {}, and revoked all sessions of the user", found.email()));
            Ok(())
        }
        Err(Failure::Refused(admin::update::Refusal::NotFound)) => Err(unknown(text)),
        Err(Failure::Refused(admin::update::Refusal::LastSuperuser(last))) => Err(Failed::because(last)),
        Err(Failure::Refused(refusal)) => Err(Failed::Reason(format!("the change was refused: {refusal:?}"))),
        Err(Failure::Port(failure)) => Err(Failed::because(failure)),
    }
}

/// Revokes all sessions of a user.
pub(super) async fn log_out(core: &Core, text: &str) -> Outcome {
    let found = Found::of(core, text).await?;
    match session::admin::revoke_all(core, Admin::operator(), found.0.id, &ClientInfo::default()).await {
        Ok(()) => {
            say(&format!("revoked all sessions of {}", found.email()));
            Ok(())
        }
        Err(Failure::Refused(session::admin::Refusal::NotFound)) => Err(unknown(text)),
        Err(Failure::Refused(refusal)) => Err(Failed::Reason(format!("the change was refused: {refusal:?}"))),
        Err(Failure::Port(failure)) => Err(Failed::because(failure)),
    }
}

fn parse_reason(text: &str) -> Result<Reason, Failed> {
    Reason::parse(text).map_err(|invalid| Failed::Usage(format!("--reason: {invalid}")))
}

/// Removes the second factors of a user, and revokes all sessions.
pub(super) async fn reset_factors(core: &Core, text: &str, reason: &str) -> Outcome {
    let reason = parse_reason(reason)?;
    let found = Found::of(core, text).await?;
    if !found.0.has_factor() {
        say(&format!("{} has no second factor: nothing was changed", found.email()));
        return Ok(());
    }
    match reset_factors::execute(core, Admin::operator(), found.0.id, reason, &ClientInfo::default()).await {
        Ok(()) => {
            say(&format!(
                "removed the second factors of {}, and revoked all sessions and trusted devices of the user",
                found.email()
            ));
            Ok(())
        }
        Err(Failure::Refused(reset_factors::Refusal::NotFound)) => Err(unknown(text)),
        Err(Failure::Refused(refusal)) => Err(Failed::Reason(format!("the change was refused: {refusal:?}"))),
        Err(Failure::Port(failure)) => Err(Failed::because(failure)),
    }
}

/// Prints a link by which the user sets a new password. Standard output contains only the link.
pub(super) async fn reset_link(config: &Config, core: &Core, text: &str) -> Outcome {
    let keyring = secrets::keyring(&config.secret_keys.path, config.environment).map_err(Failed::because)?;
    let found = Found::of(core, text).await?;
    let core = Core { keyring: Some(keyring), ..core.clone() };
    let (delivery, client) = (Delivery::Administrator, ClientInfo::default());
    match admin::reset_password::execute(&core, Admin::operator(), found.0.id, delivery, &client).await {
        Ok(ResetLink { token: Some(token), expires_at, .. }) => {
            say(&links::link(&config.public_url, Purpose::ResetPassword, &token));
            note(&format!(
                "Hand it over to {}: it is valid until {}, once.",
                found.email(),
                keys::text(expires_at)
            ));
            note(&format!("database: {}", place(config)));
            Ok(())
        }
        Ok(ResetLink { token: None, .. }) => Err(Failed::Reason("the link was not returned".to_owned())),
        Err(Failure::Refused(admin::reset_password::Refusal::NotFound)) => Err(Failed::Reason(format!(
            "{} is inactive and could not log in; `inwren users activate` changes that",
            found.email()
        ))),
        Err(Failure::Refused(refusal)) => Err(Failed::Reason(format!("the change was refused: {refusal:?}"))),
        Err(Failure::Port(failure)) => Err(Failed::because(failure)),
    }
}

/// Deletes a user permanently, after a confirmation.
pub(super) async fn delete(config: &Config, core: &Core, text: &str, yes: bool) -> Outcome {
    let found = Found::of(core, text).await?;
    confirm(
        &format!(
            "This deletes the user {} ({}) in {} permanently, with all sessions. To keep the account and prevent \
             logins, run `inwren users deactivate`.",
            found.email(),
            found.0.id,
            place(config)
        ),
        yes,
    )?;
    match admin::delete::execute(core, Admin::operator(), found.0.id, &ClientInfo::default()).await {
        Ok(()) => {
            say(&format!("deleted {} and all sessions of the user; the audit events stay", found.email()));
            Ok(())
        }
        Err(Failure::Refused(admin::delete::Refusal::NotFound)) => Err(unknown(text)),
        Err(Failure::Refused(admin::delete::Refusal::LastSuperuser(last))) => Err(Failed::because(last)),
        Err(Failure::Refused(refusal)) => Err(Failed::Reason(format!("the change was refused: {refusal:?}"))),
        Err(Failure::Port(failure)) => Err(Failed::because(failure)),
    }
}
