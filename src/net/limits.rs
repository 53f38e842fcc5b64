//! Every bound of the QUIC edge, each with its unit and its reason. What a peer can make this node hold or do
//! before and after it is known follows from this page alone; nothing here is configurable.

use std::time::Duration;

/// The one protocol that is spoken; another version is another name, never a negotiation (trials.md 28).
pub const ALPN: &[u8] = b"gongshi/1";

/// The one version of QUIC that is spoken (RFC 9000).
pub const QUIC_VERSION: u32 = 1;

/// Bytes of one frame from a known peer. A pack of 256 statements with cards is 1.1 MB and a body chunk
/// 64 KiB; 16 MiB leaves room for packs of bodies and still is a fraction of a node's memory.
pub const FRAME_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Bytes of one frame from a stranger: a join request with its chain fits, nothing else needs to
/// (protocol.md, Trust).
pub const STRANGER_FRAME_BYTES_MAX: usize = 4 * 1024;

/// Bytes that a stranger may send in all, length prefixes included: a join is three or four frames.
pub const STRANGER_BYTES_MAX: u64 = 16 * 1024;

/// How long a stranger is kept unless it is promoted: enough for one request over a bad line.
pub const STRANGER_LIFETIME: Duration = Duration::from_secs(5);

/// Connections of strangers at once. Enrolment is an act of people, a handful a day; 64 x 16 KiB is nothing.
pub const STRANGERS_MAX: usize = 64;

/// Connections of strangers at once from one IPv4 address or IPv6 /64: one machine with many keys must not
/// take every place from honest joiners.
pub const STRANGERS_PER_SOURCE_MAX: usize = 16;

/// Bytes that a body buffer starts with; beyond it memory grows only with what arrived (trials.md 36).
pub const FRAME_ALLOCATION_BYTES_MIN: usize = 64 * 1024;

/// Bytes queued for one connection that the peer has not taken yet: two of the largest frames. A peer that
/// lets more than this gather is too slow and is cut off; it resumes where it was (protocol.md, Failure cases).
pub const SEND_QUEUE_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Frames queued for one connection: bounds the overhead of many tiny frames, 64 bytes each.
pub const SEND_QUEUE_FRAMES_MAX: usize = 65_536;

/// Bytes that the writer hands to the transport in one go: large enough that locks and wake-ups cost nothing
/// beside the copy, small enough to keep little beside the queue.
pub const WRITE_BATCH_BYTES: usize = 256 * 1024;

/// A frame of at most this many bytes is copied beside its neighbours; a larger one is passed on as it is.
/// A packet carries 1,200 to 1,452 bytes, so a chunk of its own must be several packets to be worth it.
pub const COALESCE_BYTES_MAX: usize = 16 * 1024;

/// Chunks that the reader takes from the transport under one lock: 32 packets, two bursts of the kernel.
pub const READ_CHUNKS: usize = 32;

/// How long a handshake may take, dialling each address or accepting, and how long an accepted peer may take
/// to open its session stream: three losses of the first packet (0.45 + 0.9 + 1.8 s) and a
/// slow line.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long resolving a host name may take: the resolver's own first timeout.
pub const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5);

/// Addresses of one host name that are tried: a delegation carries at most four.
pub const DIAL_ADDRESSES_MAX: usize = 4;

/// Accepted handshakes under way above which a source must first prove its address (RFC 9000 §8.1.2): every
/// handshake costs a signature and 10 KiB or so, and the answer to a spoofed source would hit somebody else.
pub const HANDSHAKES_RETRY_MIN: usize = 64;

/// Accepted handshakes under way, in all: the January rush is 1,700 children at once, in waves of redials;
/// those refused here come again within half a second.
pub const HANDSHAKES_MAX: usize = 1_024;

/// First packets that wait for the accept loop: it only hands over, so these are bursts of milliseconds.
pub const INCOMING_MAX: usize = 1_024;

/// Bytes of early packets kept for one connection that waits for the accept loop: there is no 0-RTT, so only
/// the rest of a ClientHello.
pub const INCOMING_BYTES_MAX: u64 = 16 * 1024;

/// The same for all waiting connections together.
pub const INCOMING_BYTES_TOTAL_MAX: u64 = 4 * 1024 * 1024;

/// The round trip that a dialler assumes before it has measured one: a first packet that is lost goes out again
/// after 0.45 s instead of the usual 1 s. Lines of a province are shorter, and a wrong guess costs one packet.
pub const INITIAL_RTT: Duration = Duration::from_millis(150);

/// Dialler's period of keep-alives: a third of the idle timeout, and below the 30 s after which common NATs
/// forget a UDP mapping. Only the dialler sends them: it is the side behind the NAT.
pub const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Silence after which a connection is dead, in milliseconds (RFC 9308 §3.2 recommends 30 s).
pub const IDLE_TIMEOUT_MS: u32 = 30_000;

/// Bytes that a known peer may have in flight or unread here. 1 MiB gives 35 MB/s over a 30 ms line and the
/// full speed of a loopback (bulk test in this module), while 500 stalled peers cost at most 512 MiB.
pub const RECEIVE_WINDOW_BYTES: u32 = 1024 * 1024;

/// Bytes in flight or unread of a connection that is not yet known to be a peer's.
pub const STRANGER_WINDOW_BYTES: u32 = 16 * 1024;

/// Bytes sent and not yet acknowledged for one connection: the peer's window plus one being acknowledged.
pub const SEND_WINDOW_BYTES: u64 = 2 * 1024 * 1024;

/// Bytes asked of the kernel for each direction of the socket; it grants at most `net.core.rmem_max`. 1,700
/// children that speak at once send 2 MB in a millisecond, and the default of 208 KiB would drop most of it.
pub const SOCKET_BUFFER_BYTES: usize = 4 * 1024 * 1024;

/// How long a peer may take, in the middle of a frame, to bring or to take [`PROGRESS_BYTES`]: twice the silence after
/// which it would be dead, since a peer that keeps the line alive may be busy itself.
pub const STALL_TIMEOUT: Duration = Duration::from_secs(60);

/// Bytes that must move within [`STALL_TIMEOUT`]: 68 bytes a second, a fifteenth of the slowest rate that can be
/// configured.
pub const PROGRESS_BYTES: usize = 4 * 1024;

/// How long `close` waits for the peer to take what was queued before it.
pub const CLOSE_FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// How long `shutdown` waits for connections to say goodbye; after it the peers find out by a stateless reset.
pub const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);

/// Bytes of a peer's reason text that are kept: it goes to logs and to nobody else.
pub const REASON_BYTES_MAX: usize = 256;

/// At most one warning of a kind in this time; the rest are counted and told with the next.
pub const WARNING_INTERVAL: Duration = Duration::from_secs(10);
