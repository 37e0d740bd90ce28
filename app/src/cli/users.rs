use inwren_domain::account::{self, NotCreated};
use inwren_domain::credential::{self, Password};
use inwren_domain::kernel::{Email, InvalidEmail};
use inwren_domain::{Core, Failure};
use std::io::{BufRead as _, IsTerminal as _};
use zeroize::Zeroizing;

use super::args::UsersCommand;
use super::error::{Failed, Outcome};
use super::support::{open_core, say};
use super::{users_export, users_import};
use crate::config::{Config, bare};

/// Runs a command on the users in the configured database.
pub(super) async fn run(config: &Config, command: UsersCommand) -> Outcome {
    let core = open_core(config, "users").await?;
    let outcome = match command {
        UsersCommand::Create { email, superuser, password_stdin } => {
            create(&core, &email, superuser, password_stdin).await
        }
        UsersCommand::Export(args) => users_export::run(&core, args).await,
        UsersCommand::Import(args) => users_import::run(&(&core).into(), args).await,
        UsersCommand::SetPassword { email, password_stdin } => {
            set_password(&core, &email, password_stdin).await
        }
    };
    core.store.close().await;
    outcome
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
            Err(Failed::Failed("somebody has this e-mail address already".to_owned()))
        }
        Err(Failure::Refused(NotCreated::WeakPassword(weak))) => Err(Failed::because(weak)),
        Err(Failure::Port(failure)) => Err(Failed::because(failure)),
    }
}

async fn set_password(core: &Core, email: &str, from_stdin: bool) -> Outcome {
    use inwren_domain::credential::set_password::Refusal;
    let email = Email::parse_for_lookup(email).map_err(|invalid| wrong_email(email, invalid))?;
    let password = read_password(from_stdin)?;
    match credential::set_password::execute(core, &email, Password::new(&password)).await {
        Ok(()) => {
            say("the password is set, and all sessions of the user have ended");
            Ok(())
        }
        Err(Failure::Refused(Refusal::NotFound)) => {
            Err(Failed::Failed("nobody has this e-mail address".to_owned()))
        }
        Err(Failure::Refused(Refusal::WeakPassword(weak))) => Err(Failed::because(weak)),
        Err(Failure::Refused(Refusal::Overtaken)) => {
            Err(Failed::Failed("somebody else has just changed it; look, and try again".to_owned()))
        }
        Err(Failure::Port(failure)) => Err(Failed::because(failure)),
    }
}

fn wrong_email(text: &str, invalid: InvalidEmail) -> Failed {
    Failed::Usage(format!("{text:?}: {invalid}"))
}

/// Reads the password from standard input or the terminal, never from the command line, which every user of the machine
/// can read.
fn read_password(from_stdin: bool) -> Result<Zeroizing<String>, Failed> {
    if !from_stdin {
        if !std::io::stdin().is_terminal() {
            return Err(Failed::Usage(
                "there is no terminal to ask for the password; use --password-stdin".to_owned(),
            ));
        }
        let first = Zeroizing::new(rpassword::prompt_password("Password: ").map_err(Failed::because)?);
        let again = Zeroizing::new(rpassword::prompt_password("Again: ").map_err(Failed::because)?);
        if first != again {
            return Err(Failed::Failed("the two are not the same".to_owned()));
        }
        return Ok(first);
    }
    let mut line = Zeroizing::new(String::new());
    std::io::stdin().lock().read_line(&mut line).map_err(Failed::because)?;
    Ok(bare(&line))
}
