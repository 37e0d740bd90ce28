//! Startup steps before the first request: the schema and the first superuser.

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
    /// The schema is behind, and automatic migration is disabled.
    #[error(
        "the database schema is behind by {0} migration(s): run `inwren migrate up`, or set AUTO_MIGRATE=true"
    )]
    PendingMigrations(usize),
    /// The tables belong to another service.
    #[error(
        "the database contains the table `users` of another service; nothing was changed in it. Run `inwren adopt` to \
         migrate its users, or set DATABASE_URL to another database"
    )]
    SourceUsers,
    /// The schema could not be read or migrated.
    #[error("the database schema cannot be prepared: {0}")]
    Migration(#[from] MigrationError),
    /// The first superuser could not be created.
    #[error("FIRST_SUPERUSER_EMAIL: the first superuser could not be created: {0}")]
    FirstSuperuser(String),
    /// Another user has the address of the first superuser, and no active superuser exists.
    #[error(
        "FIRST_SUPERUSER_EMAIL: a user who is not an active superuser has this address, and no superuser exists. \
         Set another address, or create a superuser with `inwren users create ADDRESS --superuser`"
    )]
    FirstSuperuserTaken,
    /// The password of the first superuser is too weak.
    #[error("{setting} cannot be used: {weak}")]
    WeakFirstPassword {
        /// The setting that contains the password.
        setting: &'static str,
        /// What is wrong with it.
        weak: WeakPassword,
    },
}

/// Migrates the schema to the current version. If automatic migration is disabled, checks that the schema is current.
pub async fn prepare_schema(config: &Config, opened: &OpenedStore) -> Result<(), StartError> {
    let Some(maintenance) = &opened.maintenance else { return Ok(()) };
    match maintenance.schema().await? {
        Schema::Current => return Ok(()),
        Schema::Foreign => return Err(StartError::SourceUsers),
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

/// Checks that the password of the configured first superuser is strong enough to create the user. The result does not
/// matter if the user exists already: the service then ignores the configured password, which may have become too weak
/// since.
pub fn check_first_superuser(config: &Config) -> Result<(), StartError> {
    let Some(wanted) = &config.first_superuser else { return Ok(()) };
    check_new(&Password::new(&wanted.password), &wanted.email, &config.rules.context_words)
        .map_err(|weak| StartError::WeakFirstPassword { setting: wanted.password_setting, weak })
}

/// Creates the configured first superuser, unless the user exists.
///
/// If the address belongs to a user who is no active superuser, that is an error in production when no superuser
/// exists. Otherwise it is at most a warning.
pub async fn ensure_first_superuser(
    core: &Core,
    wanted: &FirstSuperuser,
    environment: Environment,
) -> Result<(), StartError> {
    let password = Password::new(&wanted.password);
    let made = account::create_user::ensure_first_superuser(core, wanted.email.clone(), password).await;
    match made {
        Ok(Made::Created) => {
            tracing::info!("created the first superuser");
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
                "FIRST_SUPERUSER_EMAIL has no effect: the user with this address is not a superuser"
            );
            Ok(())
        }
        // A deactivated user is intended if another superuser exists.
        Ok(Made::Exists | Made::AddressTaken { .. }) => Ok(()),
        Err(Failure::Refused(NotCreated::WeakPassword(weak))) => {
            Err(StartError::WeakFirstPassword { setting: wanted.password_setting, weak })
        }
        Err(Failure::Refused(NotCreated::EmailTaken)) => Ok(()),
        Err(Failure::Port(failure)) => Err(StartError::FirstSuperuser(failure.to_string())),
    }
}
