//! Withdrawing: the newest revision of a report is taken back, with a reason that everybody reads.

use super::node::Node;
use super::publish::{PublishError, Published};
use super::sequence::SayError;
use super::turn::Turn;
use crate::digest::Digest;
use crate::statement::card::RefusalCode;
use crate::statement::{Act, ReportAct, ReportCard};

/// Reason code of a withdrawal: the reason stands in prose, and every node erases the bodies of the statement it is
/// about and of every earlier revision of that agency and year.
pub const ERASES: u8 = 2;

impl Node {
    /// What withdrawing a statement would say, without saying it.
    ///
    /// # Errors
    /// [`PublishError`].
    pub fn withdrawal(&self, turn: &Turn<'_>, digest: &Digest) -> Result<ReportCard, PublishError> {
        let entry = self.entry_by_digest(turn, digest).map_err(SayError::from)?;
        let about = entry.and_then(|(_, entry)| entry.card.act.report().cloned());
        let Some(about) =
            about.filter(|report| !matches!(report.act, ReportAct::Withdraw | ReportAct::Return))
        else {
            return Err(PublishError::NoReport(*digest));
        };
        self.may_say_of(&about.division)?;
        match self.newest(turn, &about).map_err(SayError::from)? {
            Some(newest) if newest.stands && newest.digest == *digest => {}
            Some(newest) if newest.stands => return Err(PublishError::NotNewest(*digest, newest.digest)),
            _ => return Err(SayError::Refused(RefusalCode::NothingToChange).into()),
        }
        Ok(ReportCard { act: ReportAct::Withdraw, previous: *digest, bodies: Vec::new(), ..about })
    }

    /// Takes the newest revision of a report back; `erase` drops its bodies everywhere.
    ///
    /// # Errors
    /// [`PublishError`].
    pub fn withdraw(
        &mut self,
        turn: &mut Turn<'_>,
        digest: &Digest,
        reason: &str,
        erase: bool,
    ) -> Result<Published, PublishError> {
        let mut card = self.withdrawal(turn, digest)?;
        self.give_reason(turn, &mut card, reason)?;
        if erase {
            card.reason = ERASES;
        }
        let revision = card.revision;
        let entry = self.say(turn, Act::Report(Box::new(card)))?;
        Ok(Published { digest: entry.digest(), revision, signed: true })
    }
}
