//! Fuzz targets for the parsers of external input. Each target accepts any bytes and panics if an invariant is
//! violated. The fuzzers in `tests/fuzz` run them for as long as the caller wants. The normal test run tries each
//! target with its seeds and with mutations of them.

mod clients;
mod dotenv;
mod keys;
mod passkeys;
mod provider;
mod proxies;
mod requests;
mod service;
mod tokens;
mod values;

/// A fuzz target.
#[derive(Clone, Copy)]
pub struct Target {
    /// The name of the fuzzer and of its folder of seeds.
    pub name: &'static str,
    /// Runs the target with any bytes.
    pub run: fn(&[u8]),
}

/// All fuzz targets.
pub const TARGETS: &[Target] = &[
    Target { name: "address", run: requests::address },
    Target { name: "attestation", run: passkeys::attestation },
    Target { name: "authenticator_data", run: passkeys::authenticator_data },
    Target { name: "authorization_request", run: provider::authorization_request },
    Target { name: "basic", run: requests::basic },
    Target { name: "claims", run: tokens::claims },
    Target { name: "claims_parameter", run: provider::claims_parameter },
    Target { name: "client_assertion", run: clients::client_assertion },
    Target { name: "client_data", run: passkeys::client_data },
    Target { name: "clients_file", run: clients::clients_file },
    Target { name: "cursor", run: requests::cursor },
    Target { name: "dotenv", run: dotenv::dotenv },
    Target { name: "email", run: values::email },
    Target { name: "form", run: requests::form },
    Target { name: "forwarded", run: proxies::forwarded },
    Target { name: "headers", run: requests::headers },
    Target { name: "json", run: requests::json },
    Target { name: "jwk_set", run: clients::jwk_set },
    Target { name: "page_form", run: provider::page_form },
    Target { name: "password", run: values::password },
    Target { name: "pem", run: keys::pem },
    Target { name: "phc", run: values::phc },
    Target { name: "proxy_header", run: proxies::proxy_header },
    Target { name: "redirect_uri", run: provider::redirect_uri },
    Target { name: "scope", run: provider::scope },
    Target { name: "token", run: tokens::token },
    Target { name: "token_header", run: tokens::header },
];

/// Runs the target of this name.
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    (target.unwrap_or_else(|| panic!("no target {name}")).run)(bytes);
}
