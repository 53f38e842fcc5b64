//! More words of the tests: what offices say about each other and about what stands.

use crate::story::{Office, World, code};
use gongshi::digest::Digest;
use gongshi::package::body::body_digest;
use gongshi::statement::{Act, BodyRef, BodyRole, ReportAct, ReportCard};
use gongshi::sync::ask::PathError;
use gongshi::sync::body::PackedBody;
use gongshi::sync::govern::{Governing, Vouch};
use gongshi::sync::limits::INVITE_MS;
use gongshi::sync::publish::Published;
use gongshi::sync::read_entry;
use gongshi::sync::token::Token;
use gongshi::time::WallMs;
use gongshi::trust::key::SecretKey;

impl Office {
    /// Takes back what it published; none when it cannot.
    pub fn takes_back(&self, statement: &Digest, erase: bool) -> Option<Published> {
        let said = self
            .sim()
            .turn(self.at, |node, turn| Ok(node.withdraw(turn, statement, "误公示个人信息", erase).ok()));
        said.flatten()
    }

    /// The newest revision of an agency's year, as this office knows it.
    pub fn newest(&self, division: &str, agency: &str, year: u16) -> Option<(Digest, u32)> {
        let sim = self.sim();
        let disclosures = sim.sites[self.at].node().ledger().disclosures();
        let chain = disclosures.chain(&format!("{division}:{agency}"), year);
        chain.last().map(|last| (last.digest, last.revision))
    }

    /// Sends a report of a node below back, with findings.
    pub fn sends_back(&self, statement: &Digest) -> Option<Digest> {
        let mut sim = self.sim();
        let entry = read_entry(sim.sites[self.at].store.as_ref(), statement).expect("readable")?;
        let about = entry.card.act.report()?.clone();
        let (salt, findings) = (sim.random_bytes(), "罚没金额与明细不符".as_bytes());
        let digest = body_digest(&salt, findings);
        let reason = BodyRef { role: BodyRole::Reason, digest, bytes: findings.len() as u64 };
        let card = ReportCard {
            act: ReportAct::Return,
            previous: *statement,
            reason: 1,
            bodies: vec![reason],
            ..about
        };
        let said = sim.turn(self.at, |node, turn| {
            turn.keep_body(&digest, &PackedBody::pack(salt, findings));
            Ok(node.say(turn, Act::Report(Box::new(card))).ok())
        });
        said.flatten().map(|entry| entry.digest())
    }

    /// The signing key follows the one before; false when it cannot now. A machine of these tests does it once.
    pub fn rotates(&self) -> bool {
        let mut sim = self.sim();
        if sim.sites[self.at].spare.is_some() {
            return false;
        }
        let seed = sim.random_bytes();
        let transport = sim.sites[self.at].transport();
        sim.sites[self.at].spare = Some(seed);
        let said = sim.turn(self.at, |node, turn| {
            node.offer_key(SecretKey::from_seed(&seed));
            Ok(node.rotate(turn, &transport).is_ok())
        });
        // A machine that stopped in it may have rotated; one that refused has not, and draws another key later.
        if said == Some(false) {
            sim.sites[self.at].spare = None;
        }
        said == Some(true)
    }

    /// Says something about the tree of nodes; false when its own registry refuses it.
    pub fn governs(&self, governing: &Governing) -> bool {
        let said = self.sim().turn(self.at, |node, turn| Ok(node.govern(turn, governing).is_ok()));
        said == Some(true)
    }

    pub fn revokes(&self, other: &Self, vouch: Vouch) -> bool {
        let (code, prose) = (code(&other.division()), "密钥失窃".to_owned());
        self.governs(&Governing::Revoke { code, vouch, reason: 1, prose })
    }

    pub fn moves(&self, node: &Self, under: &Self) -> bool {
        self.governs(&Governing::Reparent { code: code(&node.division()), under: code(&under.division()) })
    }

    pub fn closes(&self, node: &Self, into: &[&Self]) -> bool {
        let into = into.iter().map(|office| code(&office.division())).collect();
        self.governs(&Governing::Close {
            code: code(&node.division()), into, prose: "撤销建制".to_owned()
        })
    }

    pub fn hosts(&self, node: &Self, divisions: &[&str]) -> bool {
        let divisions = divisions.iter().map(|division| code(division)).collect();
        self.governs(&Governing::Host { node: code(&node.division()), divisions })
    }

    /// Tries the ancestor of that division at once.
    pub fn pushes(&self, via: &str) -> Option<Result<(), PathError>> {
        let via = code(via);
        self.sim().turn(self.at, |node, turn| Ok(node.push(turn, Some(&via))))
    }

    pub fn pulls(&self) {
        self.sim().turn(self.at, |node, turn| Ok(node.pull(turn)));
    }

    /// A token for a machine that takes the place of a division's node; none when this office cannot give one.
    pub fn invites_instead(&self, division: &str) -> Option<Token> {
        let mut sim = self.sim();
        let secret = Digest::from_bytes(sim.random_bytes());
        let expires = WallMs(sim.now(self.at).wall.0 + INVITE_MS);
        let division = code(division);
        let hidden = Digest::of(&[secret.as_bytes()]);
        let invite = sim.turn(self.at, |node, turn| {
            let invite = node.replacement(&division, hidden, expires, true).ok();
            Ok(invite.filter(|invite| node.invite(turn, invite.clone()).is_ok()))
        });
        let invite = invite.flatten()?;
        let site = &sim.sites[self.at];
        Some(Token {
            address: site.address(),
            parent_transport: site.transport().public(),
            parent_signing: *site.node().own_key(),
            federation: site.node().federation(),
            secret,
            level: invite.level,
            name: invite.name,
            division,
            expires,
        })
    }
}

impl World {
    /// A machine takes the place of another, whose directory is gone; none when the parent cannot have it.
    pub fn replaces(&self, old: &Office, parent: &Office) -> Option<Office> {
        let token = parent.invites_instead(&old.division())?;
        let keys = self.keys();
        match self.tries(&token, &keys) {
            Some(crate::story::Answer::Joined(identity)) => Some(self.starts(*identity, &keys, parent)),
            _ => None,
        }
    }
}
