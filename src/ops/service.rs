//! The service: what the command line and the console ask of a node, whether a daemon runs or not.

use super::data_dir::random_seed;
use super::verify;
use crate::digest::Digest;
use crate::division::{DivisionCode, Level};
use crate::store::{Read, StoreError};
use crate::sync::enrol::InviteError;
use crate::sync::fact::Invite;
use crate::sync::limits::INVITE_MS;
use crate::sync::publish::{PublishError, Submission};
use crate::sync::status::Link;
use crate::sync::token::Token;
use crate::sync::{Node, SayError, Turn};
use crate::time::WallMs;
use crate::trust::delegation::Hosting;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A request. Travels over the control socket, or goes straight to the node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Request {
    /// Publish a report that passed validation.
    Publish(Box<Submission>),
    /// What became of one of our statements.
    Outcome(Digest),
    /// `gongshi.status/1`.
    Status,
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
    },
    /// All invitations.
    Invitations,
    /// Approve a pending request.
    Approve(DivisionCode),
    /// Take back open invitations.
    RevokeInvite(DivisionCode),
    /// The roll call.
    RollCall,
    /// The roll call's lines, for the portal.
    RollCallLines,
    /// Verify everything held.
    VerifyAll,
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
    /// It was not done.
    Failure(Failure),
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

/// Answers a request within a turn.
pub(super) fn answer(node: &mut Node, turn: &mut Turn<'_>, request: &Request) -> Result<Reply, StoreError> {
    Ok(match request {
        Request::Publish(submission) => match node.publish(turn, submission) {
            Ok(done) => Reply::Published { digest: done.digest, revision: done.revision },
            Err(error) => Reply::Failure(publish_failure(error)?),
        },
        Request::Outcome(digest) => {
            let outcome = node.outcome(turn, digest)?;
            Reply::Outcome(outcome.map(|known| known.map_err(|code| code.as_str().to_owned())))
        }
        Request::Status => document(&status(node)),
        Request::Invite { level, code, name, hosting, ttl_ms, auto } => {
            let Ok(secret) = random_seed() else {
                return Ok(Reply::Failure(Failure::new(
                    1,
                    "no_randomness",
                    "操作系统没有随机数 / no randomness",
                )));
            };
            let secret = Digest::from_bytes(secret);
            let expires = WallMs(turn.now.wall.0.saturating_add(ttl_ms.unwrap_or(INVITE_MS)));
            let invite = Invite {
                secret: Digest::of(&[secret.as_bytes()]),
                level: *level,
                division: code.clone(),
                name: name.clone(),
                hosting: hosting.clone(),
                expires,
                auto: *auto,
            };
            match token(node, &invite, secret) {
                Ok(text) => match node.invite(turn, invite) {
                    Ok(()) => document(&json!({
                        "schema": "gongshi.invite/1", "token": text, "code": code, "level": level,
                        "expires": expires.to_string(), "auto": auto,
                    })),
                    Err(error) => Reply::Failure(invite_failure(error)?),
                },
                Err(failure) => Reply::Failure(failure),
            }
        }
        Request::Invitations => document(&invitations(node, turn.now.wall)),
        Request::Approve(code) => match node.approve(turn, code) {
            Ok(digits) => {
                document(&json!({"schema": "gongshi.invite.approve/1", "code": code, "digits": digits}))
            }
            Err(error) => Reply::Failure(invite_failure(error)?),
        },
        Request::RevokeInvite(code) => match node.revoke_invite(turn, code) {
            Ok(()) => document(&json!({"schema": "gongshi.invite.revoke/1", "code": code})),
            Err(error) => Reply::Failure(invite_failure(error)?),
        },
        Request::RollCall => document(&roll_call(node)),
        Request::RollCallLines => Reply::RollCall(roll_call_rows(node)),
        Request::VerifyAll => {
            let target = verify::Target::of(node);
            let store: &dyn Read = turn.store;
            document(&verify::verify_all(store, &target)?.to_json())
        }
    })
}

fn document(value: &Value) -> Reply {
    Reply::Document(value.to_string())
}

fn token(node: &Node, invite: &Invite, secret: Digest) -> Result<String, Failure> {
    let own = node.registry().delegation(node.own_key());
    let address = own.and_then(|own| own.addresses.first().cloned());
    let Some(address) = address else {
        let message = "本节点没有可供下级连接的地址：请在初始化时用 --listen 或 --announce 指定 / this node announces no address for children to dial";
        return Err(Failure::new(6, "no_address", message));
    };
    let token = Token {
        address,
        parent_transport: node.identity().transport,
        parent_signing: *node.own_key(),
        federation: node.federation(),
        secret,
        level: invite.level,
        division: invite.division.clone(),
        name: invite.name.clone(),
        expires: invite.expires,
    };
    token.to_text().map_err(|error| Failure::new(2, "bad_name", format!("名称过长或含控制字符 / {error}")))
}

fn publish_failure(error: PublishError) -> Result<Failure, StoreError> {
    Ok(match error {
        PublishError::ForeignDivision(code) => Failure::new(
            6,
            "foreign_division",
            format!(
                "本节点无权为 {code} 发布：只能发布本级及受托管的区划 / this node does not publish for {code}: only its own division and those it hosts"
            ),
        ),
        PublishError::AlreadyReported { digest, revision } => Failure::new(
            6,
            "already_reported",
            format!(
                "该机关该年度已有第 {revision} 版（{digest}）且内容不同：请用 gongshi correct 更正 / revision {revision} with other content stands already: use `gongshi correct`"
            ),
        ),
        PublishError::TooLong(bytes) => Failure::new(
            5,
            "too_long",
            format!("报告内容 {bytes} 字节，超过上限 / the report is too long: {bytes} bytes"),
        ),
        PublishError::Say(error) => say_failure(error)?,
    })
}

fn say_failure(error: SayError) -> Result<Failure, StoreError> {
    match error {
        SayError::Store(error) => Err(error),
        SayError::Refused(code) => Ok(Failure::new(
            6,
            code.as_str(),
            format!("按规则不予受理：{0} / refused by a rule: {0}", code.as_str()),
        )),
        SayError::Card(error) => Ok(Failure::new(5, "bad_card", format!("内容超出限制 / {error}"))),
    }
}

fn invite_failure(error: InviteError) -> Result<Failure, StoreError> {
    Ok(match error {
        InviteError::LevelNotLower(level) => Failure::new(
            6,
            "level_not_lower",
            format!(
                "只能邀请更低层级的节点，{} 不低于本级 / level {level} is not below this node's",
                level.zh()
            ),
        ),
        InviteError::Taken(code) => {
            Failure::new(6, "division_taken", format!("{code} 已有节点 / division {code} has a node already"))
        }
        InviteError::HostingWider => Failure::new(
            6,
            "hosting_wider",
            "托管范围超出本节点 / the hosting reaches beyond this node's own".to_owned(),
        ),
        InviteError::Bounds(why) => Failure::new(2, "invite_bounds", format!("邀请超出限制 / {why}")),
        InviteError::None(what, code) => {
            Failure::new(6, "nothing_pending", format!("{code} 没有待处理的邀请 / no {what} for {code}"))
        }
        InviteError::Say(error) => say_failure(error)?,
    })
}

/// The document of `gongshi status --json`.
pub(super) fn status(node: &Node) -> Value {
    let identity = node.identity();
    let (own, root_log) = (node.own_log(), node.root_log());
    let upstream = node.upstream();
    let link = |link: &Link| json!({"code": link.code, "name": link.name, "state": link.state(), "behind": link.behind});
    let children: Vec<Value> = node.children().iter().map(link).collect();
    let down = upstream.as_ref().is_some_and(|link| !link.up);
    let state = match (node.checkpoint_note(), down, node.unacknowledged()) {
        (None, ..) => "unsynced",
        (_, true, _) => "upstream_down",
        (_, _, 0) => "ok",
        _ => "sending",
    };
    json!({
        "schema": "gongshi.status/1",
        "state": state,
        "node": {"code": identity.division, "level": identity.level, "name": identity.name},
        "federation": node.federation(),
        "log": {"size": own.0, "root_hash": own.1.base64()},
        "root_log": {"size": root_log.0, "root_hash": root_log.1.base64()},
        "view_root": node.ledger().view_root().base64(),
        "upstream": upstream.as_ref().map(link),
        "children": children,
        "held": {"packages": node.ledger().disclosures().released().values().sum::<u64>()},
        "received": node.received(),
        "unacknowledged": node.unacknowledged(),
    })
}

/// The document of `gongshi rollcall --json` and `/api/v1/rollcall`.
pub(super) fn roll_call(node: &Node) -> Value {
    let (size, root_hash) = node.root_log();
    let nodes: Vec<Value> = roll_call_rows(node)
        .iter()
        .map(|line| {
            let at = line.at.map(|at| at.to_string());
            json!({"code": line.code, "size": line.size, "agrees": line.agrees, "at": at})
        })
        .collect();
    json!({
        "size": size, "root_hash": root_hash.base64(), "view_root": node.ledger().view_root().base64(),
        "nodes": nodes,
    })
}

fn roll_call_rows(node: &Node) -> Vec<RollCallRow> {
    let row = |line: crate::sync::attest::RollCallLine| RollCallRow {
        code: line.code,
        size: line.size,
        agrees: line.agrees,
        at: line.at,
    };
    node.roll_call().into_iter().map(row).collect()
}

fn invitations(node: &Node, now: WallMs) -> Value {
    let lines: Vec<Value> = node
        .invitations(now)
        .iter()
        .map(|line| {
            json!({
                "code": line.invite.division, "level": line.invite.level, "name": line.invite.name,
                "state": line.state, "expires": line.invite.expires.to_string(), "auto": line.invite.auto,
                "digits": line.digits,
            })
        })
        .collect();
    json!({"schema": "gongshi.invite.list/1", "invitations": lines})
}
