//! The keys there are, and what the anchor and agencies' desks are told and bring, as requests and documents.

use super::failures::{publish_failure, say_failure};
use super::{Failure, Reply, document};
use crate::ledger::{EndCause, Given};
use crate::ops::data_dir::DataDir;
use crate::ops::packages::division_name;
use crate::statement::Entry;
use crate::store::StoreError;
use crate::sync::agency::agency_year;
use crate::sync::anchor::{AnchorError, Asked};
use crate::sync::body::PackedBody;
use crate::sync::template::template_text;
use crate::sync::{Node, Turn};
use crate::time::WallMs;
use crate::trust::delegation::Delegation;
use crate::trust::key::PublicKey;
use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use serde_json::{Value, json};

/// A delegation that ends within so many days is told of in time: 60 days, as the design asks.
pub(in crate::ops) const EXPIRY_WARNING_DAYS: u64 = 60;
const DAY_MS: u64 = 86_400_000;
/// The first year of which there are reports, and how many years a desk is told of.
const YEAR_MIN: u16 = 1949;

/// What is asked about keys beyond acts of the tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::ops) enum Keying {
    /// What an agency's desk must know to sign for this node.
    Desk {
        /// Whose agency, its name and code; the key in it is nobody's.
        agency: Box<crate::sync::govern::AgencyRequest>,
    },
    /// Submit what an agency signed.
    Submit {
        /// The card's exact bytes.
        card: ByteBuf,
        /// Its bodies but attachments.
        bodies: Vec<PackedBody>,
    },
    /// What the anchor is to sign.
    AskAnchor {
        /// A new signing key too.
        rotate: bool,
        /// For how long, in milliseconds.
        life_ms: Option<u64>,
    },
    /// What the anchor signed.
    EnterAnchor {
        /// The statement.
        statement: ByteBuf,
        /// Its card.
        card: ByteBuf,
    },
}

pub(super) fn keying(
    node: &mut Node,
    turn: &mut Turn<'_>,
    keying: &Keying,
    data: &DataDir,
) -> Result<Reply, StoreError> {
    Ok(match keying {
        Keying::Desk { agency } => desk(node, turn, agency)?,
        Keying::Submit { card, bodies } => match node.submit_signed(turn, card, bodies) {
            Ok(done) => Reply::Published { digest: done.digest, revision: done.revision },
            Err(error) => Reply::Failure(publish_failure(error)?),
        },
        Keying::AskAnchor { rotate, life_ms } => ask_anchor(node, turn, *rotate, *life_ms, data)?,
        Keying::EnterAnchor { statement, card } => enter_anchor(node, turn, statement, card, data)?,
    })
}

/// `gongshi.desk/1`: everything in it is public.
fn desk(
    node: &Node,
    turn: &Turn<'_>,
    agency: &crate::sync::govern::AgencyRequest,
) -> Result<Reply, StoreError> {
    if !node.may_publish(&agency.division) {
        let error = crate::sync::publish::PublishError::ForeignDivision(agency.division.clone());
        return Ok(Reply::Failure(publish_failure(error)?));
    }
    let key = crate::statement::governance::AgencyKey {
        key: agency.key,
        proof: agency.proof,
        division: agency.division.clone(),
        agency_name: agency.agency_name.clone(),
        agency_code: agency.agency_code.clone(),
        not_before: WallMs(0),
        not_after: WallMs(0),
    };
    let mut years = Vec::new();
    for year in YEAR_MIN..=turn.now.wall.year() {
        match node.desk_year(turn, &agency_year(&key, year)) {
            Ok(None) => {}
            Ok(Some((digest, revision, stands))) => {
                years.push(json!({"year": year, "digest": digest, "revision": revision, "stands": stands}));
            }
            Err(error) => return Ok(Reply::Failure(say_failure(error)?)),
        }
    }
    let mut templates = Vec::new();
    for row in node.ledger().templates() {
        if let Some(text) = template_text(&turn.read(), row)? {
            templates.push(json!({"id": row.card.id, "text": String::from_utf8_lossy(&text)}));
        }
    }
    let given = node.ledger().agencies();
    let keys = given.of(&agency.division, &agency.agency_name, &agency.agency_code);
    Ok(document(&json!({
        "schema": "gongshi.desk/1", "federation": node.federation(),
        "node": {"code": node.identity().division, "name": node.identity().name, "key": hex(node.own_key())},
        "division": {"code": agency.division, "name": division_name(&agency.division)},
        "agency": {"name": agency.agency_name, "code": agency.agency_code},
        "keys": keys.iter().map(|given| agency_line(given, turn.now.wall)).collect::<Vec<_>>(),
        "years": years, "templates": templates, "at": turn.now.wall.to_string(),
    })))
}

fn ask_anchor(
    node: &mut Node,
    turn: &Turn<'_>,
    rotate: bool,
    life_ms: Option<u64>,
    data: &DataDir,
) -> Result<Reply, StoreError> {
    let mut transport = None;
    if rotate && node.is_root() {
        let keys = data.next_key().and_then(|next| Ok((next, data.key("keys/transport.pem", false)?)));
        match keys {
            Ok((next, own)) => {
                node.offer_key(next);
                transport = Some(own);
            }
            Err(error) => {
                return Ok(Reply::Failure(Failure::new(1, "no_new_key", error.to_string())));
            }
        }
    }
    Ok(match node.ask_anchor(turn.now.wall, life_ms, transport.as_ref()) {
        Ok(asked) => {
            let rotates = asked.delegation.signing != *node.own_key();
            match anchor_request(node.anchor_key(), &asked, rotates) {
                Ok(request) => document(&request),
                Err(failure) => Reply::Failure(failure),
            }
        }
        Err(error) => Reply::Failure(anchor_failure(error)?),
    })
}

/// `gongshi.anchor-request/1`: what is carried to where the anchor key is.
pub(in crate::ops) fn anchor_request(
    anchor: &PublicKey,
    asked: &Asked,
    rotates: bool,
) -> Result<Value, Failure> {
    let mut writer = crate::bytes::Writer::new();
    let own = &asked.delegation;
    own.write(&mut writer).map_err(|error| Failure::new(5, "bad_card", error.to_string()))?;
    Ok(json!({
        "schema": "gongshi.anchor-request/1", "federation": anchor.id(), "anchor": anchor.id(),
        "index": asked.index, "delegation": BASE64.encode(&writer.finish()),
        "says": {
            "division": own.division, "name": own.name, "signing": own.signing.id(), "rotates": rotates,
            "not_after": own.not_after.to_string(),
        },
    }))
}

fn enter_anchor(
    node: &mut Node,
    turn: &mut Turn<'_>,
    statement: &[u8],
    card: &[u8],
    data: &DataDir,
) -> Result<Reply, StoreError> {
    let Ok(entry) = Entry::verify(statement, card) else {
        return Ok(Reply::Failure(anchor_failure(AnchorError::NotOurs)?));
    };
    // After a restart the new key is in its file alone.
    if let Ok(keys) = data.signing_keys() {
        let own = *node.own_key();
        keys.into_iter().filter(|key| key.public() != own).for_each(|key| node.offer_key(key));
    }
    let old = node.own_key().id();
    Ok(match node.enter_anchor(turn, &entry) {
        Ok(own) => document(&json!({
            "schema": "gongshi.govern/1", "kind": "anchor", "digest": entry.digest(), "sequenced": true,
            "old": old, "new": own.signing.id(), "until": own.not_after.to_string(),
        })),
        Err(error) => Reply::Failure(anchor_failure(error)?),
    })
}

fn anchor_failure(error: AnchorError) -> Result<Failure, StoreError> {
    Ok(match error {
        AnchorError::NotRoot => Failure::new(
            6,
            "not_root",
            "本节点不是根节点：更换密钥用 gongshi keys rotate，续期请上级 gongshi keys renew / this node is not the root: rotate with gongshi keys rotate, and its parent renews with gongshi keys renew",
        ),
        AnchorError::NotOurs => Failure::new(
            4,
            "not_our_anchor",
            "不是本联邦锚密钥对本根节点的授权，或已损坏 / it is not a delegation of this root by the anchor of this federation, or it is damaged",
        ),
        AnchorError::NotNext { found, expected } => Failure::new(
            6,
            "anchor_not_next",
            format!(
                "锚日志应为第 {expected} 条，签的是第 {found} 条：请重新 gongshi keys anchor request / entry {found} of the anchor's log was signed where {expected} comes next: make a new request"
            ),
        ),
        AnchorError::NoKey => Failure::new(
            6,
            "no_new_key",
            "新签名密钥不在本机：请在生成请求的机器上执行，或重新生成请求 / the new signing key is not on this machine: do it where the request was made, or make a new request",
        ),
        AnchorError::Refused(code) => say_failure(crate::sync::SayError::Refused(code))?,
        AnchorError::Say(error) => say_failure(error)?,
    })
}

fn hex(key: &PublicKey) -> String {
    data_encoding::HEXLOWER.encode(key.as_bytes())
}

/// Days until a delegation ends; 0 when it has.
pub(in crate::ops) fn days_left(not_after: WallMs, now: WallMs) -> u64 {
    not_after.0.saturating_sub(now.0) / DAY_MS
}

/// The state of a validity that nobody ended.
fn by_age(not_after: WallMs, now: WallMs) -> &'static str {
    if not_after <= now {
        "expired"
    } else if days_left(not_after, now) <= EXPIRY_WARNING_DAYS {
        "expiring"
    } else {
        "live"
    }
}

fn agency_line(given: &Given, now: WallMs) -> Value {
    let own = &given.agency;
    let state = if given.revoked { "revoked" } else { by_age(own.not_after, now) };
    json!({
        "kind": "agency", "code": own.division, "name": own.agency_name, "agency_code": own.agency_code,
        "key": own.key.id(), "public_key": own.key, "giver": given.giver.id(), "state": state, "own": false,
        "not_before": own.not_before.to_string(), "not_after": own.not_after.to_string(),
        "days_left": days_left(own.not_after, now),
    })
}

/// `gongshi.keys/1`: every key that was delegated, by division, newest first within one; then those of agencies.
pub(super) fn keys(node: &Node, now: WallMs) -> Value {
    let registry = node.registry();
    let mut keys: Vec<(&PublicKey, &Delegation)> = registry.delegations().collect();
    keys.sort_by(|(_, a), (_, b)| (&a.division, b.not_before).cmp(&(&b.division, a.not_before)));
    let line = |(key, own): &(&PublicKey, &Delegation)| {
        let state = match registry.ending(key).map(|end| end.cause) {
            Some(EndCause::Replaced) => "replaced",
            Some(EndCause::Revoked) => "revoked",
            Some(EndCause::Closed) => "closed",
            None => by_age(own.not_after, now),
        };
        json!({
            "kind": "node", "code": own.division, "level": own.level, "name": own.name, "key": key.id(),
            "public_key": key, "transport_key": own.transport, "state": state,
            "not_before": own.not_before.to_string(), "not_after": own.not_after.to_string(),
            "days_left": days_left(own.not_after, now),
            "predecessor": own.predecessor.as_ref().map(|(old, last)| json!({"key": old.id(), "last": last})),
            "last": registry.ending(key).map(|end| end.last), "own": *key == node.own_key(),
        })
    };
    let mut lines: Vec<Value> = keys.iter().map(line).collect();
    let mut agencies: Vec<&Given> = node.ledger().agencies().all().collect();
    agencies.sort_by_key(|given| (&given.agency.division, &given.agency.agency_name));
    lines.extend(agencies.into_iter().map(|given| agency_line(given, now)));
    json!({"schema": "gongshi.keys/1", "keys": lines})
}

/// What ends soon or has ended of the keys that this node looks after: its own, its children's, those of agencies that it
/// gave; the first to end first.
pub(super) fn ending(node: &Node, now: WallMs) -> Vec<Value> {
    let registry = node.registry();
    let own = node.own_key();
    let nodes = std::iter::once(own).chain(registry.children(own)).filter_map(|key| {
        let own = registry.delegation(key)?;
        Some((
            own.not_after,
            json!({"kind": "node", "code": own.division, "name": own.name, "key": key.id()}),
        ))
    });
    let mine = |given: &&Given| !given.revoked && registry.newest(&given.giver) == own;
    let agencies = node.ledger().agencies().all().filter(mine).map(|given| {
        let own = &given.agency;
        let line =
            json!({"kind": "agency", "code": own.division, "name": own.agency_name, "key": own.key.id()});
        (own.not_after, line)
    });
    let mut found: Vec<(WallMs, Value)> =
        nodes.chain(agencies).filter(|(until, _)| by_age(*until, now) != "live").collect();
    found.sort_by_key(|(until, _)| *until);
    let line = |(until, mut line): (WallMs, Value)| {
        line["state"] = json!(by_age(until, now));
        line["until"] = json!(until.to_string());
        line["days_left"] = json!(days_left(until, now));
        line
    };
    found.into_iter().map(line).collect()
}
