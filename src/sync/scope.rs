//! Scope: who owes a report, and that an agency has nothing to report. Both are statements without figures.

use super::body::PackedBody;
use super::node::Node;
use super::publish::{PublishError, Published};
use super::sequence::SayError;
use super::turn::Turn;
use crate::agency::agency_name;
use crate::division::DivisionCode;
use crate::ledger::RosterRow;
use crate::ledger::roster::{Roster, RosterError};
use crate::package::body::body_digest;
use crate::statement::card::RefusalCode;
use crate::statement::governance::{ROSTER_BYTES_MAX, RosterCard};
use crate::statement::{Act, Entry, ReportAct, ReportCard, Status};
use crate::view::scope::roster_text;
use crate::view::tree::Tree;

/// That an agency has nothing to report for a year.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Declaration {
    /// True: it has no such duty (`NotApplicable`); false: nothing happened (`Nil`).
    pub no_duty: bool,
    /// Whose agency it is; none for this node's own division.
    pub division: Option<DivisionCode>,
    /// The agency's name.
    pub agency_name: String,
    /// Its code, or empty.
    pub agency_code: String,
    /// Calendar year.
    pub year: u16,
}

/// Why a roster is not said.
#[derive(Debug, thiserror::Error)]
pub enum RosterRefusal {
    /// The text is not a roster.
    #[error(transparent)]
    Text(#[from] RosterError),
    /// Longer than a roster may be.
    #[error("a roster of {0} bytes; at most {ROSTER_BYTES_MAX} are allowed")]
    TooLong(usize),
    /// Lines about divisions that are not at or below the roster's.
    #[error("the roster of {0} names divisions that do not stand below it")]
    NotBelow(DivisionCode, Vec<DivisionCode>),
    /// It cannot be said: the division is not this node's and not below it.
    #[error(transparent)]
    Say(#[from] SayError),
}

/// What becomes of a roster.
#[derive(Debug)]
pub struct Imported {
    /// The division at the top.
    pub division: DivisionCode,
    /// What stood before, if something did and its text is here.
    pub before: Option<Roster>,
    /// What was given.
    pub after: Roster,
    /// What was said; none when the same text stands already, or nothing was to be done.
    pub said: Option<Entry>,
    /// What stands already, when it is the same.
    pub stands: Option<RosterRow>,
}

impl Node {
    /// Says that an agency has nothing to report. The same again says nothing anew.
    ///
    /// # Errors
    /// [`PublishError`].
    pub fn declare(
        &mut self,
        turn: &mut Turn<'_>,
        declaration: &Declaration,
    ) -> Result<Published, PublishError> {
        let division = declaration.division.clone().unwrap_or_else(|| self.identity.division.clone());
        self.may_say_of(&division)?;
        if !(1949..=turn.now.wall.year()).contains(&declaration.year) {
            return Err(SayError::Refused(RefusalCode::BadYear).into());
        }
        let name = agency_name(&declaration.agency_name).map_err(PublishError::BadName)?;
        let act = if declaration.no_duty { ReportAct::NotApplicable } else { ReportAct::Nil };
        let over = declaration.year < turn.now.wall.year();
        let mut card = ReportCard {
            act,
            agency_code: declaration.agency_code.clone(),
            status: if over { Status::Final } else { Status::Provisional },
            ..ReportCard::nil(division, name, declaration.year)
        };
        if let Some(newest) = self.newest(turn, &card).map_err(SayError::from)? {
            let standing = self.entry_by_digest(turn, &newest.digest).map_err(SayError::from)?;
            let standing = standing.and_then(|(_, entry)| entry.card.act.report().map(|report| report.act));
            if newest.stands && standing == Some(act) {
                return Ok(Published { digest: newest.digest, revision: newest.revision, signed: false });
            }
            if newest.stands && !newest.sent_back {
                return Err(PublishError::AlreadyReported {
                    digest: newest.digest,
                    revision: newest.revision,
                });
            }
            card.revision = newest.revision.saturating_add(1);
            card.previous = newest.digest;
        }
        self.agency_signs(&card, None)?;
        let revision = card.revision;
        let entry = self.say(turn, Act::Report(Box::new(card)))?;
        Ok(Published { digest: entry.digest(), revision, signed: true })
    }

    /// Says who owes a report in a division and all below it, or, with `dry_run`, only finds out what that changes.
    ///
    /// # Errors
    /// [`RosterRefusal`].
    pub fn import_roster(
        &mut self,
        turn: &mut Turn<'_>,
        division: Option<&DivisionCode>,
        text: &[u8],
        dry_run: bool,
    ) -> Result<Imported, RosterRefusal> {
        let division = division.unwrap_or(&self.identity.division).clone();
        let own = division == self.identity.division;
        if !own && !self.registry.in_subtree(self.own_key(), &division) {
            return Err(SayError::Refused(RefusalCode::ForeignDivision).into());
        }
        if text.len() as u64 > ROSTER_BYTES_MAX {
            return Err(RosterRefusal::TooLong(text.len()));
        }
        let after = Roster::parse(text)?;
        let tree = Tree::of(&self.registry);
        let mut foreign: Vec<DivisionCode> = after.lines().iter().map(|duty| duty.division.clone()).collect();
        foreign.dedup();
        foreign.retain(|code| !tree.is_within(code, &division));
        if !foreign.is_empty() {
            return Err(RosterRefusal::NotBelow(division, foreign));
        }
        let stands = self.ledger.roster(&division).cloned();
        let before = match &stands {
            Some(row) => roster_text(&turn.read(), row).map_err(SayError::Store)?,
            None => None,
        };
        let same = before.as_deref() == Some(text);
        let before = before.and_then(|text| Roster::parse(&text).ok());
        let stands = stands.filter(|_| same);
        if same || dry_run {
            return Ok(Imported { division, before, after, said: None, stands });
        }
        let salt = *self.signing.derive(&format!("body salt {} 0", self.own_size()));
        let digest = body_digest(&salt, text);
        let card = RosterCard { division: division.clone(), digest, bytes: text.len() as u64 };
        turn.keep_body(&digest, &PackedBody::pack(salt, text));
        let said = self.say(turn, Act::Roster(card))?;
        Ok(Imported { division, before, after, said: Some(said), stands })
    }
}
