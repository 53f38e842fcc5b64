//! The values a configuration holds, each checked when it is read. What is wrong is said in Chinese and English; where
//! it stands is the loader's to add.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;

/// Longest address, in bytes: a delegation card has room for four of this length (protocol, Trust).
pub const ADDRESS_BYTES_MAX: usize = 64;

/// Where a listener stands or a peer is reached: `HOST:PORT`, IPv6 in brackets. At most [`ADDRESS_BYTES_MAX`] bytes,
/// printable ASCII; names are not looked up here.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address {
    host: String,
    port: u16,
}

/// A path under which someone else's proxy mounts the portal: empty, or `/name/...` without a slash at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BasePath(String);

/// A network: `10.0.0.0/8`, `2001:db8::/32`, or a single address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network {
    address: IpAddr,
    /// Leading bits that must agree.
    bits: u8,
}

/// A value that cannot be used, said in both languages.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// Not `HOST:PORT`.
    #[error("应为 主机:端口，例如 203.0.113.5:4701 / expected HOST:PORT, for example 203.0.113.5:4701")]
    Address,
    /// An address that no delegation card could carry.
    #[error("地址最长 {ADDRESS_BYTES_MAX} 字节 / an address has at most {ADDRESS_BYTES_MAX} bytes")]
    AddressTooLong,
    /// An address that only a listener can have.
    #[error(
        "0.0.0.0、[::] 和端口 0 无法拨入，请填实际地址 / nobody can dial 0.0.0.0, [::] or port 0; give the real address"
    )]
    NotDialable,
    /// More addresses than a delegation card has room for.
    #[error("最多 {} 个地址 / at most {} addresses", super::ADDRESSES_MAX, super::ADDRESSES_MAX)]
    TooManyAddresses,
    /// Fewer days than the law allows.
    #[error("审计日志至少保留 180 天，写的是 {0} / the audit log is kept at least 180 days, not {0}")]
    AuditDays(u16),
    /// Not a path prefix.
    #[error("应为空或 /路径，末尾不带斜杠 / expected nothing or /path without a slash at the end")]
    BasePath,
    /// Not a network.
    #[error("应为网段或地址，例如 10.0.0.0/8 / expected a network or an address, for example 10.0.0.0/8")]
    Network,
}

impl Address {
    /// Every interface of this machine.
    pub fn wildcard(port: u16) -> Self {
        Self { host: "0.0.0.0".to_owned(), port }
    }
    /// This machine only.
    pub fn loopback(port: u16) -> Self {
        Self { host: "127.0.0.1".to_owned(), port }
    }
    /// The host: a name, an IPv4 address, or an IPv6 address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }
    /// The port; 0 lets the system choose one and makes sense for listeners only.
    pub const fn port(&self) -> u16 {
        self.port
    }
    /// Whether it stands for every interface, which nobody can dial.
    pub fn is_wildcard(&self) -> bool {
        self.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_unspecified())
    }
    /// Whether someone else can dial it: one machine, one port.
    pub fn is_dialable(&self) -> bool {
        !self.is_wildcard() && self.port != 0
    }
    /// The address, if someone else can dial it.
    ///
    /// # Errors
    /// [`ValueError::NotDialable`].
    pub fn dialable(self) -> Result<Self, ValueError> {
        if self.is_dialable() { Ok(self) } else { Err(ValueError::NotDialable) }
    }
}

impl TryFrom<String> for Address {
    type Error = ValueError;
    fn try_from(text: String) -> Result<Self, ValueError> {
        if text.len() > ADDRESS_BYTES_MAX {
            return Err(ValueError::AddressTooLong);
        }
        let (host, port) = text.rsplit_once(':').ok_or(ValueError::Address)?;
        let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let well_formed = match bracketed {
            Some(inner) => inner.parse::<std::net::Ipv6Addr>().is_ok(),
            None => is_host(host),
        };
        // A sign or a leading zero would parse as well, and would be written back differently.
        let port: u16 =
            port.parse().ok().filter(|n: &u16| n.to_string() == port).ok_or(ValueError::Address)?;
        if !well_formed {
            return Err(ValueError::Address);
        }
        Ok(Self { host: bracketed.unwrap_or(host).to_owned(), port })
    }
}

/// Whether `host` is a DNS name or an IPv4 address. Something of digits and dots must be a real address, because
/// resolvers read `10.1` as 10.0.0.1.
fn is_host(host: &str) -> bool {
    let label = |label: &str| {
        let body = label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        !label.is_empty() && body && !label.starts_with('-') && !label.ends_with('-')
    };
    let numeric = host.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if numeric { host.parse::<std::net::Ipv4Addr>().is_ok() } else { host.split('.').all(label) }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.to_string()
    }
}

impl BasePath {
    /// The prefix, to be put before paths that begin with a slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for BasePath {
    type Error = ValueError;
    fn try_from(text: String) -> Result<Self, ValueError> {
        let segment = |segment: &str| {
            let body = segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~".contains(&b));
            !segment.is_empty() && body && segment != "." && segment != ".."
        };
        let segments = text.strip_prefix('/').map(|rest| rest.split('/').all(segment));
        if text.is_empty() || segments == Some(true) { Ok(Self(text)) } else { Err(ValueError::BasePath) }
    }
}

impl From<BasePath> for String {
    fn from(path: BasePath) -> Self {
        path.0
    }
}

impl Network {
    /// Whether `ip` lies in the network. An IPv4 address that arrives mapped into IPv6 counts as IPv4.
    pub fn contains(&self, ip: IpAddr) -> bool {
        let agree = |a: u128, b: u128, width: u8| match width.saturating_sub(self.bits) {
            shift if u32::from(shift) >= u128::BITS => true,
            shift => (a ^ b) >> shift == 0,
        };
        match (self.address, ip.to_canonical()) {
            (IpAddr::V4(a), IpAddr::V4(b)) => agree(a.to_bits().into(), b.to_bits().into(), 32),
            (IpAddr::V6(a), IpAddr::V6(b)) => agree(a.to_bits(), b.to_bits(), 128),
            _ => false,
        }
    }
}

impl TryFrom<String> for Network {
    type Error = ValueError;
    fn try_from(text: String) -> Result<Self, ValueError> {
        let (address, bits) = text.split_once('/').map_or((text.as_str(), None), |(a, b)| (a, Some(b)));
        let address: IpAddr = address.parse().map_err(|_| ValueError::Network)?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            Some(bits) => bits.parse().map_err(|_| ValueError::Network)?,
            None => width,
        };
        if bits > width { Err(ValueError::Network) } else { Ok(Self { address, bits }) }
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        format!("{}/{}", network.address, network.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Result<Address, ValueError> {
        Address::try_from(text.to_owned())
    }

    #[test]
    fn addresses_are_host_and_port() {
        for good in ["0.0.0.0:4701", "sifa.example.cn:0", "[::1]:4701", "node_1:65535"] {
            assert_eq!(address(good).map(|a| a.to_string()), Ok(good.to_owned()));
        }
        for bad in
            ["", ":1", "4701", "::1:4701", "a b:1", "host:", "host:65536", "host:+1", "host:01", "10.1:80"]
        {
            assert_eq!(address(bad), Err(ValueError::Address), "{bad}");
        }
        for bad in ["[::1:1", "[host]:1", "http://a:1", "-a:1", "a..b:1", "256.0.0.1:1"] {
            assert_eq!(address(bad), Err(ValueError::Address), "{bad}");
        }
        assert_eq!(address(&format!("{}:1", "a".repeat(63))), Err(ValueError::AddressTooLong));
        assert!(address("[::]:1").unwrap().is_wildcard() && address("0.0.0.0:1").unwrap().is_wildcard());
        assert!(!address("localhost:1").unwrap().is_wildcard());
    }

    #[test]
    fn base_paths_have_one_spelling() {
        for (text, good) in
            [("", true), ("/gongshi", true), ("/a/b", true), ("/a/", false), ("a", false), ("/../a", false)]
        {
            assert_eq!(BasePath::try_from(text.to_owned()).is_ok(), good, "{text}");
        }
    }

    #[test]
    fn networks_contain_their_addresses() {
        let within = |network: &str, ip: &str| {
            Network::try_from(network.to_owned()).unwrap().contains(ip.parse().unwrap())
        };
        assert!(within("10.0.0.0/8", "10.9.9.9") && !within("10.0.0.0/8", "11.0.0.0"));
        assert!(within("10.0.0.1", "10.0.0.1") && within("10.0.0.1", "::ffff:10.0.0.1"));
        assert!(
            within("0.0.0.0/0", "8.8.8.8") && within("::/0", "2001:db8::1") && !within("::/0", "8.8.8.8")
        );
        for bad in ["10.0.0.0/33", "10.0.0/8", "host", "10.0.0.0/", ""] {
            assert_eq!(Network::try_from(bad.to_owned()), Err(ValueError::Network), "{bad}");
        }
    }
}
