use inwren_domain::kernel::Email;
use zeroize::Zeroizing;

use super::secret::secret_or_file;
use super::source::Source;

/// The superuser to create at startup.
#[derive(Clone)]
pub struct FirstSuperuser {
    /// The login name.
    pub email: Email,
    /// The password.
    pub password: Zeroizing<String>,
    /// The setting that contains the password.
    pub password_setting: &'static str,
}

impl std::fmt::Debug for FirstSuperuser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FirstSuperuser(…)")
    }
}

/// Reads the settings. The outer `None` is an error, the inner `None` means that no superuser is configured.
#[allow(clippy::option_option, reason = "an error and an absence are two things here")]
pub(super) fn read(source: &mut Source) -> Option<Option<FirstSuperuser>> {
    let wanted = source.text("FIRST_SUPERUSER_EMAIL").is_some();
    let email = source.parse("FIRST_SUPERUSER_EMAIL", |text| Email::parse(text).ok());
    let password = secret_or_file(source, "FIRST_SUPERUSER_PASSWORD", "FIRST_SUPERUSER_PASSWORD_FILE")?;
    match (wanted, password) {
        (false, None) => Some(None),
        (true, Some(password)) => {
            let settings = ["FIRST_SUPERUSER_PASSWORD", "FIRST_SUPERUSER_PASSWORD_FILE"];
            let password_setting = settings[usize::from(source.text(settings[0]).is_none())];
            Some(Some(FirstSuperuser { email: email?, password, password_setting }))
        }
        (true, None) => {
            source.refuse(
                "FIRST_SUPERUSER_EMAIL",
                "needs FIRST_SUPERUSER_PASSWORD or FIRST_SUPERUSER_PASSWORD_FILE",
            );
            None
        }
        (false, Some(_)) => {
            source.refuse("FIRST_SUPERUSER_PASSWORD", "needs FIRST_SUPERUSER_EMAIL");
            None
        }
    }
}
