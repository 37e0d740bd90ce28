use std::fmt;
use std::net::IpAddr;

use lettre::transport::smtp::authentication::Credentials;
use percent_encoding::percent_decode_str;

/// Address, encryption and credentials of a mail server.
#[derive(Clone)]
pub struct SmtpTarget {
    pub(super) encryption: Encryption,
    /// A name or an address, without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) credentials: Option<Credentials>,
}

/// How the connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encryption {
    /// TLS from the first byte (RFC 8314).
    Tls,
    /// STARTTLS (RFC 3207). A server that does not offer it is refused.
    StartTls,
    /// None.
    Plain,
}

/// Why an SMTP URL cannot be used. The message repeats no part of the URL, which may contain a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SmtpTargetError {
    /// The URL has another form.
    #[error("is not smtps://[USER:PASSWORD@]HOST[:PORT], or smtp+starttls:// or smtp:// for the others")]
    Url,
    /// It has a path, parameters or a fragment. An unescaped `/`, `?` or `#` in a password counts as one.
    #[error("has a /, ? or # after the host; in a password they are written %2F, %3F and %23")]
    Extra,
    /// Letters and passwords would cross a network in plaintext.
    #[error("has no encryption: smtp:// is for localhost only; take smtps:// or smtp+starttls://")]
    NotEncrypted,
    /// The TLS library cannot be used.
    #[error("cannot be used: TLS cannot be set up")]
    Tls,
}

impl SmtpTarget {
    /// Parses `smtps://` (default port 465), `smtp+starttls://` (587) and, for a loopback address, `smtp://` (25). User and
    /// password are percent-encoded.
    pub fn parse(url: &str) -> Result<Self, SmtpTargetError> {
        let (scheme, rest) = url.split_once("://").ok_or(SmtpTargetError::Url)?;
        let (encryption, default_port) = match scheme {
            "smtps" => (Encryption::Tls, 465),
            "smtp+starttls" => (Encryption::StartTls, 587),
            "smtp" => (Encryption::Plain, 25),
            _ => return Err(SmtpTargetError::Url),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['/', '?', '#']) {
            return Err(SmtpTargetError::Extra);
        }
        let (user, address) = match rest.rsplit_once('@') {
            Some((user, address)) => (Some(user), address),
            None => (None, rest),
        };
        let credentials = user.map(credentials).transpose()?;
        let (host, port) = host_and_port(address)?;
        let port = port.unwrap_or(default_port);
        let is_loopback =
            || host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
        if encryption == Encryption::Plain && !is_loopback() {
            return Err(SmtpTargetError::NotEncrypted);
        }
        Ok(Self { encryption, host: host.to_owned(), port, credentials })
    }
}

fn credentials(text: &str) -> Result<Credentials, SmtpTargetError> {
    let (user, password) = text.split_once(':').ok_or(SmtpTargetError::Url)?;
    let decoded = |text| percent_decode_str(text).decode_utf8().map_err(|_| SmtpTargetError::Url);
    let (user, password) = (decoded(user)?, decoded(password)?);
    // SASL PLAIN separates its fields by NUL (RFC 4616).
    if user.is_empty() || user.contains('\0') || password.contains('\0') {
        return Err(SmtpTargetError::Url);
    }
    Ok(Credentials::new(user.into_owned(), password.into_owned()))
}

fn host_and_port(text: &str) -> Result<(&str, Option<u16>), SmtpTargetError> {
    let (host, port) = match text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        Some((host, port)) => {
            host.parse::<std::net::Ipv6Addr>().map_err(|_| SmtpTargetError::Url)?;
            (host, port)
        }
        None => {
            let (host, port) = text.split_at(text.find(':').unwrap_or(text.len()));
            let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
            if host.is_empty() || !host.chars().all(is_name) {
                return Err(SmtpTargetError::Url);
            }
            (host, port)
        }
    };
    if port.is_empty() {
        return Ok((host, None));
    }
    let port: Option<u16> = port.strip_prefix(':').and_then(|port| port.parse().ok());
    port.filter(|port| *port != 0).map(|port| (host, Some(port))).ok_or(SmtpTargetError::Url)
}

/// The address without credentials.
impl fmt::Display for SmtpTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.encryption {
            Encryption::Tls => "smtps",
            Encryption::StartTls => "smtp+starttls",
            Encryption::Plain => "smtp",
        };
        let Self { host, port, .. } = self;
        if host.contains(':') {
            write!(f, "{scheme}://[{host}]:{port}")
        } else {
            write!(f, "{scheme}://{host}:{port}")
        }
    }
}

impl fmt::Debug for SmtpTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SmtpTarget({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_server_and_credentials() {
        for (url, shown, has_credentials) in [
            ("smtps://ann:s%40fe%3F@mail.example.org", "smtps://mail.example.org:465", true),
            (
                "smtp+starttls://a@b.example:p:w@mail.example.org:2525",
                "smtp+starttls://mail.example.org:2525",
                true,
            ),
            ("smtp+starttls://mail.example.org/", "smtp+starttls://mail.example.org:587", false),
            ("smtp://localhost:1025", "smtp://localhost:1025", false),
            ("smtp://127.0.0.1", "smtp://127.0.0.1:25", false),
            ("smtp://[::1]:1025", "smtp://[::1]:1025", false),
        ] {
            let target = SmtpTarget::parse(url).unwrap();
            assert_eq!(target.to_string(), shown);
            assert_eq!(format!("{target:?}"), format!("SmtpTarget({shown})"));
            assert_eq!(target.credentials.is_some(), has_credentials, "{url}");
        }
        let target = SmtpTarget::parse("smtps://ann:s%40fe%3F@mail.example.org").unwrap();
        assert_eq!(target.credentials, Some(Credentials::new("ann".to_owned(), "s@fe?".to_owned())));
    }

    #[test]
    fn invalid_urls_are_refused() {
        for url in [
            "",
            "mail.example.org",
            "http://mail.example.org",
            "smtps://",
            "smtps://ann@mail.example.org",
            "smtps://:secret@mail.example.org",
            "smtps://a%00b:c@mail.example.org",
            "smtps://%ff:c@mail.example.org",
            "smtps://mail.example.org:0",
            "smtps://mail.example.org:99999",
            "smtps://mail example.org",
            "smtps://[mail]:465",
            "smtps://::1",
        ] {
            assert_eq!(SmtpTarget::parse(url).err(), Some(SmtpTargetError::Url), "{url}");
        }
        for url in
            ["smtps://mail.example.org/x", "smtps://mail.example.org?tls=no", "smtps://a:p#w@b.example"]
        {
            assert_eq!(SmtpTarget::parse(url).err(), Some(SmtpTargetError::Extra), "{url}");
        }
        for url in ["smtp://mail.example.org", "smtp://10.0.0.1", "smtp://localhost.example.org"] {
            assert_eq!(SmtpTarget::parse(url).err(), Some(SmtpTargetError::NotEncrypted), "{url}");
        }
    }
}
