use std::io::{BufRead as _, IsTerminal as _, Write as _};

use inwren_domain::account::{self, NotCreated};
use inwren_domain::credential::password_policy::{MAX_CHARS, MIN_CHARS};
use inwren_domain::credential::{self, Password};
use inwren_domain::kernel::Email;
use inwren_domain::{Core, Failure};
use zeroize::Zeroizing;

use super::args::UsersCommand;
use super::error::{Failed, Outcome};
use super::support::{open_core, say, say_place, wrong_email};
use super::users_admin::{self, Found};
use super::{users_export, users_import, users_list};
use crate::config::{Config, bare};

/// Runs a command on the users in the configured database.
pub(super) async fn run(config: &Config, command: UsersCommand) -> Outcome {
    users_admin::check_arguments(&command)?;
    if let UsersCommand::Import(args) = &command {
        args.choices.check_refused()?;
    }
    let core = open_core(config, "users").await?;
    let outcome = dispatch(config, &core, command).await;
    core.store.close().await;
    outcome
}

async fn dispatch(config: &Config, core: &Core, command: UsersCommand) -> Outcome {
    match command {
        UsersCommand::List(args) => return users_list::run(core, args).await,
        UsersCommand::Show { user, json } => {
            users_admin::show(&Found::of(core, &user).await?, json);
            return Ok(());
        }
        UsersCommand::Export(args) => return users_export::run(config, core, args).await,
        UsersCommand::Import(args) => return users_import::run(config, core, args).await,
        UsersCommand::Create { email, superuser, password_stdin } => {
            create(core, &email, superuser, password_stdin).await?;
        }
        UsersCommand::SetPassword { email, password_stdin } => {
            set_password(core, &email, password_stdin).await?;
        }
        UsersCommand::ResetLink { user } => return users_admin::reset_link(config, core, &user).await,
        UsersCommand::Activate { user } => users_admin::set_active(core, &user, true).await?,
        UsersCommand::Deactivate { user } => users_admin::set_active(core, &user, false).await?,
        UsersCommand::ResetFactors { user, reason } => {
            users_admin::reset_factors(core, &user, &reason).await?;
        }
        UsersCommand::Logout { user } => users_admin::log_out(core, &user).await?,
        UsersCommand::Delete { user, yes } => users_admin::delete(config, core, &user, yes).await?,
    }
    say_place(config);
    Ok(())
}

async fn create(core: &Core, email: &str, is_superuser: bool, from_stdin: bool) -> Outcome {
    let email = Email::parse(email).map_err(|invalid| wrong_email(email, invalid))?;
    let password = read_password(from_stdin)?;
    let command = account::create_user::Command { email, password: Password::new(&password), is_superuser };
    match account::create_user::execute(core, command).await {
        Ok(user) => {
            say(&format!("created {} {}", if is_superuser { "superuser" } else { "user" }, user.id));
            Ok(())
        }
        Err(Failure::Refused(NotCreated::EmailTaken)) => {
            Err(Failed::Reason("another user has this e-mail address already".to_owned()))
        }
        Err(Failure::Refused(NotCreated::WeakPassword(weak))) => Err(Failed::because(weak)),
        Err(Failure::Port(failure)) => Err(Failed::because(failure)),
    }
}

async fn set_password(core: &Core, email: &str, from_stdin: bool) -> Outcome {
    use inwren_domain::credential::set_password::Refusal;
    let address = Email::parse_for_lookup(email).map_err(|invalid| wrong_email(email, invalid))?;
    let password = read_password(from_stdin)?;
    match credential::set_password::execute(core, &address, Password::new(&password)).await {
        Ok(()) => {
            say("set the password, and revoked all sessions of the user");
            Ok(())
        }
        Err(Failure::Refused(Refusal::NotFound)) => Err(users_admin::unknown(email)),
        Err(Failure::Refused(Refusal::WeakPassword(weak))) => Err(Failed::because(weak)),
        Err(Failure::Refused(Refusal::ChangedMeanwhile)) => Err(Failed::Reason(
            "another request changed the password at the same moment; nothing was changed, try again"
                .to_owned(),
        )),
        Err(Failure::Port(failure)) => Err(Failed::because(failure)),
    }
}

/// Reads the password from standard input or the terminal, never from the command line, which every user of the machine
/// can read.
fn read_password(from_stdin: bool) -> Result<Zeroizing<String>, Failed> {
    if !from_stdin {
        if !std::io::stdin().is_terminal() {
            return Err(Failed::Usage(
                "standard input is not a terminal, so the password cannot be typed: use --password-stdin"
                    .to_owned(),
            ));
        }
        let _ = writeln!(
            std::io::stderr(),
            "A password has {MIN_CHARS} to {MAX_CHARS} characters, and is neither common nor the e-mail address."
        );
        let first = Zeroizing::new(rpassword::prompt_password("Password: ").map_err(Failed::because)?);
        let again = Zeroizing::new(rpassword::prompt_password("Repeat it: ").map_err(Failed::because)?);
        if first != again {
            return Err(Failed::Reason("the two passwords differ".to_owned()));
        }
        return Ok(first);
    }
    let mut line = Zeroizing::new(String::new());
    std::io::stdin().lock().read_line(&mut line).map_err(Failed::because)?;
    Ok(bare(&line))
}
