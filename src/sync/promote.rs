//! Promotion: the root's machine is lost for good, and what a mirror holds goes on as the root's record, under a signing key
//! that the anchor gives the root's place to (src/trust/CEREMONY.md, E).
//!
//! A mirror holds the whole root log with its entries and bodies. What is the mirror's own business stays behind: who it is,
//! its receipts, its invitations, its cosignatures. The new root may hold less than the nodes below it, so it recovers as
//! any old copy of a root does (`super::recover`) before the anchor's Delegate gets its place in the root log.

use super::anchor::Asked;
use super::fact::{Fact, Identity};
use super::limits::ROOT_DELEGATION_MS;
use super::salvage::{Lineage, Salvage, Salvaged};
use crate::record::{Frame, Stream};
use crate::statement::{Act, Entry};
use crate::time::WallMs;
use crate::trust::delegation::{Delegation, prove_possession};
use crate::trust::key::{PublicKey, SecretKey};
use std::collections::BTreeMap;

/// What a mirror's record says of the root that is to be replaced.
#[derive(Clone, Debug, Default)]
pub struct Standby {
    anchor: Option<PublicKey>,
    /// The anchor's newest Delegate, and its index.
    root: Option<(u64, Delegation)>,
    /// Entries of each log that are held.
    sizes: BTreeMap<PublicKey, u64>,
}

impl Standby {
    /// Takes the next frame of facts.
    pub fn take(&mut self, frame: &Frame) {
        match Fact::from_frame(frame) {
            Ok(Fact::Identity(identity)) => self.anchor = Some(identity.anchor),
            Ok(Fact::Entry { entry, .. }) => {
                let (author, index) = (*entry.statement.key(), entry.statement.index());
                let size = self.sizes.entry(author).or_default();
                *size = (index + 1).max(*size);
                if let Act::Delegate(delegation) = &entry.card.act
                    && self.anchor == Some(author)
                    && self.root.as_ref().is_none_or(|(newest, _)| *newest < index)
                {
                    self.root = Some((index, (**delegation).clone()));
                }
            }
            _ => {}
        }
    }

    /// The anchor's key and the delegation of the root as it stood; none when the record does not have them.
    pub fn root(&self) -> Option<(&PublicKey, &Delegation)> {
        self.anchor.as_ref().zip(self.root.as_ref().map(|(_, delegation)| delegation))
    }

    /// The index of the anchor's next entry.
    pub fn next_index(&self) -> u64 {
        self.anchor.and_then(|anchor| self.sizes.get(&anchor)).copied().unwrap_or(0)
    }

    /// What the anchor is to sign: the root's delegation, for `life_ms` from now (none: twenty years), to new keys that
    /// prove themselves, at `addresses` or, without any, where the root was.
    pub fn ask(
        &self,
        now: WallMs,
        life_ms: Option<u64>,
        (signing, transport): (&SecretKey, &SecretKey),
        addresses: Vec<String>,
    ) -> Option<Asked> {
        let (anchor, old) = self.root()?;
        let proofs = prove_possession(&anchor.id(), anchor, signing, transport, &old.division);
        let held = self.sizes.get(&old.signing).copied().unwrap_or(0);
        let not_after = WallMs(now.0.saturating_add(life_ms.unwrap_or(ROOT_DELEGATION_MS)));
        let delegation = Delegation {
            signing: signing.public(),
            transport: transport.public(),
            signing_proof: *proofs.0.as_bytes(),
            transport_proof: *proofs.1.as_bytes(),
            addresses: if addresses.is_empty() { old.addresses.clone() } else { addresses },
            not_after: not_after.max(old.not_after),
            predecessor: Some((old.signing, held.saturating_sub(1))),
            ..old.clone()
        };
        Some(Asked { delegation, index: self.next_index() })
    }
}

/// Who the root is by a Delegate of the anchor; none when it is not the anchor's, or not of these keys.
pub fn root_by(
    grant: &Entry,
    anchor: &PublicKey,
    signing: PublicKey,
    transport: PublicKey,
) -> Option<Identity> {
    let mut lineage = Lineage::default();
    lineage.take(&Fact::Entry { received_at: None, entry: grant.clone() }.to_frame());
    let proven = match &grant.card.act {
        Act::Delegate(delegation) => delegation.possession_holds(&anchor.id(), anchor),
        _ => false,
    };
    lineage.identity(signing, transport).filter(|root| root.anchor == *anchor && proven)
}

/// The root's record, made of a mirror's.
#[derive(Debug)]
pub struct Promotion {
    salvage: Salvage,
    grant: Frame,
}

impl Promotion {
    /// Begins with who the root is by the anchor's `grant`.
    pub fn new(root: Identity, grant: Entry, out: &mut Vec<Frame>) -> Self {
        let mut salvage = Salvage::default();
        out.push(salvage.adopt(root));
        Self { salvage, grant: Fact::Entry { received_at: None, entry: grant }.to_frame() }
    }

    /// Takes the next frame of the mirror's record, bodies first. What the root goes on with is added to `out`.
    pub fn take(&mut self, stream: Stream, frame: &Frame, out: &mut Vec<Frame>) {
        let mut kept = Vec::new();
        self.salvage.take(stream, frame, 0, &mut kept);
        // Checkpoints have said by now that no leaf before them is missing; the root signs its own.
        out.extend(kept.into_iter().filter(|frame| stream == Stream::Bodies || goes_on(frame)));
    }

    /// Nothing follows but the anchor's Delegate, which waits for its place in the root log.
    pub fn finish(self, out: &mut Vec<Frame>) -> Salvaged {
        let salvaged = self.salvage.finish(out);
        out.push(self.grant);
        salvaged
    }
}

/// True for a fact about the federation, false for one about the node that recorded it.
fn goes_on(frame: &Frame) -> bool {
    matches!(
        Fact::from_frame(frame),
        Ok(Fact::Entry { .. }
            | Fact::Leaf { .. }
            | Fact::OriginNote { .. }
            | Fact::Stopped { .. }
            | Fact::SplitView { .. })
    )
}
