//! Every bound of the protocol, with its unit and its reason.

/// Most entries or leaves in one pack: enough that a signature check, not a frame, is the unit of work; small
/// enough that a cut link repeats little.
pub const PACK_COUNT_MAX: usize = 256;
/// A pack is closed once it holds this many bytes, so that one large report does not hold up the next session
/// frame for long. One entry is always sent.
pub const PACK_BYTES_TARGET: usize = 1 << 20;
/// Packs in flight per direction and session before an answer is awaited: keeps a fast link busy and bounds what
/// a receiver must buffer to a few MiB.
pub const PACKS_IN_FLIGHT_MAX: u64 = 4;
/// Longest body carried with its statement, in bytes of content. Real reports have a few KB; attachments do
/// not travel this way.
pub const BODY_BYTES_MAX: u64 = 8 << 20;
/// Longest content of all bodies carried with one statement, in bytes: a package at its longest and prose beside it. With
/// it no statement fills a frame, whatever it compresses to, and whoever takes one can pass it on.
pub const CARRIED_BYTES_MAX: u64 = 12 << 20;
/// Longest attachment, in bytes of content: a scanned report of some hundred pages. Its leaf hashes are 50 KiB.
pub const ATTACHMENT_BYTES_MAX: u64 = 100 << 20;
/// Chunks of one body asked for and not yet here: 256 KiB keep a line of 30 ms at 8 MB/s, and are what a statement waits
/// behind at most.
pub const CHUNKS_IN_FLIGHT_MAX: u32 = 4;
/// Chunks that one neighbour may be waiting for; what it asks beyond is not heard, and it asks again.
pub const WANTS_COUNT_MAX: usize = 32;
/// A neighbour that sends nothing of a body for so long is given up, in milliseconds: a chunk over a line of 1 KB/s takes
/// a minute.
pub const FETCH_STALL_MS: u64 = 120_000;
/// Shortest and longest pause before neighbours that lack a body are asked again, in milliseconds.
pub const FETCH_RETRY_MS: (u64, u64) = (10_000, 600_000);
/// Rounds after which a body that only somebody here asked for is given up.
pub const FETCH_DEMAND_TRIES: u32 = 3;
/// Longest signed note accepted, in bytes: a checkpoint with cosignatures of five levels is under 2 KiB.
pub const NOTE_BYTES_MAX: usize = 64 << 10;
/// Longest frame in bytes: one body at its longest, and a pack around it.
pub const FRAME_BYTES_MAX: usize = 16 << 20;
/// Most delegations and rotations in a presented chain: five delegations make the longest one, and what a receiver does
/// not know yet of rotations is the newest of them. Each costs three signatures to verify.
pub const CHAIN_COUNT_MAX: usize = 16;
/// Checkpoint sizes whose view roots are kept to compare with attestations of the same size.
pub const VIEW_HISTORY_COUNT: usize = 1024;
/// Least time between two attestations of a node, in milliseconds.
pub const ATTEST_MS_MIN: u64 = 1_000;
/// The root renews its timestamped cosignature after this much idle time, in milliseconds: the age every view shows.
pub const RENEW_MS: u64 = 600_000;
/// Shortest and longest pause before redialling, in milliseconds, during the first ten minutes.
pub const REDIAL_MS: (u64, u64) = (50, 500);
/// Pause before redialling after ten minutes without the parent, and the longest before one that turned us away is
/// asked again, in milliseconds.
pub const REDIAL_LATER_MS: u64 = 30_000;
/// How long the parent is waited for with short pauses, in milliseconds (ten minutes); then they grow, and another
/// ancestor is used beside it.
pub const OTHER_PATH_AFTER_MS: u64 = 600_000;
/// What has a receipt is missed when the root log goes on this much later without it, in milliseconds: levels agree
/// within a minute of any restart.
pub const SWALLOWED_AFTER_MS: u64 = 60_000;
/// Without a newer cosignature of the root for so long its log is stale, in milliseconds: two renewals and a half.
pub const STALE_AFTER_MS: u64 = RENEW_MS * 5 / 2;
/// How long a node below has to show the larger root log that it claims to hold, in milliseconds.
pub const CLAIM_WITHIN_MS: u64 = 60_000;
/// When whoever brings something to a full disk comes again, in milliseconds.
pub const RETRY_AFTER_MS: u64 = 10_000;
/// Longest pause that a neighbour may ask for, in milliseconds.
pub const RETRY_AFTER_MS_MAX: u64 = 600_000;
/// How often a full disk is looked at, in milliseconds.
pub const ROOM_LOOK_MS: u64 = 2_000;
/// How many nodes beside this one are compared with in each period: one apart from us up to the root, one of any.
pub const LATERAL_COUNT: usize = 2;
/// How often a root that was promoted on another transport key dials the children that have not found it, in milliseconds.
pub const CALL_MS: u64 = 10_000;
/// Most pieces of evidence kept of one root: one convicts it.
pub const EVIDENCE_COUNT_MAX: usize = 16;
/// Longest life of an invitation, in milliseconds (72 h).
pub const INVITE_MS_MAX: u64 = 72 * 3_600_000;
/// Life of an invitation when none is said, in milliseconds (24 h).
pub const INVITE_MS: u64 = 24 * 3_600_000;
/// Most open invitations of a node.
pub const INVITE_COUNT_MAX: usize = 4096;
/// Validity of a delegation below the root when none is said, in milliseconds (five years).
pub const DELEGATION_MS: u64 = 5 * 365 * 86_400_000;
/// Validity of the root's delegation by the anchor, in milliseconds (twenty years).
pub const ROOT_DELEGATION_MS: u64 = 20 * 365 * 86_400_000;
/// Validity of an agency's key when none is said, in milliseconds (three years).
pub const AGENCY_MS: u64 = 3 * 365 * 86_400_000;
/// How far the root's clock may stand behind ours before a new validity has not begun there, in milliseconds (an hour).
pub const CLOCK_APART_MS: u64 = 3_600_000;
