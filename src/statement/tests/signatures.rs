//! Attacks 1 to 5 on statements: forged, replayed and wheedled signatures, weak keys, cards that do not fit.

use super::*;
use crate::statement::card::CardError;

const DOMAINS: [&[u8]; 4] =
    [b"gongshi/statement/v1\n", b"gongshi/agency/v1\n", b"gongshi/possession/v1\n", b""];

fn signature_error(bytes: &[u8]) -> Option<KeyError> {
    match Statement::verify(bytes) {
        Err(StatementError::Signature(error)) => Some(error),
        _ => None,
    }
}

fn said() -> Entry {
    entry(&town(), 5, submit())
}

/// A statement's fields with a signature that `sign` makes of them.
fn with_signature(sign: impl Fn(&[u8]) -> Signature) -> Vec<u8> {
    let said = said();
    let fields = &said.statement.as_bytes()[..107];
    [fields, sign(fields).as_bytes()].concat()
}

#[test]
fn attack_01_every_flipped_bit_of_a_signature_is_refused() {
    let good = *said().statement.as_bytes();
    assert!(Statement::verify(&good).is_ok());
    for bit in 0..512 {
        let mut bytes = good;
        bytes[107 + bit / 8] ^= 1 << (bit % 8);
        assert_eq!(signature_error(&bytes), Some(KeyError::BadSignature), "bit {bit}");
    }
}

#[test]
fn attack_01_every_flipped_bit_of_a_field_is_refused() {
    let good = *said().statement.as_bytes();
    for bit in 0..107 * 8 {
        let mut bytes = good;
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(Statement::verify(&bytes).is_err(), "bit {bit}");
    }
    let mut governance = good;
    governance[2] = 1;
    assert_eq!(signature_error(&governance), Some(KeyError::BadSignature), "a valid layout, another kind");
}

#[test]
fn attack_01_another_key_is_refused() {
    let message = |fields: &[u8]| [DOMAINS[0], fields].concat();
    let genuine = with_signature(|fields| town().sign(&message(fields)));
    assert_eq!(genuine, said().statement.as_bytes());
    let forged = with_signature(|fields| agency().sign(&message(fields)));
    assert_eq!(signature_error(&forged), Some(KeyError::BadSignature));
    let mut claimed = genuine;
    claimed[35..67].copy_from_slice(agency().public().as_bytes());
    assert_eq!(signature_error(&claimed), Some(KeyError::BadSignature));
}

#[test]
fn attack_03_a_signature_is_valid_in_one_context_only() {
    for domain in DOMAINS {
        let replayed = with_signature(|fields| town().sign(&[domain, fields].concat()));
        assert_eq!(Statement::verify(&replayed).is_ok(), domain == DOMAINS[0], "{domain:?}");
    }
    // The agency's signature of a card as the signature of the statement, and the other way round.
    let mut signed = card(&town(), submit());
    signed.sign_as_agency(&town(), &federation()).expect("a card within its bounds");
    let (_, of_card) = signed.agency.expect("just signed");
    assert_eq!(signature_error(&with_signature(|_| of_card)), Some(KeyError::BadSignature));
    let of_statement: [u8; 64] = said().statement.as_bytes()[107..].try_into().expect("64 bytes");
    signed.agency = Some((town().public(), Signature::from_bytes(of_statement)));
    let bytes = signed.to_bytes().expect("a card within its bounds");
    assert_eq!(
        signed.verify_agency(&federation(), &bytes),
        Err(CardError::Agency(KeyError::BadSignature)),
        "a statement's signature"
    );
    let (proof, _) = prove_possession(
        &federation(),
        &root().public(),
        &town(),
        &SecretKey::from_seed(&[13; 32]),
        &division("330282108"),
    );
    assert_eq!(signature_error(&with_signature(|_| proof)), Some(KeyError::BadSignature));
}

#[test]
fn attack_05_nothing_that_others_choose_is_signed_as_it_stands() {
    // What a town's statement would sign, handed in wherever a node signs what somebody sends it.
    let said = said();
    let fields = &said.statement.as_bytes()[..107];
    let wanted = [DOMAINS[0], fields].concat();
    let possessed = prove_possession(
        &Digest::of(&[&wanted]),
        &root().public(),
        &town(),
        &SecretKey::from_seed(&[13; 32]),
        &division("330282108"),
    );
    let mut carded = card(&town(), submit());
    carded.sign_as_agency(&town(), &Digest::of(&[&wanted])).expect("a card within its bounds");
    let (_, as_agency) = carded.agency.expect("just signed");
    for (by, signature) in [("proving possession", possessed.0), ("signing a card", as_agency)] {
        for message in [wanted.as_slice(), fields, Digest::of(&[&wanted]).as_bytes()] {
            assert_eq!(town().public().verify(message, &signature), Err(KeyError::BadSignature), "{by}");
        }
        assert_eq!(signature_error(&with_signature(|_| signature)), Some(KeyError::BadSignature), "{by}");
    }
}

// ST-6.
#[test]
fn an_agencys_signature_holds_for_its_card_and_federation_alone() {
    let mut signed = card(&town(), submit());
    signed.sign_as_agency(&agency(), &federation()).expect("a card within its bounds");
    let bytes = signed.to_bytes().expect("a card within its bounds");
    assert_eq!(signed.verify_agency(&federation(), &bytes), Ok(()));
    let refused = Err(CardError::Agency(KeyError::BadSignature));
    assert_eq!(signed.verify_agency(&Digest::of(&[b"another"]), &bytes), refused);
    let end = bytes.len() - 97;
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let Ok(card) = Card::parse(&changed) else { continue };
        // Only the flag itself may fall away with what it announces, and then bytes are left over.
        assert!(card.verify_agency(&federation(), &changed).is_err(), "byte {at} of {end}");
    }
    let statement = Statement::sign(&town(), Coarse::Report, &federation(), 0, &Digest::of(&[&bytes]));
    assert!(Entry::verify(statement.as_bytes(), &bytes).is_ok());
    let mut changed = bytes;
    *changed.last_mut().expect("bytes") ^= 1;
    let statement = Statement::sign(&town(), Coarse::Report, &federation(), 0, &Digest::of(&[&changed]));
    assert!(matches!(
        Entry::verify(statement.as_bytes(), &changed),
        Err(EntryError::Card(CardError::Agency(KeyError::BadSignature)))
    ));
}

// ST-5, ST-8.
#[test]
fn a_card_that_does_not_fit_its_statement_is_refused() {
    let verified = |coarse, card: &[u8]| {
        let statement = Statement::sign(&town(), coarse, &federation(), 0, &Digest::of(&[card]));
        Entry::verify(statement.as_bytes(), card).map(|entry| entry.is_report())
    };
    let fits = card(&town(), submit()).to_bytes().expect("a card within its bounds");
    assert_eq!(verified(Coarse::Report, &fits), Ok(true));
    assert_eq!(verified(Coarse::Governance, &fits), Err(EntryError::Disagree("kinds")));
    let governs = card(&town(), Act::Release { year: 2024 }).to_bytes().expect("a card within its bounds");
    assert_eq!(verified(Coarse::Governance, &governs), Ok(false));
    assert_eq!(verified(Coarse::Report, &governs), Err(EntryError::Disagree("kinds")));
    let foreign = card(&agency(), submit()).to_bytes().expect("a card within its bounds");
    assert_eq!(verified(Coarse::Report, &foreign), Err(EntryError::Disagree("signing keys")));
    assert!(matches!(verified(Coarse::Report, b"no card"), Err(EntryError::Card(_))));
    let other = entry(&town(), 6, Act::Release { year: 2023 });
    assert_eq!(
        Entry::verify(said().statement.as_bytes(), &other.card_bytes).err(),
        Some(EntryError::OtherCard)
    );
}

#[test]
fn attack_02_keys_of_small_order_are_refused() {
    // The eight points of small order, then encodings that are not canonical.
    let points = [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    ];
    for point in points {
        let bytes = *point.parse::<Digest>().expect("32 bytes of hex").as_bytes();
        assert_eq!(PublicKey::from_bytes(bytes).checked(), Err(KeyError::BadKey), "{point}");
        // R the identity and S zero: verifies for half of all messages where the equation alone is asked.
        let mut statement = *said().statement.as_bytes();
        statement[35..67].copy_from_slice(&bytes);
        statement[107..].fill(0);
        for index in 0_u64..16 {
            statement[67..75].copy_from_slice(&index.to_be_bytes());
            for r in [[0; 32], identity(), bytes] {
                statement[107..139].copy_from_slice(&r);
                assert!(signature_error(&statement).is_some(), "{point}");
            }
        }
    }
}

fn identity() -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[0] = 1;
    bytes
}

// ST-1: y = 3 is a point of the curve and of great order; 2^255 - 16 names it once more.
#[test]
fn attack_02_a_key_has_one_encoding() {
    let mut canonical = [0; 32];
    canonical[0] = 3;
    assert!(PublicKey::from_bytes(canonical).checked().is_ok());
    for sign in [0x7f, 0xff] {
        let mut again = [0xff; 32];
        (again[0], again[31]) = (0xf0, sign);
        assert_eq!(PublicKey::from_bytes(again).checked(), Err(KeyError::BadKey));
        assert_eq!(PublicKey::from_bytes(again).to_spki_der(), Err(KeyError::BadKey));
        let mut statement = *said().statement.as_bytes();
        statement[35..67].copy_from_slice(&again);
        assert_eq!(signature_error(&statement), Some(KeyError::BadKey));
    }
}

// Attack 2: S + L is the same scalar in another encoding.
#[test]
fn attack_02_a_signature_has_one_encoding() {
    const L: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut statement = *said().statement.as_bytes();
    let mut carry = 0;
    for (byte, add) in statement[139..].iter_mut().zip(L) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        [*byte, _] = sum.to_le_bytes();
        carry = sum >> 8;
    }
    assert_eq!(carry, 0);
    assert_eq!(signature_error(&statement), Some(KeyError::BadSignature));
}
