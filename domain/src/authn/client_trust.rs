//! Client trust: decides which clients are served first when there are more password checks than the machine can do.

use std::net::IpAddr;

use crate::credential::ClientTrust;
use crate::kernel::{ClientInfo, ClientNetwork};

/// How many of an account's newest sessions are considered.
pub const REMEMBERED_SESSIONS: u16 = 32;

/// Returns whether a client is recognised: it names an account for which sessions started from `addresses`, and comes
/// from the network of one of them.
pub fn of(client: &ClientInfo, addresses: &[IpAddr]) -> ClientTrust {
    let Some(network) = client.network() else { return ClientTrust::Unrecognised };
    if addresses.iter().any(|known| ClientNetwork::of(*known) == network) {
        ClientTrust::Recognised
    } else {
        ClientTrust::Unrecognised
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_from_a_known_network_is_recognised() {
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let client = |text| ClientInfo::new(Some(address(text)), None);
        let before = [address("192.0.2.1"), address("2001:db8:1:2::1")];
        assert_eq!(of(&client("192.0.2.1"), &before), ClientTrust::Recognised);
        assert_eq!(of(&client("2001:db8:1:2::abcd"), &before), ClientTrust::Recognised);
        assert_eq!(of(&client("192.0.2.2"), &before), ClientTrust::Unrecognised);
        assert_eq!(of(&client("2001:db8:1:3::1"), &before), ClientTrust::Unrecognised);
        assert_eq!(of(&client("192.0.2.1"), &[]), ClientTrust::Unrecognised);
        assert_eq!(of(&ClientInfo::default(), &before), ClientTrust::Unrecognised);
    }
}
