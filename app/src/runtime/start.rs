//! What happens before the first request: the schema, and the first superuser.

use inwren_domain::account::create_user::FirstSuperuser as Made;
use inwren_domain::account::{self, NotCreated};
use inwren_domain::credential::Password;
use inwren_domain::credential::password_policy::{WeakPassword, check_new};
use inwren_domain::store::{FormerAddress, MigrationError, Schema};
use inwren_domain::{Core, Failure};

use crate::config::{Config, Environment, FirstSuperuser};
use crate::wiring::OpenedStore;

/// Why the service cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The schema is behind, and may not be brought up to date by itself.
    #[error(
        "the database schema is behind by {0} migration(s): run `inwren migrate up`, or set AUTO_MIGRATE=true"
    )]
    PendingMigrations(usize),
    /// What is there is not ours.
    #[error(
        "the database has a table users that is of another service, and nothing was changed in it. `inwren adopt` \
         takes its users over; or give this service a database of its own with DATABASE_URL"
    )]
    ForeignUsers,
    /// The schema could not be looked at or changed.
    #[error("the database schema cannot be prepared: {0}")]
    Migration(#[from] MigrationError),
    /// The first superuser could not be made.
    #[error("FIRST_SUPERUSER_EMAIL: the first superuser could not be made: {0}")]
    FirstSuperuser(String),
    /// The address of the first superuser is another user's, and no active superuser exists.
    #[error(
        "FIRST_SUPERUSER_EMAIL: a user who is no active superuser has registered this address, and there is no superuser. \
         Set another address, or create a superuser with `inwren users create ADDRESS --superuser`"
    )]
    FirstSuperuserTaken,
    /// The password of the first superuser may not be used.
    #[error("{setting} cannot be used: {weak}")]
    WeakFirstPassword {
        /// The setting that has it.
        setting: &'static str,
        /// What is wrong with it.
        weak: WeakPassword,
    },
}

/// Brings the schema up to date, or insists that it is.
pub async fn prepare_schema(config: &Config, opened: &OpenedStore) -> Result<(), StartError> {
    let Some(maintenance) = &opened.maintenance else { return Ok(()) };
    match maintenance.schema().await? {
        Schema::Current => return Ok(()),
        Schema::Foreign => return Err(StartError::ForeignUsers),
        Schema::Behind(pending) if !config.auto_migrate => {
            return Err(StartError::PendingMigrations(pending.len()));
        }
        Schema::Behind(_) => {}
    }
    for name in maintenance.migrate_up().await? {
        tracing::info!(name, "applied migration");
    }
    for FormerAddress { user, holder } in maintenance.former_addresses().await? {
        let holder = holder.map(tracing::field::display);
        tracing::warn!(%user, holder, "a user keeps the former form of the e-mail address");
    }
    Ok(())
}

/// Whether the first superuser that the configuration names could be made with the password there. It is of no weight where
/// they have been made already: their password in the configuration is looked at no more, and may have become weak since.
pub fn check_first_superuser(config: &Config) -> Result<(), StartError> {
    let Some(wanted) = &config.first_superuser else { return Ok(()) };
    check_new(&Password::new(&wanted.password), &wanted.email, &config.rules.context_words)
        .map_err(|weak| StartError::WeakFirstPassword { setting: wanted.password_setting, weak })
}

/// Makes the first superuser that the configuration names, once.
///
/// The address of a user who is no active superuser is only warned about in development, and where another superuser exists.
pub async fn ensure_first_superuser(
    core: &Core,
    wanted: &FirstSuperuser,
    environment: Environment,
) -> Result<(), StartError> {
    let password = Password::new(&wanted.password);
    let made = account::create_user::ensure_first_superuser(core, wanted.email.clone(), password).await;
    match made {
        Ok(Made::Created) => {
            tracing::info!("made the first superuser");
            Ok(())
        }
        Ok(Made::AddressTaken { has_superuser: false, .. }) => match environment {
            Environment::Production => Err(StartError::FirstSuperuserTaken),
            Environment::Development => {
                tracing::warn!("{}", StartError::FirstSuperuserTaken);
                Ok(())
            }
        },
        Ok(Made::AddressTaken { is_active: true, .. }) => {
            tracing::warn!(
                "FIRST_SUPERUSER_EMAIL is the address of a user who is no superuser: it has no effect"
            );
            Ok(())
        }
        // One that was deactivated, while another superuser exists, is meant to be.
        Ok(Made::Exists | Made::AddressTaken { .. }) => Ok(()),
        Err(Failure::Refused(NotCreated::WeakPassword(weak))) => {
            Err(StartError::WeakFirstPassword { setting: wanted.password_setting, weak })
        }
        Err(Failure::Refused(NotCreated::EmailTaken)) => Ok(()),
        Err(Failure::Port(failure)) => Err(StartError::FirstSuperuser(failure.to_string())),
    }
}
