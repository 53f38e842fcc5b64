//! Releases: the root makes a year public at its instant, unless its clock is wrong; everybody else follows the log.

use super::node::{Node, Step};
use super::sequence::SayError;
use super::session::Peer;
use super::turn::{Event, Turn};
use crate::division::DivisionCode;
use crate::ledger::RevisionState;
use crate::statement::Act;
use crate::statement::card::RefusalCode;
use crate::time::WallMs;

/// A root whose clock disagrees with its children by this much does not release, in milliseconds.
pub const SKEW_MS_MAX: u64 = 2_000;
/// How often the root asks its children for their clocks while a release is held back, in milliseconds.
const ASK_CLOCKS_MS: u64 = 10_000;
/// The wall clock is looked at again at least so often while a release is ahead, in milliseconds: it may be set.
const LOOK_AGAIN_MS: u64 = 60_000;

/// Where a year stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum YearState {
    /// Public as it is sequenced.
    Open,
    /// Held, without an instant.
    Held,
    /// Held until an instant that is ahead.
    Scheduled(WallMs),
    /// The instant is over, and no release was seen yet.
    Unconfirmed(WallMs),
    /// Released.
    Released,
}

impl YearState {
    /// The word in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Held => "held",
            Self::Scheduled(_) => "scheduled",
            Self::Unconfirmed(_) => "unconfirmed",
            Self::Released => "released",
        }
    }
}

/// Whether a node is ready to show a year at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// The node's division.
    pub code: DivisionCode,
    /// Root-log entries it does not show yet; none when it never said what it shows.
    pub behind: Option<u64>,
    /// Bodies it said it lacks.
    pub missing: u64,
}

impl Readiness {
    /// It shows what we show and lacks no body.
    pub fn is_ready(&self) -> bool {
        self.behind == Some(0) && self.missing == 0
    }
}

/// Why a year is not scheduled.
#[derive(Debug, thiserror::Error)]
pub enum ScheduleError {
    /// Only the root schedules.
    #[error("only the root schedules a release")]
    NotRoot,
    /// The instant is over.
    #[error("{0} is over")]
    Past(WallMs),
    /// The year is released already, or partly public.
    #[error("year {0} is public already")]
    Public(u16),
    /// The root's clock disagrees with its children's, by so many milliseconds.
    #[error("the clock disagrees with the children's by {0} ms")]
    Skewed(u64),
    /// It could not be said.
    #[error(transparent)]
    Say(#[from] SayError),
}

impl Node {
    /// Where a year stands.
    pub fn year_state(&self, year: u16, now: WallMs) -> YearState {
        match (self.ledger.is_released(year), self.ledger.schedule(year)) {
            (true, _) => YearState::Released,
            (false, Some(at)) if at <= now => YearState::Unconfirmed(at),
            (false, Some(at)) => YearState::Scheduled(at),
            (false, None) if self.ledger.is_public(year) => YearState::Open,
            (false, None) => YearState::Held,
        }
    }

    /// Agencies whose newest revision of `year` waits for its release.
    pub fn held_count(&self, year: u16) -> usize {
        let newest = self.ledger.disclosures().year(year).filter_map(|chain| chain.last());
        newest.filter(|newest| newest.state == RevisionState::Held).count()
    }

    /// How ready the nodes of the roll call are.
    pub fn readiness(&self) -> Vec<Readiness> {
        let size = self.root_frontier.size();
        let line = |line: super::attest::RollCallLine| {
            let said = self.registry.node(&line.code).and_then(|key| self.attestations.get(key));
            Readiness {
                behind: said.map(|said| size.saturating_sub(said.size)),
                missing: said.map_or(0, |said| said.missing),
                code: line.code,
            }
        };
        self.roll_call().into_iter().map(line).collect()
    }

    /// By how much our clock disagrees with the children's, in milliseconds: the middle one of those that are
    /// connected, so that one wrong child holds up nobody else. Zero while none is.
    pub fn clock_disagreement_ms(&self) -> u64 {
        let below = self.sessions.values().filter(|session| matches!(session.peer, Peer::Below(_)));
        let mut skews: Vec<u64> =
            below.filter_map(|session| session.skew_ms).map(i64::unsigned_abs).collect();
        skews.sort_unstable();
        skews.get(skews.len() / 2).copied().unwrap_or(0)
    }

    /// True while a release is due and our clock is not to be trusted.
    pub const fn is_release_held_back(&self) -> bool {
        self.release_held_back
    }

    /// Root: holds a year until `at`, where none means now.
    ///
    /// # Errors
    /// [`ScheduleError`].
    pub fn schedule(
        &mut self,
        turn: &mut Turn<'_>,
        year: u16,
        at: Option<WallMs>,
        dry_run: bool,
    ) -> Result<(), ScheduleError> {
        if !self.is_root() {
            return Err(ScheduleError::NotRoot);
        }
        if let Some(at) = at.filter(|at| *at <= turn.now.wall) {
            return Err(ScheduleError::Past(at));
        }
        if self.ledger.is_released(year) || self.ledger.disclosures().has_public_of(year) {
            return Err(ScheduleError::Public(year));
        }
        if year > turn.now.wall.year() {
            return Err(SayError::Refused(RefusalCode::BadYear).into());
        }
        let skew = self.clock_disagreement_ms();
        if at.is_none() && skew >= SKEW_MS_MAX {
            return Err(ScheduleError::Skewed(skew));
        }
        if !dry_run {
            self.say(turn, Act::Schedule { year, at: at.unwrap_or(turn.now.wall) })?;
            self.release_due(turn).map_err(SayError::from)?;
        }
        Ok(())
    }

    /// Root: sequences the releases whose instant has come.
    pub(super) fn release_due(&mut self, turn: &mut Turn<'_>) -> Step {
        self.release_due_ms = None;
        if !self.is_root() {
            return Ok(());
        }
        let now = turn.now;
        let open: Vec<(u16, WallMs)> =
            self.ledger.schedules().filter(|(year, _)| !self.ledger.is_released(*year)).collect();
        let ahead = open.iter().filter(|(_, at)| *at > now.wall).map(|(_, at)| at.0 - now.wall.0).min();
        self.release_due_ms = ahead.map(|ahead| now.steady_ms + ahead.min(LOOK_AGAIN_MS));
        let due: Vec<u16> = open.iter().filter(|(_, at)| *at <= now.wall).map(|(year, _)| *year).collect();
        if due.is_empty() {
            self.release_held_back = false;
            return Ok(());
        }
        let skew = self.clock_disagreement_ms();
        if skew >= SKEW_MS_MAX {
            if !std::mem::replace(&mut self.release_held_back, true) {
                turn.event(Event::ReleaseHeldBack(skew));
            }
            // A renewed checkpoint is answered with the children's clocks.
            let again = now.steady_ms + ASK_CLOCKS_MS;
            self.renew_due_ms = self.renew_due_ms.min(again);
            self.release_due_ms = Some(again);
            return Ok(());
        }
        self.release_held_back = false;
        for year in due {
            match self.say(turn, Act::Release { year }) {
                Ok(_) => turn.event(Event::Released(year)),
                Err(SayError::Store(error)) => return Err(error),
                // The root's own release is within the rules; were it not, the year stays held and is seen.
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// A neighbour says what its clock shows.
    pub(super) fn on_clock(&mut self, turn: &mut Turn<'_>, conn: super::ConnId, at: WallMs) {
        let Some(session) = self.sessions.get_mut(&conn) else { return };
        let ahead = i128::from(at.0) - i128::from(turn.now.wall.0);
        session.skew_ms = Some(i64::try_from(ahead).unwrap_or(i64::MAX));
        if matches!(session.peer, Peer::Below(_)) {
            turn.send(conn, super::frame::Frame::Clock { at: turn.now.wall });
        }
    }
}
