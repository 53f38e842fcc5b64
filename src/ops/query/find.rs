//! Finding a statement by its digest or the beginning of it, and what was refused.

use super::NoAnswer;
use crate::digest::Digest;
use crate::ledger::Revision;
use crate::ops::service::Failure;
use crate::statement::card::RefusalCode;
use crate::statement::{Entry, Leaf};
use crate::store::{Read, StoreError, layout, prefix_end};
use crate::sync::body::PackedBody;
use crate::sync::{parse_entry_row, read_leaf};
use crate::time::WallMs;
use crate::trust::key::PublicKey;
use crate::wire;

/// Fewest digits that name a digest: eight are as good as unique in a province.
pub(super) const DIGITS_MIN: usize = 8;
/// A revision's row is a few hundred bytes.
const ROW_BYTES_MAX: usize = 8192;
/// Rows read at once.
pub(super) const SCAN_ROWS: usize = 512;

/// A statement held, with everything the index knows of it.
pub(super) struct Held {
    pub(super) digest: Digest,
    pub(super) entry: Entry,
    /// When the first node other than the author stored it.
    pub(super) received_at: Option<WallMs>,
    /// Its place in the root log.
    pub(super) leaf: Option<(u64, Leaf)>,
    /// The row of the revision that it is, if the fold accepted it as one.
    pub(super) revision: Option<Revision>,
}

/// The digest that `text` names.
pub(super) fn digest(store: &dyn Read, text: &str) -> Result<Digest, NoAnswer> {
    let text = text.to_ascii_lowercase();
    if let Ok(digest) = text.parse() {
        return Ok(digest);
    }
    let even = text.get(..text.len() & !1).unwrap_or_default();
    let bytes = data_encoding::HEXLOWER.decode(even.as_bytes());
    let (Ok(bytes), true) = (bytes, text.len() >= DIGITS_MIN && text.bytes().all(|b| b.is_ascii_hexdigit()))
    else {
        let message = format!(
            "{text:?} 不是摘要：应为 64 位十六进制，或其前 {DIGITS_MIN} 位以上 / not a digest: 64 hex digits, or its first {DIGITS_MIN} or more"
        );
        return Err(Failure::new(2, "bad_digest", message).into());
    };
    let prefix = [b"s".as_slice(), &bytes].concat();
    let rows = store.scan(&prefix, &prefix_end(&prefix), SCAN_ROWS)?;
    let named = rows.iter().filter_map(|(key, _)| Some(Digest::from_bytes(*key.get(1..)?.first_chunk()?)));
    let named: Vec<Digest> = named.filter(|digest| digest.hex().starts_with(&text)).collect();
    match named.as_slice() {
        [one] => Ok(*one),
        [] => Err(absent(&text).into()),
        _ => {
            let message =
                format!("{text} 对应多份声明，请写全 / {text} names several statements: give more digits");
            Err(Failure::new(2, "ambiguous_digest", message).into())
        }
    }
}

/// A statement by its digest.
pub(super) fn held(store: &dyn Read, text: &str) -> Result<Held, NoAnswer> {
    let digest = digest(store, text)?;
    let found = match store.get(&layout::locator(&digest))? {
        Some(place) => store.get(&[b"e", place.as_slice()].concat())?,
        None => None,
    };
    let Some(row) = found else { return Err(absent(&digest.hex()).into()) };
    let (received_at, entry) = parse_entry_row(&row)?;
    let index = store.get(&layout::sequenced(&digest))?.and_then(|index| index.try_into().ok());
    let leaf = match index.map(u64::from_be_bytes) {
        Some(index) => read_leaf(store, index)?.map(|leaf| (index, leaf)),
        None => None,
    };
    Ok(Held { digest, entry, received_at, leaf, revision: revision(store, &digest)? })
}

fn absent(digest: &str) -> Failure {
    let message = format!(
        "{digest}：本节点没有这份声明，用 gongshi list 查看 / this node holds no such statement: see `gongshi list`"
    );
    Failure::new(2, "no_such_statement", message)
}

/// A revision's row.
pub(super) fn revision(store: &dyn Read, digest: &Digest) -> Result<Option<Revision>, StoreError> {
    let row = store.get(&layout::revision(digest))?;
    let decoded = row.map(|row| wire::decode(&row, ROW_BYTES_MAX)).transpose();
    decoded.map_err(|error| StoreError::Damaged(format!("a revision's row: {error}")))
}

/// The content of a report's package; none when the act carries none or the body is not here.
pub(super) fn content(store: &dyn Read, held: &Held) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(package) = held.entry.card.act.report().and_then(|report| report.package()) else {
        return Ok(None);
    };
    let Some(packed) = PackedBody::read(store, &package.digest)? else { return Ok(None) };
    let content = packed.unpack(&package.digest, package.bytes);
    content.map(Some).map_err(|error| StoreError::Damaged(error.to_string()))
}

/// A refused entry: whose, where, which, why, and the root-log index of the refusal.
pub(super) struct Refused {
    pub(super) origin: PublicKey,
    pub(super) statement: Digest,
    pub(super) code: &'static str,
    pub(super) index: u64,
}

/// Everything the root refused; refusals are few, and every one of them is a leaf of the root log.
pub(super) fn refused(store: &dyn Read) -> Result<Vec<Refused>, StoreError> {
    let mut refused = Vec::new();
    let mut from = vec![layout::REFUSED];
    loop {
        let rows = store.scan(&from, &[layout::REFUSED + 1], SCAN_ROWS)?;
        let last = rows.len() < SCAN_ROWS;
        for (key, row) in rows {
            let decoded: Result<(PublicKey, u64, Digest, u8), _> = wire::decode(&row, 256);
            let (origin, _, statement, code) =
                decoded.map_err(|error| StoreError::Damaged(format!("a refused entry's row: {error}")))?;
            let index = key.get(1..).and_then(|index| index.try_into().ok()).map_or(0, u64::from_be_bytes);
            let code = RefusalCode::from_byte(code).map_or("unknown", RefusalCode::as_str);
            refused.push(Refused { origin, statement, code, index });
            from = [key.as_slice(), &[0]].concat();
        }
        if last {
            return Ok(refused);
        }
    }
}
