//! Joining by files: a request that came in a file is judged as one on a connection of a stranger.

use super::BUNDLE_CONN;
use crate::digest::Digest;
use crate::division::DivisionCode;
use crate::sync::enrol::six_digits;
use crate::sync::frame::{Frame, JoinRequest};
use crate::sync::node::{Node, Step};
use crate::sync::session::{Peer, Session};
use crate::sync::turn::{Action, Turn};

/// Why a request in a file is not approved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotAdmitted {
    /// The invitation is unknown, used or over, or the keys are not proven: a stable code, and words.
    Refused {
        /// The code.
        code: String,
        /// Words for the operator.
        message: String,
    },
    /// A person has to compare the six digits first.
    DigitsWanted(String),
    /// The digits are not those of this request.
    DigitsDiffer,
}

impl Node {
    /// Approves a request to join that came in a file, if the token's secret, the proofs of the new keys and the six digits
    /// are right; digits are not asked for when the invitation needs no approval. The same request again is fine.
    ///
    /// # Errors
    /// [`crate::store::StoreError`]; inside, [`NotAdmitted`].
    pub fn admit_by_file(
        &mut self,
        turn: &mut Turn<'_>,
        request: &JoinRequest,
        digits: Option<&str>,
    ) -> Step<Result<DivisionCode, NotAdmitted>> {
        let secret = Digest::of(&[request.secret.as_bytes()]);
        let said = turn.out.actions.len();
        self.sessions.insert(BUNDLE_CONN, Session::new(Peer::Stranger, request.transport));
        let outcome = self.judge_file(turn, &secret, request, digits);
        self.sessions.remove(&BUNDLE_CONN);
        if self.pending.get(&secret).is_some_and(|(conn, _)| *conn == BUNDLE_CONN) {
            self.pending.remove(&secret);
        }
        let mut refused = None;
        let answers = turn.out.actions.split_off(said);
        turn.out.actions.extend(answers.into_iter().filter(|action| match action {
            Action::Send(BUNDLE_CONN, frame) => {
                if let Frame::Refused { code, message } = &**frame {
                    refused = Some(NotAdmitted::Refused { code: code.clone(), message: message.clone() });
                }
                false
            }
            Action::Close(BUNDLE_CONN, _) | Action::Promote(BUNDLE_CONN) => false,
            _ => true,
        }));
        Ok(outcome?.and_then(|division| refused.map_or(Ok(division), Err)))
    }

    fn judge_file(
        &mut self,
        turn: &mut Turn<'_>,
        secret: &Digest,
        request: &JoinRequest,
        digits: Option<&str>,
    ) -> Step<Result<DivisionCode, NotAdmitted>> {
        self.on_join(turn, BUNDLE_CONN, request)?;
        let own = self.identity.division.clone();
        let division = self.invites.get(secret).map_or(own, |state| state.invite.division.clone());
        if self.pending.get(secret).is_none_or(|(conn, _)| *conn != BUNDLE_CONN) {
            // Refused, or approved without a person.
            return Ok(Ok(division));
        }
        let shown = six_digits(request);
        match digits {
            None => return Ok(Err(NotAdmitted::DigitsWanted(shown))),
            Some(digits) if digits != shown => return Ok(Err(NotAdmitted::DigitsDiffer)),
            Some(_) => self.enrol(turn, BUNDLE_CONN, secret, request)?,
        }
        Ok(Ok(division))
    }
}
