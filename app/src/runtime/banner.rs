//! The startup message: addresses, storage, signing key and warnings.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::colour::{self, paint};
use crate::config::{AllowedOrigins, Config, DatabaseTarget, Environment, LogFormat};
use crate::{ephemeral, wiring};

/// The startup message of a service that listens.
pub(crate) struct Banner<'a> {
    pub(crate) config: &'a Config,
    /// The address that it listens on.
    pub(crate) address: SocketAddr,
    /// The id of the key that signs.
    pub(crate) kid: &'a str,
    /// Whether it is an ephemeral test server.
    pub(crate) is_ephemeral: bool,
}

impl Banner<'_> {
    /// Logs the message as events.
    pub(crate) fn log(&self) {
        let Self { config, kid, .. } = self;
        let url = self.url();
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"),
            storage = config.database.target.to_string(),
            tokens = wiring::TOKENS,
            kid,
            issuer = config.token_issuer,
            environment = ?config.environment,
            "{}",
            self.title()
        );
        tracing::info!("documentation: {url}/docs and {url}/redoc");
        for warning in self.warnings() {
            tracing::warn!("{warning}");
        }
        if let Some(hint) = self.hint() {
            tracing::info!("{hint}");
        }
    }

    /// Formats the message as text.
    pub(crate) fn text(&self) -> String {
        let Self { config, kid, is_ephemeral, .. } = self;
        let colours = match is_ephemeral {
            true => colour::wanted(&std::io::stderr()),
            false => colour::wanted(&std::io::stdout()),
        };
        let url = self.url();
        let environment = match config.environment {
            Environment::Development => "development",
            Environment::Production => "production",
        };
        let key = match is_ephemeral {
            true => format!("{kid}, a published test key"),
            false => format!("{kid} in {}", config.keys.private.display()),
        };
        let mut lines = vec![
            ("docs", format!("{url}/docs to try it, {url}/redoc to read it")),
            ("issuer", config.token_issuer.clone()),
            ("storage", config.database.target.to_string()),
            ("key", key),
            ("build", format!("{}, {environment}, tokens by {}", env!("CARGO_PKG_VERSION"), wiring::TOKENS)),
        ];
        if *is_ephemeral {
            let people = ephemeral::SEEDS.map(|seed| match seed.totp_secret {
                None => format!("{} ({})", seed.email, seed.password),
                Some(secret) => format!("{} ({}, TOTP secret {secret})", seed.email, seed.password),
            });
            lines.push(("users", people.join("\n             ")));
            let clients = ephemeral::CLIENTS.map(|client| match client.secret {
                None => format!("{} (public)", client.id),
                Some(secret) => format!("{} ({secret})", client.id),
            });
            lines.push(("clients", clients.join("\n             ")));
            lines.push(("page", format!("{url}/ephemeral with users, clients and redirect URIs")));
        }
        lines.extend(self.hint().map(|hint| ("note", hint)));
        let title = paint(colours, colour::STRONG, &self.title());
        let mut text = format!("\n  {title}\n\n");
        for (name, value) in lines {
            text += &format!("  {} {value}\n", paint(colours, colour::LABEL, &format!("{name:<9} ")));
        }
        for warning in self.warnings() {
            text += &format!("  {} {warning}\n", paint(colours, colour::WARNING, "warning   "));
        }
        text.push('\n');
        text
    }

    fn title(&self) -> String {
        let Self { config, address, .. } = self;
        let listening = format!("{} is listening on {}://{address}", config.project_name, config.scheme());
        // A browser cannot open the unspecified address.
        match address.ip().is_unspecified() {
            true => format!("{listening} (all interfaces), here: {}", self.url()),
            false => listening,
        }
    }

    /// The URL for a browser on this machine.
    fn url(&self) -> String {
        format!("{}://{}", self.config.scheme(), reachable(self.address))
    }

    /// Warnings about unsafe settings. An ephemeral service warns only about being one, because its unsafe settings are
    /// intended.
    fn warnings(&self) -> Vec<String> {
        let Self { config, address, is_ephemeral, .. } = self;
        if *is_ephemeral {
            let mut warnings = vec![
                "for tests only: its key and its passwords are published, and it stores nothing on disk"
                    .to_owned(),
            ];
            if !address.ip().is_loopback() {
                warnings.push(
                    "other machines can reach it: never trust its tokens outside of tests, anyone can make them"
                        .to_owned(),
                );
            }
            return warnings;
        }
        let mut warnings = Vec::new();
        let mut warn = |is_so: bool, text: &str| {
            if is_so {
                warnings.push(text.to_owned());
            }
        };
        warn(
            matches!(config.database.target, DatabaseTarget::Memory),
            "DATABASE_URL is memory: all users and sessions are lost when the service stops",
        );
        warn(
            !config.limits.enabled,
            "RATE_LIMIT_ENABLED is false: attackers can guess passwords as fast as the service hashes them",
        );
        warn(
            !config.argon2.is_recommended(),
            "ARGON2_MEMORY_KIB, ARGON2_ITERATIONS: below the OWASP minimum, so stolen hashes are cheap to crack",
        );
        warn(
            config.cors == AllowedOrigins::Any,
            "CORS_ALLOWED_ORIGINS is *: scripts of every web page may read responses",
        );
        let is_called_from_afar = !address.ip().is_loopback() || !config.trusted_proxies.is_empty();
        let is_production = config.environment == Environment::Production;
        warn(
            (is_called_from_afar || is_production) && config.default_urls.public_url,
            "PUBLIC_URL is not set: links and metadata contain an address that only this machine can reach",
        );
        warn(
            config.environment == Environment::Development && !address.ip().is_loopback(),
            "other machines can reach it in ENVIRONMENT=development, which generates missing keys",
        );
        warnings
    }

    /// A hint that is no warning.
    fn hint(&self) -> Option<String> {
        let production = self.config.environment == Environment::Production;
        let plain = production && self.config.tls.is_none() && !self.address.ip().is_loopback();
        match self.config.log_format {
            _ if self.is_ephemeral => None,
            _ if plain => Some("plain HTTP: put a proxy with TLS in front of it".to_owned()),
            LogFormat::Pretty if !production => Some("`inwren config check` shows all settings".to_owned()),
            _ => None,
        }
    }
}

/// An address at which this machine reaches the service. The unspecified address becomes the loopback address.
pub(crate) fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}
