//! Where a dial may lead (trials.md, attack 35).
//!
//! The operator and whoever stands above this node say where the way up is. A node beside it says where it is itself, in
//! a delegation that others signed unseen: it must not lead us to what listens on this machine or on its wire alone, nor
//! to everybody at once. What counts is the address that is dialled, after the name was resolved. Private networks are
//! where these nodes live, and stay open.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whom an address comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The operator, or a node above: wherever they say.
    Anywhere,
    /// A node beside us: another machine, by way of a router or a cable.
    OtherMachines,
}

impl Reach {
    /// Whether the address may be dialled by a node that listens on `own`. Whoever listens on the loopback alone lives
    /// among nodes of one machine, and only there.
    pub(super) fn allows(self, to: IpAddr, own: Option<IpAddr>) -> bool {
        let to = plain(to);
        let at_home = own.is_some_and(|own| plain(own).is_loopback()) && to.is_loopback();
        self == Self::Anywhere || at_home || is_of_other_machines(to)
    }
}

/// An IPv4 address in whatever IPv6 form it comes: mapped, compatible, or to be translated (RFC 6052).
fn plain(address: IpAddr) -> IpAddr {
    let IpAddr::V6(wide) = address else { return address };
    match wide.segments() {
        [0, 0, 0, 0, 0, 0xffff, a, b] | [0x64, 0xff9b, 0, 0, 0, 0, a, b] => four(a, b),
        // `::` and `::1` are addresses of their own.
        [0, 0, 0, 0, 0, 0, a, b] if a > 0 || b > 1 => four(a, b),
        _ => address,
    }
}

fn four(high: u16, low: u16) -> IpAddr {
    Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)).into()
}

fn is_of_other_machines(address: IpAddr) -> bool {
    !(address.is_loopback() || address.is_unspecified() || address.is_multicast())
        && match address {
            // 0.0.0.0/8 is "this network" (RFC 1122), which some kernels take for themselves.
            IpAddr::V4(four) => !four.is_link_local() && !four.is_broadcast() && four.octets()[0] != 0,
            IpAddr::V6(six) => !six.is_unicast_link_local() && six != METADATA,
        }
}

/// Where clouds that speak IPv6 tell machines their secrets; in IPv4 that is a link-local address.
const METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::ToSocketAddrs as _;

    /// As whoever dials resolves it.
    fn resolved(text: &str) -> Vec<IpAddr> {
        format!("{text}:1").to_socket_addrs().map(|all| all.map(|one| one.ip()).collect()).unwrap_or_default()
    }

    #[test]
    fn attack_35_no_form_of_an_address_leads_a_node_to_itself() {
        let (lan, mut tried) = (Some("10.1.2.3".parse().unwrap()), 0);
        for form in [
            "127.0.0.1",
            "127.0.0.2",
            "127.255.255.254",
            "127.1",
            "127.0.1",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "0177.0.0.1",
            "017700000001",
            "localhost",
            "[::1]",
            "[0:0:0:0:0:0:0:1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::127.0.0.1]",
            "[64:ff9b::127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "0.0.0.0",
            "0",
            "0.0.0.1",
            "[::]",
            "[::ffff:0.0.0.0]",
            "169.254.169.254",
            "2852039166",
            "0xa9fea9fe",
            "[::ffff:169.254.169.254]",
            "[64:ff9b::a9fe:a9fe]",
            "[fd00:ec2::254]",
            "[fe80::1]",
            "[febf::1]",
            "224.0.0.1",
            "239.255.255.255",
            "[ff02::1]",
            "[ff0e::1]",
            "255.255.255.255",
            "[::ffff:255.255.255.255]",
        ] {
            for address in resolved(form) {
                tried += 1;
                assert!(!Reach::OtherMachines.allows(address, lan), "{form} is {address}");
                assert!(!Reach::OtherMachines.allows(address, None), "{form} is {address}");
                assert!(Reach::Anywhere.allows(address, lan), "{form}: the operator may");
            }
        }
        assert!(tried > 30, "{tried} forms were resolved here");
        for form in ["10.0.0.1", "172.16.0.1", "192.168.1.1", "203.0.113.9", "[2001:db8::1]", "[fd12::1]"] {
            for address in resolved(form) {
                assert!(Reach::OtherMachines.allows(address, lan), "{form} is another machine");
            }
        }
        let home = Some("127.0.0.1".parse().unwrap());
        let allows = |to: &str| Reach::OtherMachines.allows(to.parse().unwrap(), home);
        assert!(allows("127.0.0.1") && allows("::1"), "all of them on one machine");
        assert!(!allows("169.254.169.254") && !allows("0.0.0.0"), "and nothing more");
    }
}
