//! Rate limits per operation. One line of the table makes the variant, the marker type and the setting.

use inwren_domain::limiter::Quota;

/// An operation as a type, so that an endpoint can name it in its signature.
pub trait LimitedOperation: Send {
    /// The operation.
    const OPERATION: Operation;
}

macro_rules! operations {
    ($($name:ident = $label:literal $setting:literal $per_minute:literal $about:literal;)+) => {
        /// A rate-limited operation. Each has its own quota.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Operation { $(#[doc = $about] $name,)+ }

        impl Operation {
            /// All operations.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The name in headers and keys.
            pub fn label(self) -> &'static str {
                match self { $(Self::$name => $label,)+ }
            }
        }

        /// The operations as types.
        pub mod by_client {
            use crate::config::rate_limits::{LimitedOperation, Operation};

            $(#[doc = $about] pub struct $name;

            impl LimitedOperation for $name {
                const OPERATION: Operation = Operation::$name;
            })+
        }

        /// The setting of each operation's quota: its name, its default and what it limits.
        pub(super) const SETTINGS: [(&str, &str, &str); Operation::ALL.len()] =
            [$(($setting, concat!($per_minute, "/minute"), $about),)+];
    };
}

operations! {
    Register = "register" "RATE_LIMIT_REGISTER" 5 "Registrations per client";
    Login = "login" "RATE_LIMIT_LOGIN" 5 "Logins per client";
    LoginAccount = "login-account" "RATE_LIMIT_LOGIN_ACCOUNT" 30
        "Logins per e-mail address, all clients together";
    Refresh = "refresh" "RATE_LIMIT_REFRESH" 10 "Refreshes per session; per client if the refresh token is invalid";
    ClientToken = "client-token" "RATE_LIMIT_CLIENT_TOKEN" 60 "Access tokens for service clients, per network";
    Revoke = "revoke" "RATE_LIMIT_REVOKE" 10 "Token revocations per client";
    Introspect = "introspect" "RATE_LIMIT_INTROSPECT" 600 "Token introspections per client";
    Logout = "logout" "RATE_LIMIT_LOGOUT" 10 "Logouts per client";
    Me = "me" "RATE_LIMIT_ME" 20 "Profile reads per client";
    UpdateMe = "update-me" "RATE_LIMIT_UPDATE_ME" 10 "Profile updates per client";
    ChangePassword = "change-password" "RATE_LIMIT_CHANGE_PASSWORD" 5 "Password changes per client";
    DeleteMe = "delete-me" "RATE_LIMIT_DELETE_ME" 5 "Account deletions per client";
    Sessions = "sessions" "RATE_LIMIT_SESSIONS" 20 "Session listings per client";
    RevokeSession = "revoke-session" "RATE_LIMIT_REVOKE_SESSION" 10 "Revocations of single sessions per client";
    RevokeSessions = "revoke-sessions" "RATE_LIMIT_REVOKE_SESSIONS" 10 "Revocations of all other sessions per client";
    Admin = "admin" "RATE_LIMIT_ADMIN" 60 "Administrative requests per client, all operations together";
}

/// The quotas.
#[derive(Clone, Debug)]
pub struct LimitSettings {
    /// Whether rate limits are enabled.
    pub enabled: bool,
    pub(super) quotas: [Quota; Operation::ALL.len()],
}

impl LimitSettings {
    /// The quota of an operation.
    pub fn quota(&self, operation: Operation) -> Quota {
        self.quotas[operation as usize]
    }

    /// Sets the quota of an operation.
    pub fn set(&mut self, operation: Operation, quota: Quota) {
        self.quotas[operation as usize] = quota;
    }
}
