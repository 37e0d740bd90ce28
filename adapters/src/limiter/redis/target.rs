use std::fmt;

use redis::io::tcp::TcpSettings;
use redis::{Client, ConnectionAddr, ConnectionInfo, TlsCertificates};

use crate::pem;

/// Address, credentials and TLS settings of a Redis server.
#[derive(Clone)]
pub struct RedisTarget(Client);

/// Why a Redis URL or certificate cannot be used. The message repeats no part of the URL, which may contain a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedisTargetError {
    /// The URL has another form.
    #[error("is not redis://[USER:PASSWORD@]HOST[:PORT][/NUMBER], or rediss:// for TLS")]
    Url,
    /// It has parameters or a fragment, which the client would ignore or which would disable certificate checks.
    #[error("has something after the number of the database, which it may not have")]
    Extra,
    /// A certificate authority is set for a connection without encryption.
    #[error("names an authority, but the URL is not rediss://")]
    NotEncrypted,
    /// There is no certificate in PEM.
    #[error("has no certificate in PEM")]
    NoCertificate,
}

impl RedisTarget {
    /// Parses `redis://` and `rediss://` URLs: a user and a password, percent-encoded, a host, a port (default 6379),
    /// and the number of the database (default 0).
    pub fn parse(url: &str) -> Result<Self, RedisTargetError> {
        if !url.starts_with("redis://") && !url.starts_with("rediss://") {
            return Err(RedisTargetError::Url);
        }
        if url.contains(['?', '#']) {
            return Err(RedisTargetError::Extra);
        }
        let info: ConnectionInfo = url.parse().map_err(|_| RedisTargetError::Url)?;
        if info.redis_settings().db() < 0 {
            return Err(RedisTargetError::Url);
        }
        let redis = info.redis_settings().clone().set_skip_set_lib_name();
        // The script is smaller than a packet, so waiting for more data (Nagle's algorithm) only costs time.
        let tcp = TcpSettings::default().set_nodelay(true);
        let info = info.set_redis_settings(redis).set_tcp_settings(tcp);
        Client::open(info).map(Self).map_err(|_| RedisTargetError::Url)
    }

    /// Returns the target with these certificate authorities (PEM) instead of those that browsers trust.
    pub fn trusting(self, authorities: &[u8]) -> Result<Self, RedisTargetError> {
        let info = self.0.get_connection_info().clone();
        if !matches!(info.addr(), ConnectionAddr::TcpTls { .. }) {
            return Err(RedisTargetError::NotEncrypted);
        }
        // The client ignores what it cannot read, such as a certificate behind a byte order mark.
        let pem = pem::certificates_only(&String::from_utf8_lossy(authorities));
        let pem = pem.filter(|pem| !pem.is_empty()).ok_or(RedisTargetError::NoCertificate)?;
        let certificates = TlsCertificates { client_tls: None, root_cert: Some(pem.into_bytes()) };
        Client::build_with_tls(info, certificates).map(Self).map_err(|_| RedisTargetError::NoCertificate)
    }

    pub(super) fn client(&self) -> &Client {
        &self.0
    }
}

/// The address without credentials.
impl fmt::Display for RedisTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let info = self.0.get_connection_info();
        let scheme = if matches!(info.addr(), ConnectionAddr::TcpTls { .. }) { "rediss" } else { "redis" };
        write!(f, "{scheme}://{}/{}", info.addr(), info.redis_settings().db())
    }
}

impl fmt::Debug for RedisTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisTarget({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_host_user_password_and_number() {
        let target = RedisTarget::parse("redis://ann:s%40fe%3F@db.example:6380/3").unwrap();
        let settings = target.client().get_connection_info().redis_settings().clone();
        assert_eq!(
            (settings.username(), settings.password(), settings.db()),
            (Some("ann"), Some("s@fe?"), 3)
        );
        assert_eq!(target.to_string(), "redis://db.example:6380/3");
        assert_eq!(format!("{target:?}"), "RedisTarget(redis://db.example:6380/3)");
        let plain = RedisTarget::parse("rediss://:secret@db.example").unwrap();
        assert_eq!(plain.to_string(), "rediss://db.example:6379/0");
        assert_eq!(plain.client().get_connection_info().redis_settings().username(), None);
    }

    #[test]
    fn what_would_be_passed_over_is_refused() {
        for url in
            ["", "db.example", "http://db", "redis://", "redis://db/x", "redis://db/-1", "unix:///tmp/x"]
        {
            assert_eq!(RedisTarget::parse(url).err(), Some(RedisTargetError::Url), "{url}");
        }
        for url in ["rediss://db/0#insecure", "redis://db?db=1", "redis://:p?w@db"] {
            assert_eq!(RedisTarget::parse(url).err(), Some(RedisTargetError::Extra), "{url}");
        }
    }

    #[test]
    fn an_authority_is_for_tls_and_has_a_certificate() {
        let trusting = |url, pem: &[u8]| RedisTarget::parse(url).unwrap().trusting(pem).err();
        assert_eq!(trusting("redis://db", b""), Some(RedisTargetError::NotEncrypted));
        assert_eq!(trusting("rediss://db", b"no"), Some(RedisTargetError::NoCertificate));
        let broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert_eq!(trusting("rediss://db", broken), Some(RedisTargetError::NoCertificate));
    }
}
