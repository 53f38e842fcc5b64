//! Which requests are administrative acts, in the words of the audit log. Whoever adds a request decides it here.

use super::{Bundling, Keying, Reply, Request, Reviewing, Scoping, Witnessing};
use crate::sync::govern::Governing;
use crate::sync::publish::Submission;

/// The command and its object; none for what only looks.
pub(in crate::ops) fn act(request: &Request) -> Option<(&'static str, String)> {
    Some(match request {
        Request::Publish(submission) => ("publish", report(submission)),
        Request::Correct(submission, reason) => ("correct", format!("{}: {reason}", report(submission))),
        Request::Withdraw { dry_run: true, .. } | Request::Schedule { dry_run: true, .. } => return None,
        Request::Withdraw { digest, reason, erase, .. } => {
            ("withdraw", format!("{digest}{}: {reason}", if *erase { " --erase" } else { "" }))
        }
        Request::Invite { level, code, name, hosting, auto, .. } => {
            let auto = if *auto { " --auto" } else { "" };
            ("invite", format!("{} {code} {name} {hosting:?}{auto}", level.as_str()))
        }
        Request::Replace { code, .. } => ("invite --replace", code.to_string()),
        Request::Govern(governing) => match &**governing {
            Governing::Revoke { code, prose, .. } => ("keys revoke", format!("{code}: {prose}")),
            Governing::Reparent { code, under } => ("reparent", format!("{code} {under}")),
            Governing::Close { code, into, prose } => {
                let into: Vec<String> = into.iter().map(ToString::to_string).collect();
                ("close", format!("{code} [{}]: {prose}", into.join(",")))
            }
            Governing::Renew { code, .. } => ("keys renew", code.to_string()),
            Governing::Agency { agency, .. } => {
                let key = agency.key.id();
                ("keys delegate", format!("{} {} {key}", agency.division, agency.agency_name))
            }
            Governing::RevokeAgency { key, prose, .. } => ("keys revoke", format!("{key}: {prose}")),
            Governing::Host { node, divisions } => {
                let divisions: Vec<String> = divisions.iter().map(ToString::to_string).collect();
                ("host add", format!("{node} [{}]", divisions.join(",")))
            }
        },
        Request::AddTemplate { file, .. } => ("template add", file.clone()),
        Request::Rotate => ("keys rotate", String::new()),
        Request::Approve(code) => ("invite approve", code.to_string()),
        Request::ApproveFile { .. } => ("invite approve", "--request".to_owned()),
        Request::RevokeInvite(code) => ("invite revoke", code.to_string()),
        Request::Schedule { year, at, .. } => {
            let at = at.map_or_else(|| "now".to_owned(), |at| at.to_string());
            ("release set", format!("{year} {at}"))
        }
        Request::Bundle(bundling) => match &**bundling {
            Bundling::Seal { to, .. } => ("bundle export", to.to_string()),
            Bundling::Open { .. } => ("bundle import", String::new()),
            _ => return None,
        },
        Request::Scope(scoping) => match &**scoping {
            Scoping::Declare(declared) => {
                let verb = if declared.no_duty { "not-applicable" } else { "nil" };
                (verb, format!("{} {}", declared.agency_name, declared.year))
            }
            Scoping::ImportRoster { dry_run: true, .. } => return None,
            Scoping::ImportRoster { division, .. } => {
                ("roster import", division.as_ref().map(ToString::to_string).unwrap_or_default())
            }
        },
        // Nothing is said by a file alone: the report that names it is.
        Request::Attach(_) => return None,
        Request::Review(reviewing) => match &**reviewing {
            Reviewing::Return { dry_run: true, .. } => return None,
            Reviewing::Return { digest, reason, .. } => ("review return", format!("{digest}: {reason}")),
            Reviewing::Accept { digest } => ("review accept", digest.clone()),
        },
        Request::Keying(keying) => match &**keying {
            Keying::Desk { .. } => return None,
            Keying::Submit { card, .. } => ("publish", signed(card)),
            Keying::AskAnchor { rotate, .. } => {
                ("keys anchor request", if *rotate { "--rotate".to_owned() } else { String::new() })
            }
            Keying::EnterAnchor { .. } => ("keys anchor apply", String::new()),
        },
        Request::Push(via) => ("push", via.as_ref().map(ToString::to_string).unwrap_or_default()),
        Request::Note(noting) => noting.act(),
        Request::Witness(Witnessing::SetPolicy { quorum, held }) => {
            ("policy set", format!("quorum {quorum:?} held {held:?}"))
        }
        Request::Witness(Witnessing::Policy | Witnessing::Compare | Witnessing::Evidence)
        | Request::Outcome(_)
        | Request::Status
        | Request::Doubt { .. }
        | Request::Templates
        | Request::Keys
        | Request::Invitations
        | Request::RollCall
        | Request::RollCallLines
        | Request::Inventory
        | Request::Tree
        | Request::Release(_)
        | Request::Peers
        | Request::PushProgress(_)
        | Request::Pull
        | Request::PullProgress
        | Request::Query(_) => return None,
    })
}

/// How an act ended.
pub(in crate::ops) fn result(reply: &Reply) -> String {
    match reply {
        Reply::Failure(failure) => failure.code.clone(),
        Reply::Published { digest, revision } => format!("done {revision} {digest}"),
        _ => "done".to_owned(),
    }
}

fn report(submission: &Submission) -> String {
    format!("{} {} {}", submission.division, submission.agency_name, submission.year)
}

/// What an agency signed, as its card says.
fn signed(card: &[u8]) -> String {
    let card = crate::statement::Card::parse(card).ok();
    let report = card.as_ref().and_then(|card| card.act.report());
    report.map_or_else(String::new, |report| {
        format!("{} {} {} (signed)", report.division, report.agency_name, report.year)
    })
}
