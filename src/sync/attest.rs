//! Attestations and the roll call: every node signs what it shows. They are not statements and enter no log.

use super::climb::Outcome;
use super::frame::Frame;
use super::limits::ATTEST_MS_MIN;
use super::node::{ConnId, Node};
use super::session::Peer;
use super::turn::{Event, Turn};
use crate::digest::Digest;
use crate::division::DivisionCode;
use crate::ledger::FOLD_VERSION;
use crate::log::checkpoint::{NODE_ORIGIN_PREFIX, node_origin};
use crate::log::note::{self, Note};
use crate::time::WallMs;
use crate::trust::key::PublicKey;

const HEADER: &str = "gongshi/attestation/v1";

/// What a node says it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attestation {
    /// Root-log size.
    pub size: u64,
    /// Root hash at that size.
    pub root: Digest,
    /// Version of the fold rules.
    pub fold_version: u32,
    /// View root at that size.
    pub view_root: Digest,
    /// Bodies of public reports it does not hold.
    pub missing: u64,
    /// When it was said.
    pub at: WallMs,
    /// The signed note, verbatim.
    pub note: String,
}

/// One line of the roll call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RollCallLine {
    /// The node's division.
    pub code: DivisionCode,
    /// Size it shows; 0 when it never attested.
    pub size: u64,
    /// True when it shows the same set as we do, or did at that size.
    pub agrees: bool,
    /// When it said so; none when it never attested.
    pub at: Option<WallMs>,
}

impl Attestation {
    fn text(&self, federation: &Digest) -> String {
        let Self { size, root, fold_version, view_root, missing, at, .. } = self;
        let (root, view_root) = (root.base64(), view_root.base64());
        format!("{HEADER}\n{federation}\n{size}\n{root}\n{fold_version}\n{view_root}\n{missing}\n{}\n", at.0)
    }

    /// Reads and verifies a note signed by `key`.
    pub fn verify(text: &str, federation: &Digest, key: &PublicKey) -> Option<Self> {
        let note = Note::parse(text).ok()?;
        note::verify(&note, &node_origin(key), key).ok()?;
        let lines: Vec<&str> = note.text.lines().collect();
        let [HEADER, of, size, root, fold_version, view_root, missing, at] = lines.as_slice() else {
            return None;
        };
        let attestation = Self {
            size: size.parse().ok()?,
            root: Digest::from_base64(root)?,
            fold_version: fold_version.parse().ok()?,
            view_root: Digest::from_base64(view_root)?,
            missing: missing.parse().ok()?,
            at: WallMs(at.parse().ok()?),
            note: text.to_owned(),
        };
        // One text per meaning: what is parsed must print back.
        (*of == federation.hex() && attestation.text(federation) == note.text).then_some(attestation)
    }

    fn same_view(&self, other: &Self) -> bool {
        (self.size, self.root, self.view_root, self.missing)
            == (other.size, other.root, other.view_root, other.missing)
    }
}

impl Node {
    /// Our own attestation of what is shown now; none before the first checkpoint, or while our view differs
    /// from the root's.
    fn attestation(&self, at: WallMs) -> Option<Attestation> {
        let size = self.root_note.as_ref()?.size;
        if self.view_differs {
            return None;
        }
        let (root, view_root) = self.views.get(&size).copied()?;
        let mut attestation = Attestation {
            size,
            root,
            fold_version: FOLD_VERSION,
            view_root,
            missing: self.bodies_lacking(),
            at,
            note: String::new(),
        };
        let text = attestation.text(&self.federation());
        let signature = note::sign(&text, &self.own_origin(), &self.signing);
        attestation.note = Note { text, signatures: vec![signature] }.to_string();
        Some(attestation)
    }

    /// Signs and sends what changed, at most once a second.
    pub(super) fn attest(&mut self, turn: &mut Turn<'_>) {
        self.compare_with_root(turn);
        if !self.attestation_is_due() || self.is_recovering() {
            return;
        }
        if let Some((last, _)) = &self.attested
            && turn.now.steady_ms < last + ATTEST_MS_MIN
            && !self.is_root()
        {
            return;
        }
        let Some(attestation) = self.attestation(turn.now.wall) else { return };
        if let Some((_, last)) = &self.attested
            && last.same_view(&attestation)
        {
            return;
        }
        self.attested = Some((turn.now.steady_ms, attestation.clone()));
        self.attestations.insert(*self.own_key(), attestation.clone());
        if self.is_root() {
            self.pass_down(turn, &attestation.note);
        } else {
            self.pass_up(turn, &attestation.note);
        }
    }

    fn attestation_is_due(&self) -> bool {
        let Some(note) = &self.root_note else { return false };
        !self.view_differs
            && self
                .attested
                .as_ref()
                .is_none_or(|(_, last)| (last.size, last.missing) != (note.size, self.bodies_lacking()))
    }

    /// When the attestation that is held back by the rate limit is due, on the steady clock.
    pub(super) fn attest_due_ms(&self) -> Option<u64> {
        let due = self.attestation_is_due() && !self.is_recovering();
        self.attested.as_ref().filter(|_| due).map(|(last, _)| last + ATTEST_MS_MIN)
    }

    /// To a new session with an ancestor: the newest attestation of every node below.
    pub(super) fn forward_attestations(&self, turn: &mut Turn<'_>, conn: ConnId) {
        for (key, attestation) in &self.attestations {
            if self.registry.is_ancestor(self.own_key(), key) {
                turn.send(conn, Frame::Attest { note: attestation.note.clone() });
            }
        }
    }

    /// To a child: the root's own attestation, which accompanies every checkpoint.
    pub(super) fn send_root_attestation(&self, turn: &mut Turn<'_>, conn: ConnId) {
        if let Some(attestation) = self.registry.root().and_then(|root| self.attestations.get(root)) {
            turn.send(conn, Frame::Attest { note: attestation.note.clone() });
        }
    }

    fn pass_down(&self, turn: &mut Turn<'_>, note: &str) {
        for (conn, session) in &self.sessions {
            if session.open && matches!(session.peer, Peer::Below(_)) {
                turn.send(*conn, Frame::Attest { note: note.to_owned() });
            }
        }
    }

    fn pass_up(&self, turn: &mut Turn<'_>, note: &str) {
        for conn in self.ups() {
            turn.send(conn, Frame::Attest { note: note.to_owned() });
        }
    }

    pub(super) fn on_attest(&mut self, turn: &mut Turn<'_>, peer: Peer, text: &str) -> Outcome {
        let name = Note::parse(text).ok().and_then(|note| Some(note.signatures.first()?.name.clone()));
        let Some(name) = name else { return Err("bad_attestation") };
        // A node whose Delegate has not come here yet attests again when that is sequenced.
        let Some(key) = self.attester(peer, &name) else { return Ok(()) };
        let Some(attestation) = Attestation::verify(text, &self.federation(), &key) else {
            return Err("bad_attestation");
        };
        // Sizes first: two checkpoints may fall into one millisecond.
        let place = |attestation: &Attestation| (attestation.size, attestation.at);
        if self.attestations.get(&key).is_some_and(|held| place(held) >= place(&attestation)) {
            return Ok(());
        }
        let note = attestation.note.clone();
        self.attestations.insert(key, attestation);
        match peer {
            Peer::Above(_) => self.pass_down(turn, &note),
            Peer::Below(_) => self.pass_up(turn, &note),
            Peer::Stranger | Peer::Lateral(_) => {}
        }
        Ok(())
    }

    /// From below: any node of our subtree. From above: the root.
    fn attester(&self, peer: Peer, name: &str) -> Option<PublicKey> {
        let named = name.strip_prefix(NODE_ORIGIN_PREFIX).and_then(|id| id.parse().ok());
        let named = self.registry.by_id(&named?)?;
        let fits = match peer {
            Peer::Above(_) => self.registry.root() == Some(named),
            Peer::Below(_) => {
                self.registry.is_live(named) && self.registry.is_ancestor(self.own_key(), named)
            }
            Peer::Stranger | Peer::Lateral(_) => false,
        };
        fits.then_some(*named)
    }

    /// Compares our view with the root's at the same size, whichever of the two came first.
    fn compare_with_root(&mut self, turn: &mut Turn<'_>) {
        let Some(theirs) = self.registry.root().and_then(|root| self.attestations.get(root)) else { return };
        let ours = self.views.get(&theirs.size);
        let differs = theirs.fold_version == FOLD_VERSION
            && ours.is_some_and(|ours| *ours != (theirs.root, theirs.view_root));
        if differs && !self.view_differs {
            turn.event(Event::ViewDiffers(theirs.size));
            self.view_differs = true;
        }
    }

    /// Every node of our subtree and the root, with its newest attestation.
    pub fn roll_call(&self) -> Vec<RollCallLine> {
        let (own, root) = (*self.own_key(), self.registry.root().copied());
        self.registry
            .nodes()
            .filter(|(_, key)| Some(**key) == root || self.registry.is_ancestor(&own, key))
            .map(|(code, key)| self.roll_call_line(code, key))
            .collect()
    }

    fn roll_call_line(&self, code: &DivisionCode, key: &PublicKey) -> RollCallLine {
        let Some(attestation) = self.attestations.get(key) else {
            return RollCallLine { code: code.clone(), size: 0, agrees: false, at: None };
        };
        let ours = self.views.get(&attestation.size);
        let agrees = attestation.fold_version == FOLD_VERSION
            && ours.is_some_and(|(root, view)| (*root, *view) == (attestation.root, attestation.view_root));
        RollCallLine { code: code.clone(), size: attestation.size, agrees, at: Some(attestation.at) }
    }
}
