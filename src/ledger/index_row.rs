//! The short row of a revision, which stands under every key it is found by: what lists and coverage need without
//! reading the whole row. Ours alone, never signed; layout in `src/store/layout.rs`.

use super::disclosure::{Revision, RevisionState};
use crate::digest::Digest;
use crate::statement::Status;
use crate::time::WallMs;

/// A revision in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexRow {
    /// Digest of the statement.
    pub digest: Digest,
    /// State as of the newest leaf.
    pub state: RevisionState,
    /// Code of the act (32 submit, 33 nil, 34 not applicable, 35 correct).
    pub act: u8,
    /// It is public, or was.
    pub shown: bool,
    /// Its figures are provisional.
    pub provisional: bool,
    /// 待核实
    pub suspect: bool,
    /// An upper level sent it back.
    pub returned: bool,
    /// When the first node other than the author stored it.
    pub received_at: WallMs,
    /// The agency's code in this revision, or empty.
    pub agency_code: String,
    /// The agency's name in this revision.
    pub agency_name: String,
}

const SHOWN: u8 = 1;
const PROVISIONAL: u8 = 2;
const SUSPECT: u8 = 4;
const RETURNED: u8 = 8;

impl IndexRow {
    /// A revision in short.
    pub fn of(revision: &Revision) -> Self {
        Self {
            digest: revision.digest,
            state: revision.state,
            act: revision.act,
            shown: revision.shown,
            provisional: revision.status == Status::Provisional,
            suspect: revision.suspect,
            returned: revision.returned.is_some(),
            received_at: revision.received_at,
            agency_code: revision.agency_code.clone(),
            agency_name: revision.agency_name.clone(),
        }
    }

    /// The value in the index.
    pub fn to_value(&self) -> Vec<u8> {
        let flag = |is: bool, bit: u8| if is { bit } else { 0 };
        let flags = flag(self.shown, SHOWN)
            | flag(self.provisional, PROVISIONAL)
            | flag(self.suspect, SUSPECT)
            | flag(self.returned, RETURNED);
        let mut value = self.digest.as_bytes().to_vec();
        value.extend([self.state as u8, self.act, flags]);
        value.extend(self.received_at.0.to_be_bytes());
        // A code has at most 18 bytes (statement::AGENCY_CODE_BYTES_MAX).
        value.push(u8::try_from(self.agency_code.len()).unwrap_or(u8::MAX));
        value.extend(self.agency_code.as_bytes());
        value.extend(self.agency_name.as_bytes());
        value
    }

    /// Reads a value of the index; none when it is none.
    pub fn read(value: &[u8]) -> Option<Self> {
        let (digest, rest) = value.split_first_chunk::<32>()?;
        let ([state, act, flags], rest) = rest.split_first_chunk::<3>()?;
        let (received_at, rest) = rest.split_first_chunk::<8>()?;
        let (code_bytes, rest) = rest.split_first()?;
        let (code, name) = rest.split_at_checked(usize::from(*code_bytes))?;
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
        Some(Self {
            digest: Digest::from_bytes(*digest),
            state: RevisionState::ALL.into_iter().find(|known| *known as u8 == *state)?,
            act: *act,
            shown: flags & SHOWN != 0,
            provisional: flags & PROVISIONAL != 0,
            suspect: flags & SUSPECT != 0,
            returned: flags & RETURNED != 0,
            received_at: WallMs(u64::from_be_bytes(*received_at)),
            agency_code: text(code)?,
            agency_name: text(name)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_reads_back_and_what_is_cut_does_not() {
        let row = IndexRow {
            digest: Digest::of(&[b"x"]),
            state: RevisionState::Superseded,
            act: 33,
            shown: true,
            provisional: false,
            suspect: true,
            returned: true,
            received_at: WallMs(1_735_660_800_000),
            agency_code: "11330282002978741A".to_owned(),
            agency_name: "慈溪市公安局".to_owned(),
        };
        let value = row.to_value();
        assert_eq!(IndexRow::read(&value), Some(row));
        for end in 0..44 {
            assert_eq!(IndexRow::read(&value[..end]), None, "{end}");
        }
    }
}
