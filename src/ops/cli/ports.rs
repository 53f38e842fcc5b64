//! Loopback ports of the demo.

use super::UNREACHABLE;
use crate::ops::service::Failure;
use std::net::{TcpListener, UdpSocket};

/// First of the ports the demo prefers; taken ones are replaced by free ones.
pub(super) const PORT: u16 = 17_330;
/// Ports from which none are taken: there the system's own range may begin.
const PORT_END: u16 = 32_000;
/// Ports in a block: three for each node, the claim, and a few to pass over.
const PORT_BLOCK: u16 = 20;

/// Loopback ports of one demo: a block whose first port is held as its claim, so that demos started at the same
/// moment do not find the same ports free.
pub(super) struct Ports {
    _claim: TcpListener,
    next: u16,
    end: u16,
}

impl Ports {
    pub(super) fn claim(first: u16) -> Result<Self, Failure> {
        for block in (first..PORT_END).step_by(usize::from(PORT_BLOCK)) {
            if let Ok(claim) = TcpListener::bind(("127.0.0.1", block)) {
                return Ok(Self { _claim: claim, next: block + 1, end: block + PORT_BLOCK });
            }
        }
        Err(Failure::new(UNREACHABLE, "no_free_port", "本机没有空闲端口 / no free port on this machine"))
    }

    /// A loopback address that nothing listens on.
    pub(super) fn free(&mut self, udp: bool) -> Result<String, Failure> {
        loop {
            if self.next == self.end {
                *self = Self::claim(self.end)?;
            }
            let address = format!("127.0.0.1:{}", self.next);
            self.next += 1;
            let free =
                if udp { UdpSocket::bind(&address).is_ok() } else { TcpListener::bind(&address).is_ok() };
            if free {
                return Ok(address);
            }
        }
    }
}
