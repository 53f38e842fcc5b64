//! Paths of tiles under `/tile/` (c2sp.org/tlog-tiles): strict, one spelling for each tile.
//!
//! `<L>/<N>[.p/<W>]` and `entries/<N>[.p/<W>]`: L is 0 to 63 without leading zeros; N is groups of three digits,
//! every group but the last behind an `x` (1234067 is `x001/x234/067`); W is 1 to 255.

/// Which tile a path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TilePath {
    /// Level of a tile of hashes; none for a tile of entries.
    pub(crate) level: Option<u8>,
    /// Index of the tile within its level.
    pub(crate) index: u64,
    /// Width of a partial tile; none for a full one.
    pub(crate) width: Option<u16>,
}

/// Highest level a path can name: 64 bits of tree size in steps of eight stay far below it.
const TILE_LEVEL_MAX: u8 = 63;
/// Most groups of three digits in an index: 10^18 fits a `u64`.
const INDEX_GROUPS_MAX: usize = 6;

/// Parses what stands behind `/tile/`; none unless it is the canonical path of a tile.
pub(crate) fn parse(path: &str) -> Option<TilePath> {
    let (first, rest) = path.split_once('/')?;
    let level = match first {
        "entries" => None,
        digits => {
            Some(plain_number(digits).and_then(|n| u8::try_from(n).ok()).filter(|n| *n <= TILE_LEVEL_MAX)?)
        }
    };
    let (index, width) = match rest.split_once(".p/") {
        None => (rest, None),
        Some((index, width)) => (
            index,
            Some(plain_number(width).and_then(|n| u16::try_from(n).ok()).filter(|n| (1..=255).contains(n))?),
        ),
    };
    Some(TilePath { level, index: parse_index(index)?, width })
}

/// A decimal number of at most three digits without sign or leading zeros.
fn plain_number(text: &str) -> Option<u32> {
    let canonical = text == "0" || !text.starts_with('0');
    (canonical && (1..=3).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())).then_some(())?;
    text.parse().ok()
}

fn parse_index(text: &str) -> Option<u64> {
    let groups: Vec<&str> = text.split('/').collect();
    if groups.len() > INDEX_GROUPS_MAX {
        return None;
    }
    let mut index = 0_u64;
    for (at, group) in groups.iter().enumerate() {
        let digits = if at + 1 < groups.len() { group.strip_prefix('x')? } else { group };
        if digits.len() != 3 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        // A leading group of zeros would be a second spelling of a shorter path.
        if at == 0 && groups.len() > 1 && digits == "000" {
            return None;
        }
        index = index * 1_000 + digits.parse::<u64>().ok()?;
    }
    Some(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_paths_name_their_tile() {
        let hashes = |level, index, width| Some(TilePath { level: Some(level), index, width });
        assert_eq!(parse("0/000"), hashes(0, 0, None));
        assert_eq!(parse("0/x001/067"), hashes(0, 1_067, None));
        assert_eq!(parse("2/x001/x234/067.p/8"), hashes(2, 1_234_067, Some(8)));
        assert_eq!(parse("63/999.p/255"), hashes(63, 999, Some(255)));
        assert_eq!(parse("entries/000.p/1"), Some(TilePath { level: None, index: 0, width: Some(1) }));
    }

    #[test]
    fn every_other_spelling_is_refused() {
        for bad in [
            "",
            "0",
            "0/",
            "/000",
            "0/0",
            "0/00",
            "0/0000",
            "00/000",
            "64/000",
            "-1/000",
            "+1/000",
            "0/x000/001",
            "0/001/067",
            "0/x001",
            "0/x001/x067",
            "0/000.p/0",
            "0/000.p/256",
            "0/000.p/01",
            "0/000.p/",
            "0/000.p",
            "0/000.p/+1",
            "0/000/",
            "0/../000",
            "0/%30%30%30",
            "entries",
            "entries/",
            "Entries/000",
            "0/000 ",
            "0/x001/x001/x001/x001/x001/x001/001",
            "0/０００",
            "data/000",
        ] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }
}
