//! Who is in: sessions in memory, and how often somebody may knock.
//!
//! A session ends when nobody used it for a while, after a day's work at the latest, when its user logs out or is
//! removed, and when the daemon restarts. Its token is 32 random bytes, kept here as a hash alone. Whoever fails at the
//! door waits twice as long each time, by name and by address, so that guessing is hopeless and a mistyped password
//! costs a second. Times are the steady clock's, in milliseconds.

use crate::digest::Digest;
use crate::time::Now;
use std::collections::BTreeMap;

/// Longest life of a session: a working day.
const LIFE_MS_MAX: u64 = 12 * 3_600_000;
/// Sessions at once; beyond that the one that was used longest ago ends.
const SESSION_COUNT_MAX: usize = 256;
/// Names and addresses whose failures are remembered; beyond that the oldest failure is forgotten.
const KNOCK_COUNT_MAX: usize = 4_096;
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
    knocks: BTreeMap<String, Knocks>,
    /// The newest step of a one-time password that each user came in with: none opens twice (RFC 6238 §5.2).
    steps: BTreeMap<String, u64>,
}

/// What stands for a token here.
fn handle(token: &str) -> Digest {
    Digest::of(&[b"gongshi/console-session\n", token.as_bytes()])
}

impl Sessions {
    /// Lets somebody in under a token.
    pub(super) fn open(&mut self, user: &str, token: &str, form_token: String, now: Now) {
        if self.open.len() >= SESSION_COUNT_MAX {
            let oldest = self.open.iter().min_by_key(|(_, session)| session.used_ms).map(|(key, _)| *key);
            oldest.map(|key| self.open.remove(&key));
        }
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

    /// Milliseconds until one of these may try again; 0 for now.
    pub(super) fn wait_ms(&self, knockers: &[String], now: Now) -> u64 {
        let wait = |knocker: &String| {
            let Some(knocks) = self.knocks.get(knocker) else { return 0 };
            let doublings = knocks.failures.saturating_sub(FREE_FAILURES).min(20);
            let wait = if doublings == 0 { 0 } else { (1_000_u64 << (doublings - 1)).min(WAIT_MS_MAX) };
            (knocks.last_ms + wait).saturating_sub(now.steady_ms)
        };
        knockers.iter().map(wait).max().unwrap_or(0)
    }

    /// Remembers a failure. Counted before the password is looked at, so that many at once gain nothing.
    pub(super) fn failed(&mut self, knockers: &[String], now: Now) {
        for knocker in knockers {
            if self.knocks.len() >= KNOCK_COUNT_MAX && !self.knocks.contains_key(knocker) {
                let oldest = self.knocks.iter().min_by_key(|(_, knocks)| knocks.last_ms);
                let oldest = oldest.map(|(key, _)| key.clone());
                oldest.map(|key| self.knocks.remove(&key));
            }
            let knocks = self.knocks.entry(knocker.clone()).or_default();
            knocks.failures = knocks.failures.saturating_add(1);
            knocks.last_ms = now.steady_ms;
        }
    }

    /// Forgets the failures of who came in.
    pub(super) fn succeeded(&mut self, knockers: &[String]) {
        for knocker in knockers {
            self.knocks.remove(knocker);
        }
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
        let who = ["name a".to_owned(), "from 192.0.2.1".to_owned()];
        for _ in 0..FREE_FAILURES {
            assert_eq!(sessions.wait_ms(&who, at(0)), 0);
            sessions.failed(&who, at(0));
        }
        sessions.failed(&who, at(0));
        assert_eq!(sessions.wait_ms(&who[1..], at(0)), 1_000);
        for _ in 0..40 {
            sessions.failed(&who, at(0));
        }
        assert_eq!(sessions.wait_ms(&who, at(0)), WAIT_MS_MAX);
        sessions.succeeded(&who);
        assert_eq!(sessions.wait_ms(&who, at(0)), 0);
    }

    #[test]
    fn memory_is_bounded_and_no_one_time_password_opens_twice() {
        let mut sessions = Sessions::default();
        for n in 0..2 * KNOCK_COUNT_MAX as u64 {
            sessions.failed(&[n.to_string()], at(n));
            sessions.open("a", &n.to_string(), String::new(), at(n));
        }
        assert!(sessions.knocks.len() == KNOCK_COUNT_MAX && sessions.open.len() == SESSION_COUNT_MAX);
        assert!(sessions.take_step("a", 5) && !sessions.take_step("a", 5) && !sessions.take_step("a", 4));
        assert!(sessions.take_step("b", 5) && sessions.take_step("a", 6));
    }
}
