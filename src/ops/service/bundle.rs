//! Bundles: what the edge that reads and writes their files asks of the node.

use super::{Failure, Reply, document};
use crate::digest::Digest;
use crate::division::DivisionCode;
use crate::store::StoreError;
use crate::sync::bundle::{BundleError, Direction, Header, Leg, NotAdmitted, Plan, Taken};
use crate::sync::enrol::six_digits;
use crate::sync::frame::{Frame, PackedEntry};
use crate::sync::{Node, Turn};
use crate::trust::key::PublicKey;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use serde_json::json;

/// A request about a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::ops) enum Bundling {
    /// What the node of a division lacks.
    Plan {
        /// The division.
        to: DivisionCode,
        /// Everything from this index on.
        since: Option<u64>,
    },
    /// The frames that say what a leg is about.
    Introduce(Leg),
    /// The next frame of a leg.
    Pack {
        /// The plan's root checkpoint.
        root_note: String,
        /// The leg, or what is left of it.
        leg: Leg,
        /// About how long the frame may be.
        bytes_target: usize,
    },
    /// The signature over a bundle's digest.
    Seal {
        /// The digest.
        digest: Digest,
        /// Whom the bundle is for.
        to: DivisionCode,
    },
    /// Whether a bundle is for this node.
    Open {
        /// Its header.
        header: Header,
        /// Its first frame.
        introduction: Vec<PackedEntry>,
    },
    /// A frame of a bundle.
    Take {
        /// The bundle's writer.
        from: PublicKey,
        /// The frame.
        frame: ByteBuf,
    },
}

/// An answer about a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::ops) enum Bundled {
    /// What goes into it.
    Plan(Box<Plan>),
    /// Frames.
    Frames(Vec<ByteBuf>),
    /// A frame and what is left of its leg; none when the leg ends.
    Pack(Option<(ByteBuf, Leg)>),
    /// A signature of 64 bytes.
    Seal(ByteBuf),
    /// It is for this node, and goes this way.
    Opened(Direction),
    /// What a frame brought.
    Taken(Taken),
}

pub(super) fn bundle(node: &mut Node, turn: &mut Turn<'_>, bundling: &Bundling) -> Result<Reply, StoreError> {
    let answer = match bundling {
        Bundling::Plan { to, since } => match node.plan_bundle(turn, to, *since) {
            Ok(plan) => Bundled::Plan(Box::new(plan)),
            Err(error) => return Ok(Reply::Failure(failure(error)?)),
        },
        Bundling::Introduce(leg) => {
            let frames = node.introduce_leg(turn, leg)?;
            Bundled::Frames(frames.iter().map(|frame| ByteBuf::from(frame.to_bytes())).collect())
        }
        Bundling::Pack { root_note, leg, bytes_target } => {
            let pack = node.pack(turn, root_note, leg, *bytes_target)?;
            Bundled::Pack(pack.map(|(frame, rest)| (ByteBuf::from(frame.to_bytes()), rest)))
        }
        Bundling::Seal { digest, .. } => {
            Bundled::Seal(ByteBuf::from(node.seal_bundle(digest).as_bytes().as_slice()))
        }
        Bundling::Open { header, introduction } => match node.open_bundle(turn, header, introduction) {
            Ok(direction) => Bundled::Opened(direction),
            Err(error) => return Ok(Reply::Failure(failure(error)?)),
        },
        Bundling::Take { from, frame } => {
            let taken = match Frame::from_bytes(frame) {
                Ok(frame) => node.take_frame(turn, from, frame)?,
                Err(_) => Err("bad_frame"),
            };
            match taken {
                Ok(taken) => Bundled::Taken(taken),
                Err(why) => return Ok(Reply::Failure(not_verified(why))),
            }
        }
    };
    Ok(Reply::Bundled(Box::new(answer)))
}

/// Approves a request to join that came in a file.
pub(super) fn approve(
    node: &mut Node,
    turn: &mut Turn<'_>,
    frame: &[u8],
    digits: Option<&str>,
) -> Result<Reply, StoreError> {
    let Ok(Frame::Join(request)) = Frame::from_bytes(frame) else {
        return Ok(Reply::Failure(not_verified("bad_frame")));
    };
    let failure = match node.admit_by_file(turn, &request, digits)? {
        Ok(code) => {
            return Ok(document(&json!({
                "schema": "gongshi.invite.approve/1", "code": code, "digits": six_digits(&request),
            })));
        }
        Err(NotAdmitted::Refused { code, message }) => Failure::new(6, &code, message),
        Err(NotAdmitted::DigitsWanted(shown)) => Failure::new(
            6,
            "digits_wanted",
            format!(
                "请先与新节点的操作员核对六位码：两端均为 {shown} 才可批准，然后加 --digits {shown} / compare the six digits with the new node's operator; if both see {shown}, run it again with --digits {shown}"
            ),
        ),
        Err(NotAdmitted::DigitsDiffer) => Failure::new(
            6,
            "digits_differ",
            "两端核对码不一致，未批准：请求可能被调换 / the six digits differ, nothing was approved: the request may be another's",
        ),
    };
    Ok(Reply::Failure(failure))
}

fn not_verified(why: &str) -> Failure {
    Failure::new(
        4,
        "bundle_not_verified",
        format!(
            "数据包内容未通过核验（{why}），其后内容未导入；请联系写出它的节点 / what it carries does not verify ({why}), and nothing after it was taken: ask the node that wrote it"
        ),
    )
}

fn failure(error: BundleError) -> Result<Failure, StoreError> {
    Ok(match error {
        BundleError::NoNode(code) => Failure::new(
            6,
            "unknown_node",
            format!(
                "{code} 没有在用节点：请用 gongshi tree 核对 / division {code} has no live node: see gongshi tree"
            ),
        ),
        BundleError::NotOnPath(code) => Failure::new(
            6,
            "not_on_path",
            format!("{code} 既不是本节点的上级也不是下级 / {code} is neither above nor below this node"),
        ),
        BundleError::OtherFederation(id) => Failure::new(
            6,
            "bundle_other_federation",
            format!("数据包属于另一联邦 {id}，未导入 / it is of another federation, {id}; nothing was taken"),
        ),
        BundleError::OtherNode(name) => Failure::new(
            6,
            "bundle_other_node",
            format!("数据包是写给 {name} 的，未导入 / it is for {name}; nothing was taken"),
        ),
        BundleError::Stranger(name) => Failure::new(
            6,
            "bundle_from_stranger",
            format!(
                "写出者 {name} 不是本节点所知的上级或下级，未导入 / its writer {name} is neither above nor below this node as far as is known here; nothing was taken"
            ),
        ),
        BundleError::Store(error) => return Err(error),
    })
}
