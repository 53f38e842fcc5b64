//! The console's view of the node, and its hand: every look and every deed is the request that the command line sends.

use super::audit::{self, Caller};
use super::data_dir::{DataDir, random_seed};
use super::drafts::Drafts;
use super::metrics::{Metrics, Seen, free_bytes};
use super::portal_source::PortalSource;
use super::query::{Filter, Query, Wanted};
use super::sandbox::{OWN_PROGRAM, Upload, read_apart, template_texts};
use super::service::{Noting, Reply, Request, Reviewing, findings_of};
use super::sizes::sizes;
use crate::config::{Origin, Setting};
use crate::console::users::Users;
use crate::console::{Actor, ConsoleSource, Deed, HandedIn, Look, Readiness, Refused};
use crate::sync::govern::{Governing, Vouch};
use crate::time::Now;
use crate::trust::delegation::Hosting;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

/// Free space without which a node must not take more in: four of the record's largest batches.
const FREE_BYTES_MIN: u64 = 64 << 20;
/// Lines of a list, and of the audit log, that a page shows.
const LINES_MAX: usize = 200;
/// The users' file in the data directory.
pub(super) const USERS: &str = "console/users.json";

/// What the console reads, and through which it acts.
pub(super) struct ConsoleView {
    pub(super) pages: Arc<PortalSource>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) data: DataDir,
    pub(super) drafts: Drafts,
    /// The document of `gongshi config show`, as of the start.
    pub(super) settings: Value,
    /// People look at each report, not only at those with findings.
    pub(super) by_hand: bool,
}

/// The document of `gongshi config show --json`; origins as words too.
pub(super) fn settings_document<'a>(settings: impl Iterator<Item = Setting<'a>>) -> Value {
    let from = |origin: &Origin| match origin {
        Origin::Default => "默认值 / default".to_owned(),
        other => other.to_string(),
    };
    let line = |setting: Setting<'_>| json!({"key": setting.key, "value": setting.value, "origin": from(setting.origin)});
    json!({"schema": "gongshi.config/1", "settings": settings.map(line).collect::<Vec<_>>()})
}

fn refused(code: &str, message: &str) -> Refused {
    Refused { code: code.to_owned(), message: message.to_owned() }
}

impl ConsoleView {
    fn ask(&self, request: Request, actor: &Actor) -> Result<Reply, Refused> {
        let caller = Caller { who: actor.who.clone(), from: format!("console {}", actor.from) };
        match self.pages.ask.call_for(request, caller) {
            Some(Reply::Failure(failure)) => Err(Refused { code: failure.code, message: failure.message }),
            Some(reply) => Ok(reply),
            None => Err(refused("engine", "节点引擎没有答复 / the engine does not answer")),
        }
    }

    fn document(&self, request: Request, actor: &Actor) -> Result<Value, Refused> {
        match self.ask(request, actor)? {
            Reply::Document(text) => Ok(serde_json::from_str(&text).unwrap_or_default()),
            Reply::Published { digest, revision } => Ok(json!({"digest": digest, "revision": revision})),
            _ => Err(refused("unexpected_reply", "答复无法识别 / the answer is not understood")),
        }
    }

    fn read(&self, request: Request) -> Result<Value, Refused> {
        self.document(request, &Actor { who: "gongshi".to_owned(), from: "page".to_owned() })
    }

    /// The newest lines of the audit log, and whether its chain holds.
    fn audit(&self) -> Value {
        let read = || {
            let mut newest = VecDeque::new();
            let head = audit::read(self.data.path(), |line| {
                if newest.len() == LINES_MAX {
                    newest.pop_back();
                }
                newest.push_front(line);
            });
            (newest, head)
        };
        // A line may be half written at the moment of reading: what is broken stays broken.
        let (lines, head) = match read() {
            (_, Err(_)) => read(),
            whole => whole,
        };
        let (head, broken) = match head {
            Ok(head) => (json!({"seq": head.seq, "hash": head.hash}), Value::Null),
            Err(error) => (Value::Null, json!(error.to_string())),
        };
        json!({"schema": "gongshi.audit/1", "lines": lines, "head": head, "broken": broken})
    }

    /// Publishes a draft by `say`, and forgets it.
    fn publish(
        &self,
        number: u64,
        actor: &Actor,
        say: impl FnOnce(Box<crate::sync::publish::Submission>) -> Request,
    ) -> Result<Value, Refused> {
        let submission = self.drafts.submission(number).ok_or_else(no_draft)?;
        let done = self.document(say(Box::new(submission)), actor)?;
        self.drafts.forget(number);
        Ok(done)
    }
}

fn no_draft() -> Refused {
    refused(
        "no_draft",
        "这份草稿已不在或有必须改之处，请重新选择文件 / this draft is gone or must be fixed: choose the file again",
    )
}

impl ConsoleSource for ConsoleView {
    fn status_json(&self) -> Value {
        self.read(Request::Status).unwrap_or_default()
    }

    fn readiness(&self) -> Readiness {
        Readiness::of(&self.status_json(), free_bytes(self.data.path()), FREE_BYTES_MIN)
    }

    fn metrics(&self) -> String {
        let status = self.status_json();
        let ready = Readiness::of(&status, free_bytes(self.data.path()), FREE_BYTES_MIN).ready;
        let checkpoint_age_ms = self.pages.checkpoint_age_ms();
        let wall_ms = self.pages.clock.now().wall.0;
        self.metrics.render(&Seen {
            status: &status,
            checkpoint_age_ms,
            wall_ms,
            data: self.data.path(),
            ready,
        })
    }

    fn look(&self, look: &Look) -> Result<Value, Refused> {
        let query = match look {
            Look::Tree => return self.read(Request::Tree),
            Look::Release(year) => return self.read(Request::Release(*year)),
            Look::Peers => return self.read(Request::Peers),
            Look::Invitations => return self.read(Request::Invitations),
            Look::Keys => return self.read(Request::Keys),
            Look::Settings => return Ok(self.settings.clone()),
            Look::Audit => return Ok(self.audit()),
            Look::Draft(number) => return self.drafts.document(*number).ok_or_else(no_draft),
            Look::Storage => {
                let mut document = sizes(&self.data, &self.status_json());
                document["directory"] = json!(self.data.path().display().to_string());
                return Ok(document);
            }
            Look::Reviews(all) => Query::ReviewList(Wanted {
                year: None,
                division: None,
                all: *all,
                with_findings: !self.by_hand && !all,
                limit: LINES_MAX,
            }),
            Look::Review(digest) => Query::ReviewShow(digest.hex()),
            Look::Show(digest) => Query::Show(digest.hex()),
            Look::List(state) => Query::List(Filter {
                state: Some((*state).to_owned()),
                limit: LINES_MAX,
                ..Filter::default()
            }),
        };
        self.read(Request::Query(query))
    }

    fn act(&self, deed: &Deed, actor: &Actor) -> Result<Value, Refused> {
        let request = match deed.clone() {
            Deed::Accept(digest) => Request::Review(Box::new(Reviewing::Accept { digest: digest.hex() })),
            Deed::Return(digest, reason) => {
                let seen = self.look(&Look::Review(digest))?;
                let (findings, digest) = (findings_of(&seen), digest.hex());
                Request::Review(Box::new(Reviewing::Return { digest, reason, findings, dry_run: false }))
            }
            Deed::Publish(number) => return self.publish(number, actor, Request::Publish),
            Deed::Correct(number, reason) => {
                return self.publish(number, actor, |submission| Request::Correct(submission, reason));
            }
            Deed::Withdraw(digest, reason) => {
                Request::Withdraw { digest: digest.hex(), reason, erase: false, dry_run: false }
            }
            Deed::Release(year, at) => Request::Schedule { year, at, dry_run: false },
            Deed::Invite(level, code, name) => {
                let (hosting, ttl_ms, auto, by_file) = (Hosting::Own, None, false, false);
                Request::Invite { level, code, name, hosting, ttl_ms, auto, by_file }
            }
            Deed::Approve(code) => Request::Approve(code),
            Deed::RevokeInvite(code) => Request::RevokeInvite(code),
            Deed::Revoke(code, prose) => {
                Request::Govern(Box::new(Governing::Revoke { code, vouch: Vouch::Held, reason: 0, prose }))
            }
            Deed::Rotate => Request::Rotate,
            Deed::Push => Request::Push(None),
            Deed::Pull => Request::Pull,
            Deed::Login => Request::Note(Noting::Login),
            Deed::LoginRefused(name) => Request::Note(Noting::LoginRefused(name)),
            Deed::Logout => Request::Note(Noting::Logout),
        };
        self.document(request, actor)
    }

    fn take_in(&self, file: HandedIn) -> Result<u64, Refused> {
        let now = self.pages.clock.now();
        let upload = Upload {
            name: file.name.clone(),
            bytes: file.bytes,
            division: None,
            own_division: Some(self.pages.identity.division.clone()),
            agency_name: file.agency,
            year: file.year,
            current_year: now.wall.year(),
            templates: template_texts(&self.read(Request::Templates)?),
        };
        let read = read_apart(Path::new(OWN_PROGRAM), &upload);
        let [a, b, c, d, e, f, g, h, ..] =
            self.random().map_err(|error| refused("io", &format!("{error} / {error}")))?;
        let number = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        self.drafts.keep(number, file.name, read);
        Ok(number)
    }

    fn users(&self) -> std::io::Result<Users> {
        Users::load(&self.data.path().join(USERS))
    }

    fn now(&self) -> Now {
        self.pages.clock.now()
    }

    fn random(&self) -> std::io::Result<[u8; 32]> {
        random_seed()
    }
}
