//! Settings of requests to other services.

use ipnet::IpNet;

use super::source::Source;
use super::value;

/// Reads the networks that outbound requests may reach although they are not public.
pub(super) fn allowed(source: &mut Source) -> Option<Vec<IpNet>> {
    source.parse("OUTBOUND_ALLOW", value::networks)
}
