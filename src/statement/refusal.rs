//! Refusal codes: why the root did not accept an entry (FORMAT.md "Refuse").

use serde::{Deserialize, Serialize};

/// Why the root did not accept an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RefusalCode {
    /// The key has no delegation, or it was refused.
    NoAuthority = 1,
    /// The delegation is not valid at that time.
    OutsideValidity = 2,
    /// The key may not say this kind of thing.
    KindNotGiven = 3,
    /// The key may not speak for that division.
    ForeignDivision = 4,
    /// A delegation that is wider than its issuer's, or for a division that has a live node.
    BadDelegation = 5,
    /// The revision, or the entry that a `Refuse` names, is not the next one; or it names another predecessor.
    BadRevision = 6,
    /// A revision of that agency and year stands already; `correct` is the way.
    AlreadyReported = 7,
    /// There is nothing to correct or withdraw.
    NothingToChange = 8,
    /// The same card was accepted in another statement.
    DuplicateCard = 9,
    /// The year of the report is not one that can be reported.
    BadYear = 10,
    /// It names a node that is not there, not live, or not below who says it.
    UnknownNode = 11,
    /// A division with live nodes below it cannot be closed.
    LiveBelow = 12,
    /// The agency signs its own packages, and the card has no signature by a key of it that is valid then.
    AgencyUnsigned = 13,
}

impl RefusalCode {
    /// All codes.
    pub const ALL: [Self; 13] = [
        Self::NoAuthority,
        Self::OutsideValidity,
        Self::KindNotGiven,
        Self::ForeignDivision,
        Self::BadDelegation,
        Self::BadRevision,
        Self::AlreadyReported,
        Self::NothingToChange,
        Self::DuplicateCard,
        Self::BadYear,
        Self::UnknownNode,
        Self::LiveBelow,
        Self::AgencyUnsigned,
    ];
    /// From the byte of a card.
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|code| *code as u8 == byte)
    }
    /// The stable name of logs, JSON and `explain`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoAuthority => "no_authority",
            Self::OutsideValidity => "outside_validity",
            Self::KindNotGiven => "kind_not_given",
            Self::ForeignDivision => "foreign_division",
            Self::BadDelegation => "bad_delegation",
            Self::BadRevision => "bad_revision",
            Self::AlreadyReported => "already_reported",
            Self::NothingToChange => "nothing_to_change",
            Self::DuplicateCard => "duplicate_card",
            Self::BadYear => "bad_year",
            Self::UnknownNode => "unknown_node",
            Self::LiveBelow => "live_below",
            Self::AgencyUnsigned => "agency_unsigned",
        }
    }
}
