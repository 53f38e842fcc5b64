//! The service: what the command line and the console ask of a node, whether a daemon runs or not.

use super::data_dir::DataDir;
use super::query::{Glance, Query, Reading};
use crate::digest::Digest;
use crate::division::{DivisionCode, Level};
use crate::record::Room;
use crate::store::StoreError;
use crate::sync::fact::Invite;
use crate::sync::govern::Governing;
use crate::sync::publish::Submission;
use crate::sync::{Node, Turn};
use crate::time::WallMs;
use crate::trust::delegation::Hosting;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

mod act;
mod alarms;
mod attach;
mod backup;
mod bundle;
mod failures;
mod govern;
mod invite;
mod keys;
mod noting;
mod paths;
mod release;
mod review;
mod scope;
mod state;
mod template;
mod weight;
mod withdraw;
mod witness;

pub(super) use act::{act, result};
pub(super) use alarms::ALARM_CODES;
pub(super) use bundle::{Bundled, Bundling};
pub(super) use keys::{Keying, anchor_request};
pub(super) use noting::Noting;
pub(super) use review::{Reviewing, findings_of};
pub(super) use scope::{Scoping, duty_json};
pub(super) use template::bad_template;
pub(super) use witness::Witnessing;

pub(super) use attach::Attaching;
pub(super) use failures::disk_full;
use failures::{invite_failure, publish_failure};
pub(super) use paths::{is_pulled, is_pushed};
use state::{invitations, roll_call, roll_call_rows, status, tree};

/// A request. Travels over the control socket, or goes straight to the node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Request {
    /// Publish a report that passed validation.
    Publish(Box<Submission>),
    /// Publish the next revision of a report that stands, and why.
    Correct(Box<Submission>, String),
    /// Take the newest revision of a report back.
    Withdraw {
        /// The statement, or the first digits of its digest.
        digest: String,
        /// Why; public.
        reason: String,
        /// Drop its bodies everywhere.
        erase: bool,
        /// Say what would be done, and do nothing.
        dry_run: bool,
    },
    /// What became of one of our statements.
    Outcome(Digest),
    /// `gongshi.status/1`.
    Status,
    /// A body was read that is not what its card names.
    Doubt {
        /// Digest of the statement that names it.
        statement: Digest,
        /// Its digest.
        body: Digest,
    },
    /// Give out an invitation.
    Invite {
        /// Level of the new node.
        level: Level,
        /// Its division.
        code: DivisionCode,
        /// Its display name.
        name: String,
        /// What else it hosts.
        hosting: Hosting,
        /// Life of the token.
        ttl_ms: Option<u64>,
        /// No approval needed.
        auto: bool,
        /// The new node joins by files: an address is not needed.
        by_file: bool,
    },
    /// Give out an invitation for the machine that takes the place of a division's node.
    Replace {
        /// The division.
        code: DivisionCode,
        /// Life of the token.
        ttl_ms: Option<u64>,
        /// No approval needed.
        auto: bool,
        /// The new node joins by files.
        by_file: bool,
    },
    /// Say something about the tree of nodes.
    Govern(Box<Governing>),
    /// Say who owes a report, or that an agency has nothing to report.
    Scope(Box<Scoping>),
    /// Send a report back, or note that it was looked at.
    Review(Box<Reviewing>),
    /// The templates that stand, with their texts.
    Templates,
    /// Put a template into the log.
    AddTemplate {
        /// The file's name, for errors.
        file: String,
        /// Its bytes.
        #[serde(with = "serde_bytes")]
        text: Vec<u8>,
    },
    /// A new signing key of our own.
    Rotate,
    /// Every key that was delegated.
    Keys,
    /// Something about keys of agencies, or the anchor's word.
    Keying(Box<Keying>),
    /// All invitations.
    Invitations,
    /// Approve a pending request.
    Approve(DivisionCode),
    /// Approve a request to join that came in a file.
    ApproveFile {
        /// Its frame.
        frame: serde_bytes::ByteBuf,
        /// The digits that the new node shows.
        digits: Option<String>,
    },
    /// Take back open invitations.
    RevokeInvite(DivisionCode),
    /// The roll call.
    RollCall,
    /// The roll call's lines, for the portal.
    RollCallLines,
    /// The nodes of the federation, as known here.
    Tree,
    /// Hold a year until an instant (none: release it now), or say whether that could be done.
    Schedule {
        /// The calendar year.
        year: u16,
        /// The instant.
        at: Option<WallMs>,
        /// Do nothing.
        dry_run: bool,
    },
    /// Where a year stands and how ready each node is, `gongshi.release/1`.
    Release(u16),
    /// Ancestors, children and who else is connected.
    Peers,
    /// Push now, by the parent or by the ancestor of a division.
    Push(Option<DivisionCode>),
    /// How far that has come.
    PushProgress(Option<DivisionCode>),
    /// Ask the parent, and everybody below, now.
    Pull,
    /// How far that has come.
    PullProgress,
    /// Attach a file, or fetch and read one.
    Attach(Box<Attaching>),
    /// What is to be backed up.
    Inventory,
    /// Something about a bundle.
    Bundle(Box<Bundling>),
    /// The policy's quorum, comparison with nodes beside, evidence.
    Witness(Witnessing),
    /// A read that may take long and must not stop the node.
    Query(Query),
    /// Something for the audit log that asks nothing of the node.
    Note(Noting),
}

/// One line of the roll call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RollCallRow {
    /// The node's division.
    pub(super) code: DivisionCode,
    /// Size it shows.
    pub(super) size: u64,
    /// It shows what we show at that size.
    pub(super) agrees: bool,
    /// When it said so.
    pub(super) at: Option<WallMs>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Reply {
    /// It was published, or stood already.
    Published {
        /// Digest of the statement.
        digest: Digest,
        /// Revision number.
        revision: u32,
    },
    /// Sequenced at an index, refused with a code, or neither yet.
    Outcome(Option<Result<u64, String>>),
    /// The roll call's lines.
    RollCall(Vec<RollCallRow>),
    /// A JSON document.
    Document(String),
    /// Bytes as they are.
    Bytes(#[serde(with = "serde_bytes")] Vec<u8>),
    /// What is to be backed up.
    Inventory(Box<super::backup::Inventory>),
    /// About a bundle.
    Bundled(Box<Bundled>),
    /// It was not done.
    Failure(Failure),
}

/// What a turn answers.
pub(super) enum Answer {
    /// The reply, to be sent when the turn is durable.
    Now(Reply),
    /// What is left to read of the store, on another thread, when the turn is durable.
    Later(Box<Reading>),
}

/// Why something was not done, for people and programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Failure {
    /// Exit code of the contract.
    pub(super) exit: u8,
    /// Stable code for `explain`.
    pub(super) code: String,
    /// Chinese and English.
    pub(super) message: String,
}

impl Failure {
    pub(super) fn new(exit: u8, code: &str, message: impl Into<String>) -> Self {
        Self { exit, code: code.to_owned(), message: message.into() }
    }
}

/// Answers a request within a turn. A long read only takes what it needs of the node.
pub(super) fn answer(
    node: &mut Node,
    turn: &mut Turn<'_>,
    request: &Request,
    data: &DataDir,
) -> Result<Answer, StoreError> {
    if request.writes() && node.room() != Room::Enough {
        return Ok(Answer::Now(Reply::Failure(disk_full())));
    }
    if let Request::Rotate = request {
        return govern::rotate(node, turn, data);
    }
    if let Request::Keying(keying) = request {
        return keys::keying(node, turn, keying, data).map(Answer::Now);
    }
    if let Request::Inventory = request {
        return backup::inventory(node, turn, data).map(Answer::Now);
    }
    if let Request::Query(query) = request {
        return Ok(Answer::Later(Box::new(Reading::new(
            query.clone(),
            Glance::for_query(node, query, turn.now.wall),
        ))));
    }
    reply(node, turn, request).map(Answer::Now)
}

fn reply(node: &mut Node, turn: &mut Turn<'_>, request: &Request) -> Result<Reply, StoreError> {
    Ok(match request {
        Request::Publish(submission) => match node.publish(turn, submission) {
            Ok(done) => Reply::Published { digest: done.digest, revision: done.revision },
            Err(error) => Reply::Failure(publish_failure(error)?),
        },
        Request::Correct(submission, reason) => match node.correct(turn, submission, reason) {
            Ok(done) => Reply::Published { digest: done.digest, revision: done.revision },
            Err(error) => Reply::Failure(publish_failure(error)?),
        },
        Request::Withdraw { digest, reason, erase, dry_run } => {
            withdraw::withdraw(node, turn, digest, reason, *erase, *dry_run)?
        }
        Request::Outcome(digest) => {
            let outcome = node.outcome(turn, digest)?;
            Reply::Outcome(outcome.map(|known| known.map_err(|code| code.as_str().to_owned())))
        }
        Request::Status => document(&status(node, turn.now.wall)),
        Request::Doubt { statement, body } => {
            node.doubt_body(turn, statement, body)?;
            document(&json!({}))
        }
        Request::Invite { level, code, name, hosting, ttl_ms, auto, by_file } => {
            let made = |secret, expires| {
                Ok(Invite {
                    secret,
                    level: *level,
                    division: code.clone(),
                    name: name.clone(),
                    hosting: hosting.clone(),
                    expires,
                    auto: *auto,
                    replaces: None,
                })
            };
            invite::invite(node, turn, *ttl_ms, *by_file, made)?
        }
        Request::Replace { code, ttl_ms, auto, by_file } => {
            let found = node.replacement(code, Digest::ZERO, WallMs(0), *auto);
            let made = |secret, expires| Ok(Invite { secret, expires, ..found? });
            invite::invite(node, turn, *ttl_ms, *by_file, made)?
        }
        Request::Govern(governing) => govern::govern(node, turn, governing)?,
        Request::Review(reviewing) => review::review(node, turn, reviewing)?,
        Request::Scope(scoping) => scope::scope(node, turn, scoping)?,
        Request::Templates => document(&template::templates(node, turn)?),
        Request::AddTemplate { file, text } => template::add(node, turn, file, text)?,
        Request::Keys => document(&keys::keys(node, turn.now.wall)),
        Request::Invitations => document(&invitations(node, turn.now.wall)),
        Request::Approve(code) => match node.approve(turn, code) {
            Ok(digits) => {
                document(&json!({"schema": "gongshi.invite.approve/1", "code": code, "digits": digits}))
            }
            Err(error) => Reply::Failure(invite_failure(error)?),
        },
        Request::ApproveFile { frame, digits } => bundle::approve(node, turn, frame, digits.as_deref())?,
        Request::RevokeInvite(code) => match node.revoke_invite(turn, code) {
            Ok(()) => document(&json!({"schema": "gongshi.invite.revoke/1", "code": code})),
            Err(error) => Reply::Failure(invite_failure(error)?),
        },
        Request::RollCall => document(&roll_call(node)),
        Request::RollCallLines => Reply::RollCall(roll_call_rows(node)),
        Request::Tree => document(&tree(node)),
        Request::Schedule { year, at, dry_run } => release::schedule(node, turn, *year, *at, *dry_run)?,
        Request::Release(year) => document(&release::release(node, *year, turn.now.wall)),
        Request::Peers => document(&paths::peers(node)),
        Request::Push(via) => paths::push(node, turn, via.as_ref()),
        Request::PushProgress(via) => paths::progress(node, via.as_ref()),
        Request::Pull => {
            node.pull(turn);
            document(&paths::pulled(node))
        }
        Request::PullProgress => document(&paths::pulled(node)),
        Request::Attach(attaching) => attach::attach(node, turn, attaching)?,
        Request::Bundle(bundling) => bundle::bundle(node, turn, bundling)?,
        Request::Note(_) => document(&json!({"schema": "gongshi.note/1"})),
        Request::Witness(asked) => witness::answer(node, turn, *asked)?,
        Request::Query(_) | Request::Rotate | Request::Keying(_) | Request::Inventory => {
            Reply::Failure(Failure::new(1, "unexpected_reply", "unreachable"))
        }
    })
}

fn document(value: &Value) -> Reply {
    Reply::Document(value.to_string())
}
