//! Who is in: sessions in memory, and how often somebody may knock.
//!
//! A session ends when nobody used it for a while, after a day's work at the latest, when its user logs out or is
//! removed, and when the daemon restarts. Its token is 32 random bytes, kept here as a hash alone. Whoever fails at the
//! door waits twice as long each time, by name and by address, so that guessing is hopeless and a mistyped password
//! costs a second. At an address where a user came in before, only failures from there count against the name: a
//! stranger elsewhere can make nobody wait at home. Times are the steady clock's, in milliseconds.

use crate::digest::Digest;
use crate::time::Now;
use std::collections::BTreeMap;

/// Longest life of a session: a working day.
const LIFE_MS_MAX: u64 = 12 * 3_600_000;
/// Sessions at once; beyond that the one that was used longest ago ends.
const SESSION_COUNT_MAX: usize = 256;
/// Names and addresses whose failures are remembered; beyond that the oldest failure is forgotten.
const KNOCK_COUNT_MAX: usize = 4_096;
/// Pairs of user and address that are remembered as homes; beyond that the one that was used longest ago is forgotten.
const HOME_COUNT_MAX: usize = 1_024;
/// Failures that cost nothing: people mistype.
const FREE_FAILURES: u32 = 3;
/// The longest wait after a failure.
const WAIT_MS_MAX: u64 = 300_000;

/// One session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Session {
    /// Who.
    pub(super) user: String,
    /// What forms must carry: a page of another site cannot read it.
    pub(super) form_token: String,
    began_ms: u64,
    used_ms: u64,
}

#[derive(Clone, Copy, Default)]
struct Knocks {
    failures: u32,
    last_ms: u64,
}

/// Everybody who is in, and everybody who failed to come in.
#[derive(Default)]
pub(super) struct Sessions {
    open: BTreeMap<Digest, Session>,
    /// By [`Door`], so that what is remembered of a name is 32 bytes however long it is.
    knocks: BTreeMap<Digest, Knocks>,
    /// Where each user came in from, and when last.
    homes: BTreeMap<Digest, u64>,
    /// The newest step of a one-time password that each user came in with: none opens twice (RFC 6238 §5.2).
    steps: BTreeMap<String, u64>,
}

/// A name tried from an address: what its failures count against.
#[derive(Clone, Copy, Debug)]
pub(super) struct Door {
    name: Digest,
    from: Digest,
    both: Digest,
}

impl Door {
    /// `from` is an address as text, in one line.
    pub(super) fn new(name: &str, from: &str) -> Self {
        Self {
            name: Digest::of(&[b"name\n", name.as_bytes()]),
            from: Digest::of(&[b"from\n", from.as_bytes()]),
            both: Digest::of(&[b"home\n", from.as_bytes(), b"\n", name.as_bytes()]),
        }
    }
}

/// Makes place for one more where `most` are kept at most: what is oldest goes.
fn make_place<T>(kept: &mut BTreeMap<Digest, T>, most: usize, age: impl Fn(&T) -> u64) {
    if kept.len() >= most {
        let oldest = kept.iter().min_by_key(|(_, one)| age(one)).map(|(key, _)| *key);
        oldest.map(|key| kept.remove(&key));
    }
}

/// What stands for a token here.
fn handle(token: &str) -> Digest {
    Digest::of(&[b"gongshi/console-session\n", token.as_bytes()])
}

impl Sessions {
    /// Lets somebody in under a token.
    pub(super) fn open(&mut self, user: &str, token: &str, form_token: String, now: Now) {
        make_place(&mut self.open, SESSION_COUNT_MAX, |session| session.used_ms);
        let (began_ms, used_ms) = (now.steady_ms, now.steady_ms);
        self.open.insert(handle(token), Session { user: user.to_owned(), form_token, began_ms, used_ms });
    }

    /// The session of a token, if it has not ended. Looking at what changed (`passive`) does not keep it alive.
    pub(super) fn find(&mut self, token: &str, idle_ms: u64, passive: bool, now: Now) -> Option<Session> {
        let key = handle(token);
        let session = self.open.get_mut(&key)?;
        let ended = now.steady_ms.saturating_sub(session.used_ms) > idle_ms
            || now.steady_ms.saturating_sub(session.began_ms) > LIFE_MS_MAX;
        if ended {
            self.open.remove(&key);
            return None;
        }
        if !passive {
            session.used_ms = now.steady_ms;
        }
        Some(session.clone())
    }

    /// Ends a session.
    pub(super) fn close(&mut self, token: &str) {
        self.open.remove(&handle(token));
    }

    /// What counts at a door: its address, and its name; at home, the name from there alone.
    fn counted(&self, door: Door) -> [Digest; 2] {
        [door.from, if self.homes.contains_key(&door.both) { door.both } else { door.name }]
    }

    /// Milliseconds until this name may be tried again from this address; 0 for now.
    pub(super) fn wait_ms(&self, door: Door, now: Now) -> u64 {
        let wait = |counted: &Digest| {
            let Some(knocks) = self.knocks.get(counted) else { return 0 };
            let doublings = knocks.failures.saturating_sub(FREE_FAILURES).min(20);
            let wait = if doublings == 0 { 0 } else { (1_000_u64 << (doublings - 1)).min(WAIT_MS_MAX) };
            (knocks.last_ms + wait).saturating_sub(now.steady_ms)
        };
        self.counted(door).iter().map(wait).max().unwrap_or(0)
    }

    /// Remembers a failure. Counted before the password is looked at, so that many at once gain nothing.
    pub(super) fn failed(&mut self, door: Door, now: Now) {
        for counted in self.counted(door) {
            if !self.knocks.contains_key(&counted) {
                make_place(&mut self.knocks, KNOCK_COUNT_MAX, |knocks| knocks.last_ms);
            }
            let knocks = self.knocks.entry(counted).or_default();
            knocks.failures = knocks.failures.saturating_add(1);
            knocks.last_ms = now.steady_ms;
        }
    }

    /// Forgets the failures of who came in, and remembers from where.
    pub(super) fn succeeded(&mut self, door: Door, now: Now) {
        for counted in self.counted(door) {
            self.knocks.remove(&counted);
        }
        if !self.homes.contains_key(&door.both) {
            make_place(&mut self.homes, HOME_COUNT_MAX, |used_ms| *used_ms);
        }
        self.homes.insert(door.both, now.steady_ms);
    }

    /// Takes a step of a one-time password; false when it, or a later one, was taken before.
    pub(super) fn take_step(&mut self, user: &str, step: u64) -> bool {
        let newest = self.steps.entry(user.to_owned()).or_default();
        let fresh = *newest < step;
        *newest = step.max(*newest);
        fresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::WallMs;

    const fn at(steady_ms: u64) -> Now {
        Now { wall: WallMs(0), steady_ms }
    }

    #[test]
    fn a_session_ends_when_it_is_idle_when_it_is_old_and_when_it_is_closed() {
        let mut sessions = Sessions::default();
        sessions.open("a", "token", "form".to_owned(), at(0));
        assert!(sessions.find("tokem", 1_000, false, at(1)).is_none());
        assert!(sessions.find("token", 1_000, false, at(900)).is_some());
        assert!(sessions.find("token", 1_000, true, at(1_800)).is_some(), "looking on");
        assert!(sessions.find("token", 1_000, true, at(1_901)).is_none(), "does not keep it alive");
        sessions.open("a", "token", String::new(), at(0));
        assert!(sessions.find("token", u64::MAX, false, at(LIFE_MS_MAX)).is_some());
        assert!(sessions.find("token", u64::MAX, false, at(LIFE_MS_MAX + 1)).is_none());
        sessions.open("a", "token", String::new(), at(0));
        sessions.close("token");
        assert!(sessions.find("token", 1_000, false, at(1)).is_none());
    }

    #[test]
    fn guessing_becomes_hopeless_and_a_right_password_forgives() {
        let mut sessions = Sessions::default();
        let door = Door::new("a", "192.0.2.1");
        for _ in 0..FREE_FAILURES {
            assert_eq!(sessions.wait_ms(door, at(0)), 0);
            sessions.failed(door, at(0));
        }
        sessions.failed(door, at(0));
        for same in [door, Door::new("b", "192.0.2.1"), Door::new("a", "192.0.2.2")] {
            assert_eq!(sessions.wait_ms(same, at(0)), 1_000, "by name and by address");
        }
        for _ in 0..40 {
            sessions.failed(door, at(0));
        }
        assert_eq!(sessions.wait_ms(door, at(0)), WAIT_MS_MAX);
        sessions.succeeded(door, at(0));
        assert_eq!(sessions.wait_ms(door, at(0)), 0);
    }

    #[test]
    fn a_stranger_elsewhere_makes_nobody_wait_at_home() {
        let mut sessions = Sessions::default();
        let (home, elsewhere) = (Door::new("a", "192.0.2.1"), Door::new("a", "198.51.100.7"));
        sessions.succeeded(home, at(0));
        for _ in 0..40 {
            sessions.failed(elsewhere, at(0));
        }
        assert_eq!((sessions.wait_ms(home, at(0)), sessions.wait_ms(elsewhere, at(0))), (0, WAIT_MS_MAX));
        sessions.succeeded(home, at(0));
        assert_eq!(sessions.wait_ms(elsewhere, at(0)), WAIT_MS_MAX, "coming home forgives nobody else");
        for _ in 0..40 {
            sessions.failed(home, at(0));
        }
        assert_eq!(sessions.wait_ms(home, at(0)), WAIT_MS_MAX, "guessing at home is hopeless too");
    }

    #[test]
    fn memory_is_bounded_and_no_one_time_password_opens_twice() {
        let mut sessions = Sessions::default();
        for n in 0..2 * KNOCK_COUNT_MAX as u64 {
            sessions.succeeded(Door::new("b", &n.to_string()), at(n));
            sessions.failed(Door::new(&n.to_string(), &n.to_string()), at(n));
            sessions.open("a", &n.to_string(), String::new(), at(n));
        }
        let kept = (sessions.knocks.len(), sessions.homes.len(), sessions.open.len());
        assert_eq!(kept, (KNOCK_COUNT_MAX, HOME_COUNT_MAX, SESSION_COUNT_MAX));
        assert!(sessions.take_step("a", 5) && !sessions.take_step("a", 5) && !sessions.take_step("a", 4));
        assert!(sessions.take_step("b", 5) && sessions.take_step("a", 6));
    }
}
