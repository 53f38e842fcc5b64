//! The way to a node: through the daemon's socket, or by opening the data directory when no daemon runs.

use super::args::Global;
use super::{DAMAGED, UNREACHABLE, runtime, unexpected};
use crate::ops::audit::{AuditLog, Caller};
use crate::ops::control;
use crate::ops::data_dir::{Clock, DataDir, DataDirError, Opened};
use crate::ops::driver::acted;
use crate::ops::service::{Answer, Failure, Reply, Request, answer};
use serde_json::Value;
use std::time::Duration;
use tokio::net::UnixStream;

/// How often a directory that is locked but does not answer is tried again: a daemon that starts or stops.
const TRIES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(100);
/// Requests in one offline turn: a group commit's worth.
const TURN_REQUEST_COUNT: usize = 256;
/// A daemon that does not answer within this time is not reached.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// Reading everything a province holds takes minutes; a day is beyond any of it.
const READ_WITHIN: Duration = Duration::from_secs(86_400);

pub(super) enum Link {
    Daemon(UnixStream),
    Offline(Box<Opened>, DataDir, Clock),
}

impl Link {
    /// Opens the way.
    pub(super) async fn open(data: &DataDir) -> Result<Self, Failure> {
        let clock = Clock::start();
        let mut tries = 0;
        loop {
            if let Some(stream) = control::connect(data.path(), DataDir::SOCKET).await {
                return Ok(Self::Daemon(stream));
            }
            match data.open(clock.now()) {
                Ok(opened) if opened.engine.was_behind() => return Err(behind()),
                Ok(opened) => return Ok(Self::Offline(Box::new(opened), data.clone(), clock)),
                Err(DataDirError::Locked { .. }) if tries < TRIES => {
                    tries += 1;
                    pause().await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Sends requests and hands each reply on, in order.
    pub(super) async fn calls(
        &mut self,
        requests: Vec<Request>,
        mut on_reply: impl FnMut(Reply),
    ) -> Result<(), Failure> {
        match self {
            Self::Daemon(stream) => {
                control::calls(stream, requests, on_reply).await.map_err(|error| gone(&error))
            }
            Self::Offline(opened, data, clock) => {
                for group in requests.chunks(TURN_REQUEST_COUNT) {
                    let (replies, _) = opened.engine.turn(clock.now(), |node, turn| {
                        let replies: Result<Vec<Answer>, _> =
                            group.iter().map(|request| answer(node, turn, request, data)).collect();
                        node.settle(turn)?;
                        replies
                    })?;
                    let acts = group
                        .iter()
                        .zip(&replies)
                        .filter_map(|(request, answer)| acted(request, Caller::here(), answer));
                    audit(data, &acts.collect::<Vec<_>>(), clock.now().wall);
                    data.promote_key(opened.engine.node().own_key())?;
                    let store = opened.engine.store();
                    let reply = |answer| match answer {
                        Answer::Now(reply) => reply,
                        Answer::Later(reading) => reading.run(store.as_ref()),
                    };
                    replies.into_iter().map(reply).for_each(&mut on_reply);
                }
                Ok(())
            }
        }
    }

    /// Sends one request of several; a failure is an error.
    #[allow(clippy::disallowed_methods, reason = "the command line bounds its own waits, at the edge")]
    pub(super) async fn exchange(&mut self, request: Request) -> Result<Reply, Failure> {
        let reply = match self {
            Self::Daemon(stream) => {
                let call = control::call(stream, &request);
                let answered = tokio::time::timeout(ANSWER_WITHIN, call).await.map_err(|_| silent())?;
                answered.map_err(|error| gone(&error))?
            }
            Self::Offline(opened, data, clock) => {
                let (reply, _) = opened.engine.turn(clock.now(), |node, turn| {
                    let reply = answer(node, turn, &request, data);
                    node.settle(turn)?;
                    reply
                })?;
                let act = acted(&request, Caller::here(), &reply);
                audit(data, act.as_slice(), clock.now().wall);
                data.promote_key(opened.engine.node().own_key())?;
                match reply {
                    Answer::Now(reply) => reply,
                    Answer::Later(reading) => reading.run(opened.engine.store().as_ref()),
                }
            }
        };
        match reply {
            Reply::Failure(failure) => Err(failure),
            other => Ok(other),
        }
    }

    /// Sends one request.
    #[allow(clippy::disallowed_methods, reason = "the command line bounds its own waits, at the edge")]
    pub(super) async fn call(&mut self, request: Request) -> Result<Reply, Failure> {
        let (mut reply, within) = (None, if request.is_long() { READ_WITHIN } else { ANSWER_WITHIN });
        let call = self.calls(vec![request], |answer| reply = Some(answer));
        tokio::time::timeout(within, call).await.map_err(|_| silent())??;
        match reply.ok_or_else(unexpected)? {
            Reply::Failure(failure) => Err(failure),
            other => Ok(other),
        }
    }

    /// Sends a request whose answer is a document.
    pub(super) async fn document(&mut self, request: Request) -> Result<Value, Failure> {
        match self.call(request).await? {
            Reply::Document(text) => serde_json::from_str(&text).map_err(|_| unexpected()),
            _ => Err(unexpected()),
        }
    }
}

/// Asks the node of the data directory for a document.
pub(super) fn ask(global: &Global, request: Request) -> Result<Value, Failure> {
    runtime()?.block_on(async { Link::open(&global.data()).await?.document(request).await })
}

/// Writes acts to the audit log of a directory that this process holds. What was done stands in any case.
fn audit(data: &DataDir, acts: &[crate::ops::audit::Act], now: crate::time::WallMs) {
    let written = AuditLog::open(data.path(), now).and_then(|mut log| log.append(acts, now));
    if let (Err(error), false) = (written, acts.is_empty()) {
        super::say(&format!("审计日志未能写入 / the audit log cannot be written: {error}"));
    }
}

fn gone(error: &std::io::Error) -> Failure {
    let message = format!("守护进程未答复：{error} / the daemon did not answer: {error}");
    Failure::new(UNREACHABLE, "daemon_gone", message)
}

fn silent() -> Failure {
    Failure::new(UNREACHABLE, "daemon_silent", "守护进程未按时答复 / the daemon did not answer in time")
}

fn behind() -> Failure {
    let message = "记录的末尾缺失：本节点签署过的内容比现存的多（损坏，或恢复了旧副本）。请在上级在线时运行 gongshi serve，缺失部分会自动取回 / the record ends before what this node has signed: it was damaged, or is an old copy; run gongshi serve while the parent is up, which fetches the rest";
    Failure::new(DAMAGED, "record_behind", message)
}

#[allow(clippy::disallowed_methods, reason = "the command line waits, at the edge")]
pub(super) async fn pause() {
    tokio::time::sleep(PAUSE).await;
}
