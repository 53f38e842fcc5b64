//! Tests of statements, cards and leaves: golden vectors of every layout, and signatures that must not verify.

mod cases;
mod golden;
mod signatures;

use super::governance::{AgencyKey, Closing, Hosted, Revocation, RosterCard, Rotation};
use super::*;
use crate::division::{DivisionCode, Level};
use crate::time::WallMs;
use crate::trust::delegation::{Delegation, Hosting, Kinds, agency_key_message, prove_possession};

/// Noon of 2025-03-01 in China.
const NOON: WallMs = WallMs(1_740_801_600_000);

fn anchor() -> SecretKey {
    SecretKey::from_seed(&[1; 32])
}

fn root() -> SecretKey {
    SecretKey::from_seed(&[2; 32])
}

fn town() -> SecretKey {
    SecretKey::from_seed(&[3; 32])
}

fn agency() -> SecretKey {
    SecretKey::from_seed(&[4; 32])
}

fn federation() -> Digest {
    anchor().public().id()
}

fn division(code: &str) -> DivisionCode {
    code.parse().expect("a division code")
}

/// Delegates the town's key from the root.
fn delegation(hosting: Hosting) -> Delegation {
    let (transport, code) = (SecretKey::from_seed(&[13; 32]), division("330282108"));
    let proofs = prove_possession(&federation(), &root().public(), &town(), &transport, &code);
    Delegation {
        signing: town().public(),
        transport: transport.public(),
        signing_proof: *proofs.0.as_bytes(),
        transport_proof: *proofs.1.as_bytes(),
        level: Level::Town,
        division: code,
        name: "附海镇".into(),
        addresses: vec!["192.0.2.7:4780".into(), "[2001:db8::7]:4780".into()],
        hosting,
        kinds: Kinds(0x1f_0000_0002),
        not_before: WallMs(NOON.0 - 1),
        not_after: WallMs(NOON.0 + 31_536_000_000),
        predecessor: None,
    }
}

fn body(role: BodyRole, seed: u8) -> BodyRef {
    BodyRef { role, digest: Digest::of(&[&[seed]]), bytes: 1_000 * u64::from(seed) }
}

/// A report of the town's government about 2024.
fn report(act: ReportAct) -> ReportCard {
    let first = matches!(act, ReportAct::Submit | ReportAct::Nil | ReportAct::NotApplicable);
    ReportCard {
        act,
        agency_code: "113302820029513378".into(),
        revision: if act == ReportAct::Correct { 2 } else { 1 },
        previous: if first { Digest::ZERO } else { Digest::of(&[b"previous"]) },
        template: "cn-2019".into(),
        reason: if first { 0 } else { 1 },
        bodies: match act {
            ReportAct::Submit => vec![body(BodyRole::Package, 1)],
            ReportAct::Correct => vec![body(BodyRole::Package, 1), body(BodyRole::Reason, 2)],
            ReportAct::Withdraw | ReportAct::Return => vec![body(BodyRole::Reason, 2)],
            ReportAct::Nil | ReportAct::NotApplicable => Vec::new(),
        },
        ..ReportCard::nil(division("330282108"), "慈溪市附海镇人民政府", 2024)
    }
}

/// A card of the signer with a salt of its own.
fn card(signer: &SecretKey, act: Act) -> Card {
    Card { salt: [0x5a; 32], key: signer.public(), act, agency: None }
}

fn entry(signer: &SecretKey, index: u64, act: Act) -> Entry {
    Entry::sign(signer, &federation(), index, [0x5a; 32], act).expect("an act within its bounds")
}

fn submit() -> Act {
    Act::Report(Box::new(report(ReportAct::Submit)))
}

fn rotation() -> Rotation {
    let (new, transport) = (SecretKey::from_seed(&[5; 32]), SecretKey::from_seed(&[15; 32]));
    let proofs = prove_possession(&federation(), &town().public(), &new, &transport, &division("330282108"));
    Rotation {
        signing: new.public(),
        transport: transport.public(),
        signing_proof: *proofs.0.as_bytes(),
        transport_proof: *proofs.1.as_bytes(),
    }
}

fn revoke(last: Option<u64>, prose: Option<BodyRef>) -> Act {
    Act::Revoke(Box::new(Revocation { origin: town().public(), last, reason: 2, prose }))
}

fn close(successors: &[&str]) -> Act {
    let successors = successors.iter().map(|one| division(one)).collect();
    let prose = Some(body(BodyRole::Reason, 4));
    Act::Close(Box::new(Closing { division: division("330282108"), last: Some(7), successors, prose }))
}

fn roster(bytes: u64) -> RosterCard {
    RosterCard { division: division("330282"), digest: Digest::of(&[b"roster"]), bytes }
}

fn host(count: u32) -> Act {
    let divisions = (0..count).map(|n| division(&format!("{}", 440_000 + n))).collect();
    Act::Host(Box::new(Hosted { node: town().public(), divisions }))
}

fn agency_key() -> AgencyKey {
    let code = division("330282108");
    let message = agency_key_message(&federation(), &town().public(), &agency().public(), &code);
    AgencyKey {
        key: agency().public(),
        proof: *agency().sign(&message).as_bytes(),
        division: code,
        agency_name: "慈溪市附海镇人民政府".into(),
        agency_code: "113302820029513378".into(),
        not_before: NOON,
        not_after: WallMs(NOON.0 + 31_536_000_000),
    }
}
