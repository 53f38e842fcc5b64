//! When to dial whom again: 50 ms growing to 500 ms with jitter for ten minutes, 30 s after that; who answers and turns
//! us away is asked ever more seldom from the beginning, up to 30 s.

use super::limits::{OTHER_PATH_AFTER_MS, REDIAL_LATER_MS, REDIAL_MS};
use crate::digest::Digest;
use crate::trust::key::PublicKey;
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// One ancestor that does not answer.
#[derive(Clone, Copy, Debug, Default)]
struct Lost {
    since_ms: Option<u64>,
    attempts: u32,
    due_ms: u64,
}

/// Dialling, one ancestor at a time.
pub(super) struct Redial {
    secret: Zeroizing<[u8; 32]>,
    dialling: Option<PublicKey>,
    lost: BTreeMap<PublicKey, Lost>,
}

impl Redial {
    pub(super) const fn new(secret: Zeroizing<[u8; 32]>) -> Self {
        Self { secret, dialling: None, lost: BTreeMap::new() }
    }

    /// True while a dial is under way.
    pub(super) const fn is_dialling(&self) -> bool {
        self.dialling.is_some()
    }

    /// A dial begins; how many were tried before.
    pub(super) fn begin(&mut self, key: PublicKey, now_ms: u64) -> u32 {
        self.dialling = Some(key);
        let lost = self.lost.entry(key).or_default();
        lost.since_ms.get_or_insert(now_ms);
        lost.attempts
    }

    /// The dial under way ended in a connection, or in none: whom it was for.
    pub(super) const fn end(&mut self) -> Option<PublicKey> {
        self.dialling.take()
    }

    /// A session with the ancestor is open.
    pub(super) fn reached(&mut self, key: &PublicKey) {
        self.lost.remove(key);
    }

    /// The ancestor did not answer, or its session ended; or it answered and turned us away. Then it may know us soon,
    /// when a Delegate or a move has reached it, or never, when our key ended.
    pub(super) fn lost(&mut self, key: PublicKey, now_ms: u64, turned_away: bool) {
        let most_ms = if turned_away { REDIAL_LATER_MS } else { REDIAL_MS.1 };
        let lost = self.lost.entry(key).or_default();
        let since = *lost.since_ms.get_or_insert(now_ms);
        let pause = if now_ms.saturating_sub(since) > OTHER_PATH_AFTER_MS {
            REDIAL_LATER_MS
        } else {
            (REDIAL_MS.0 << lost.attempts.min(10)).min(most_ms)
        };
        lost.attempts = lost.attempts.saturating_add(1);
        // Jitter from our own secret, so that a thousand children of one parent do not return in step and a
        // simulated run still replays.
        let roll = Digest::of(&[self.secret.as_slice(), &lost.attempts.to_be_bytes()]);
        let jitter = u64::from(roll.as_bytes()[0]) * pause / 512;
        lost.due_ms = now_ms + pause / 2 + jitter;
    }

    /// When the ancestor may be dialled, on the steady clock.
    pub(super) fn due_ms(&self, key: &PublicKey) -> u64 {
        self.lost.get(key).map_or(0, |lost| lost.due_ms)
    }

    /// Dial the ancestor as soon as possible.
    pub(super) fn now(&mut self, key: &PublicKey) {
        if let Some(lost) = self.lost.get_mut(key) {
            lost.due_ms = 0;
        }
    }

    /// Since when the ancestor has not been reached, on the steady clock.
    pub(super) fn lost_since(&self, key: &PublicKey) -> Option<u64> {
        self.lost.get(key).and_then(|lost| lost.since_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_sent_away_each_time_comes_ever_more_seldom_and_begins_anew_when_it_was_heard() {
        let key = PublicKey::from_bytes([7; 32]);
        let mut redial = Redial::new(Zeroizing::new([1; 32]));
        let dials_in_an_hour = |redial: &mut Redial, from_ms: u64| {
            let (mut now_ms, mut dials) = (from_ms, 0);
            while now_ms < from_ms + 3_600_000 {
                redial.begin(key, now_ms);
                redial.end();
                redial.lost(key, now_ms, true);
                (now_ms, dials) = (redial.due_ms(&key), dials + 1);
            }
            dials
        };
        let dials = dials_in_an_hour(&mut redial, 0);
        assert!((100..300).contains(&dials), "{dials}: every half minute or so");
        redial.reached(&key);
        redial.lost(key, 9_000_000, true);
        assert!(redial.due_ms(&key) < 9_000_150, "the first time again: at once");
        redial.lost(key, 9_000_100, false);
        assert!(redial.due_ms(&key) < 9_000_700, "a line that was cut is tried again quickly");
    }
}
