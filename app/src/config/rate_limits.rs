//! Rate limits per operation. One line of the table makes the variant, the marker type and the setting.

use std::net::IpAddr;

use inwren_domain::limiter::Quota;
use ipnet::IpNet;

/// An operation as a type, so that an endpoint can name it in its signature.
pub trait LimitedOperation: Send {
    /// The operation.
    const OPERATION: Operation;
}

macro_rules! operations {
    ($($(#[$group_doc:meta])* $group:ident {
        $($name:ident = $label:literal $setting:literal $per_minute:literal $about:literal;)+
    })+) => {
        /// A rate-limited operation. Each has its own quota.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Operation { $($(#[doc = $about] $name,)+)+ }

        impl Operation {
            /// All operations.
            pub const ALL: &'static [Self] = &[$($(Self::$name,)+)+];

            /// The name in headers and keys.
            pub fn label(self) -> &'static str {
                match self { $($(Self::$name => $label,)+)+ }
            }

            /// The setting of its quota.
            pub fn setting(self) -> &'static str {
                match self { $($(Self::$name => $setting,)+)+ }
            }
        }

        $($(#[$group_doc])*
        pub mod $group {
            use crate::config::rate_limits::{LimitedOperation, Operation};

            $(#[doc = $about] pub struct $name;

            impl LimitedOperation for $name {
                const OPERATION: Operation = Operation::$name;
            })+
        })+

        /// The setting of each operation's quota: its name, its default and what it limits.
        pub(super) const SETTINGS: [(&str, &str, &str); Operation::ALL.len()] =
            [$($(($setting, concat!($per_minute, "/minute"), $about),)+)+];
    };
}

operations! {
    /// Operations without an authenticated user as types. They are limited per client network, unless their text names
    /// something else.
    by_client {
        Register = "register" "RATE_LIMIT_REGISTER" 5 "Registrations from one client network";
        Login = "login" "RATE_LIMIT_LOGIN" 5 "Logins from one client network";
        LoginAccount = "login-account" "RATE_LIMIT_LOGIN_ACCOUNT" 30
            "Logins with one e-mail address, from all client networks together";
        Refresh = "refresh" "RATE_LIMIT_REFRESH" 10
            "Refreshes of one session; from one client network if the token names no session";
        ClientToken = "client-token" "RATE_LIMIT_CLIENT_TOKEN" 60
            "Access tokens for service clients, from one client network";
        Revoke = "revoke" "RATE_LIMIT_REVOKE" 10 "Revocations of tokens from one client network";
        VerifyEmail = "verify-email" "RATE_LIMIT_VERIFY_EMAIL" 10
            "Verifications of an address from one client network";
        ResetPassword = "reset-password" "RATE_LIMIT_RESET_PASSWORD" 10
            "Password resets by a link from one client network";
        ConfirmEmail = "confirm-email" "RATE_LIMIT_CONFIRM_EMAIL" 10
            "Changes of address that are confirmed or undone from one client network";
        AcceptInvitation = "accept-invitation" "RATE_LIMIT_ACCEPT_INVITATION" 10
            "Accepted invitations from one client network";
        RequestLetter = "request-letter" "RATE_LIMIT_REQUEST_LETTER" 5
            "Letters that one client network requests: the service accepts further requests, and sends nothing";
        FactorLogin = "factor-login" "RATE_LIMIT_FACTOR_LOGIN" 10
            "Second steps of logins from one client network";
        PasskeyOptions = "passkey-options" "RATE_LIMIT_PASSKEY_OPTIONS" 20
            "Requests to log in with a passkey from one client network";
        PasskeyLogin = "passkey-login" "RATE_LIMIT_PASSKEY_LOGIN" 10
            "Logins with a passkey from one client network";
        KeepFactors = "keep-factors" "RATE_LIMIT_KEEP_FACTORS" 10
            "Cancelled removals of second factors from one client network";
        Authorize = "authorize" "RATE_LIMIT_AUTHORIZE" 120
            "Authorization and logout requests of applications from one client network";
        CodeExchange = "code-exchange" "RATE_LIMIT_CODE_EXCHANGE" 600
            "Exchanges of authorization codes by one client; from one client network for a public client";
        Malformed = "malformed" "RATE_LIMIT_MALFORMED" 600
            "Malformed requests from one client network that count towards no other limit";
    }
    /// Operations of an authenticated caller as types. They are limited per user. Requests without valid credentials
    /// are limited per client network.
    by_user {
        Introspect = "introspect" "RATE_LIMIT_INTROSPECT" 600
            "Introspections of tokens by one service client or user";
        Logout = "logout" "RATE_LIMIT_LOGOUT" 10 "Logouts of one user";
        Me = "me" "RATE_LIMIT_ME" 20 "Reads of the profile by one user";
        UpdateMe = "update-me" "RATE_LIMIT_UPDATE_ME" 10 "Changes of the profile by one user";
        ChangePassword = "change-password" "RATE_LIMIT_CHANGE_PASSWORD" 5 "Password changes by one user";
        StepUp = "step-up" "RATE_LIMIT_STEP_UP" 10 "Step-ups of the sessions of one user";
        Factors = "factors" "RATE_LIMIT_FACTORS" 20 "Lists of second factors by one user";
        ManageFactors = "manage-factors" "RATE_LIMIT_MANAGE_FACTORS" 20
            "Enrolments and changes of second factors by one user";
        DeleteMe = "delete-me" "RATE_LIMIT_DELETE_ME" 5 "Deletions of the account by one user";
        UserInfo = "userinfo" "RATE_LIMIT_USERINFO" 600 "Reads of the claims about one user by applications";
        Grants = "grants" "RATE_LIMIT_GRANTS" 20 "Lists of the applications of one user";
        RevokeGrant = "revoke-grant" "RATE_LIMIT_REVOKE_GRANT" 10 "Withdrawn consents of one user";
        Sessions = "sessions" "RATE_LIMIT_SESSIONS" 20 "Lists of sessions by one user";
        Activity = "activity" "RATE_LIMIT_ACTIVITY" 20 "Lists of the account activity by one user";
        RevokeSession = "revoke-session" "RATE_LIMIT_REVOKE_SESSION" 10 "Revocations of single sessions by one user";
        RevokeSessions = "revoke-sessions" "RATE_LIMIT_REVOKE_SESSIONS" 10
            "Revocations of all other sessions by one user";
        Admin = "admin" "RATE_LIMIT_ADMIN" 60 "Administration by one superuser, all operations together";
    }
}

/// The quotas.
#[derive(Clone, Debug)]
pub struct LimitSettings {
    /// Whether rate limits are enabled.
    pub enabled: bool,
    /// The client networks without limits.
    pub exempt: Vec<IpNet>,
    /// Whether a 429 names the setting of its limit. This helps developers only.
    pub names_setting: bool,
    pub(super) quotas: [Quota; Operation::ALL.len()],
}

impl LimitSettings {
    /// The quota of an operation.
    pub fn quota(&self, operation: Operation) -> Quota {
        self.quotas[operation as usize]
    }

    /// Whether this client has no limits.
    pub fn exempts(&self, client: IpAddr) -> bool {
        self.exempt.iter().any(|network| network.contains(&client))
    }

    /// Sets the quota of an operation.
    pub fn set(&mut self, operation: Operation, quota: Quota) {
        self.quotas[operation as usize] = quota;
    }
}
