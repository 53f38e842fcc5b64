//! Lineage: who a node is, from the delegations in its record, when the fact that says so is lost.

use crate::record::Frame;
use crate::statement::{Act, Entry};
use crate::sync::fact::{Fact, Identity};
use crate::sync::frame::PackedEntry;
use crate::trust::key::PublicKey;
use std::collections::BTreeMap;

/// Puts an identity together from delegations and rotations, when the fact that says it is lost.
#[derive(Debug, Default)]
pub struct Lineage(BTreeMap<PublicKey, Entry>);

impl Lineage {
    /// Takes the next sound frame of facts.
    pub fn take(&mut self, frame: &Frame) {
        let Ok(Fact::Entry { entry, .. }) = Fact::from_frame(frame) else { return };
        let Ok(entry) = Entry::verify(entry.statement.as_bytes(), &entry.card_bytes) else { return };
        let key = match &entry.card.act {
            Act::Delegate(delegation) => delegation.signing,
            Act::Rotate(rotation) => rotation.signing,
            _ => return,
        };
        self.0.insert(key, entry);
    }

    /// The identity of a node with these keys; none when a link of its chain is lost too.
    pub fn identity(&self, signing: PublicKey, transport: PublicKey) -> Option<Identity> {
        let (mut chain, mut key, mut own) = (Vec::new(), signing, None);
        let anchor = loop {
            let entry = self.0.get(&key)?;
            chain.push(PackedEntry::of(entry));
            if let Act::Delegate(delegation) = &entry.card.act {
                own.get_or_insert(delegation);
            }
            let author = *entry.statement.key();
            if author.id() == *entry.statement.federation() {
                break author;
            }
            // Delegations go down, and rotations forward: nothing is met twice.
            if chain.len() > self.0.len() {
                return None;
            }
            key = author;
        };
        chain.reverse();
        let own = own.filter(|own| own.transport == transport)?;
        Some(Identity {
            anchor,
            signing,
            transport,
            level: own.level,
            division: own.division.clone(),
            name: own.name.clone(),
            chain,
        })
    }
}
