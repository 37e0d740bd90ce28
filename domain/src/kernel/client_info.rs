use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The address and user agent of the client that made a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientInfo {
    /// The address, from the socket or from a trusted proxy.
    pub ip_address: Option<IpAddr>,
    /// The `User-Agent` header, without control characters and at most [`ClientInfo::MAX_USER_AGENT_CHARS`] long.
    pub user_agent: Option<String>,
}

impl ClientInfo {
    /// Maximum number of characters kept of a `User-Agent` header.
    pub const MAX_USER_AGENT_CHARS: usize = 256;

    /// Removes control characters from the `User-Agent` header and truncates it, so that it can be stored and shown.
    pub fn new(ip_address: Option<IpAddr>, user_agent: Option<&str>) -> Self {
        let clean = |text: &str| -> String {
            text.chars().filter(|c| !c.is_control()).take(Self::MAX_USER_AGENT_CHARS).collect()
        };
        Self { ip_address, user_agent: user_agent.map(clean).filter(|text| !text.is_empty()) }
    }

    /// The client's network, if the address is known. Shares of scarce resources are per network.
    pub fn network(&self) -> Option<ClientNetwork> {
        self.ip_address.map(ClientNetwork::of)
    }
}

/// The unit that shares of a resource are measured by: one IPv4 address, or one /64 network of IPv6, which is the
/// smallest that a provider assigns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientNetwork(IpAddr);

impl ClientNetwork {
    /// Returns the network of this address. An IPv4-mapped IPv6 address counts as the IPv4 address.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self(v4.into()),
            IpAddr::V6(v6) => {
                let [a, b, c, d, ..] = v6.segments();
                Self(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into())
            }
        }
    }

    /// Returns the address block that contains the network.
    pub fn block(self) -> AddressBlock {
        match self.0 {
            IpAddr::V4(v4) => AddressBlock(AddressBlock::IPV4 | u64::from(v4.to_bits() >> 8)),
            IpAddr::V6(v6) => {
                let [a, b, c, ..] = v6.segments();
                AddressBlock(u64::from(a) << 32 | u64::from(b) << 16 | u64::from(c))
            }
        }
    }
}

/// An address block that one customer may hold with all its networks: an IPv4 /24, or an IPv6 /48 (RFC 6177), which has
/// 65,536 networks. When a resource is scarce, blocks take turns first, then the networks within a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AddressBlock(u64);

impl AddressBlock {
    /// Marks IPv4 blocks. An IPv6 block is a prefix of 48 bits.
    const IPV4: u64 = 1 << 63;
}

/// The block of a client without an address.
impl Default for AddressBlock {
    fn default() -> Self {
        ClientNetwork::default().block()
    }
}

/// The network of a client without an address.
impl Default for ClientNetwork {
    fn default() -> Self {
        Self(Ipv4Addr::UNSPECIFIED.into())
    }
}

impl fmt::Display for ClientNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(v4) => v4.fmt(f),
            IpAddr::V6(v6) => write!(f, "{v6}/64"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_customer_is_one_client() {
        let network = |text: &str| ClientNetwork::of(text.parse().unwrap());
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
        assert_eq!(network("2001:db8:1:2::1").to_string(), "2001:db8:1:2::/64");
        assert_eq!(network("192.0.2.1").to_string(), "192.0.2.1");
    }

    #[test]
    fn networks_of_one_customer_share_a_block() {
        let block = |text: &str| ClientNetwork::of(text.parse().unwrap()).block();
        assert_eq!(block("2001:db8:1:2::1"), block("2001:db8:1:ffff::1"));
        assert_ne!(block("2001:db8:1:2::1"), block("2001:db8:2:2::1"));
        assert_eq!(block("192.0.2.1"), block("192.0.2.255"));
        assert_eq!(block("192.0.2.1"), block("::ffff:192.0.2.1"));
        assert_ne!(block("192.0.2.1"), block("192.0.3.1"));
        assert_ne!(block("192.0.2.1"), block("::c0:2:1"));
    }
}
