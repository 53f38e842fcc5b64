//! Frames and index values: the one door to bincode. Never used for bytes that are signed or hashed.
//!
//! Decoding is bounded and strict: a limit in bytes, no trailing bytes, and the value encodes back to the
//! bytes it came from, so that two encodings never mean the same thing.

use bincode::config::{Configuration, standard};
use serde::{Serialize, de::DeserializeOwned};

/// Little-endian, variable-length integers: bincode 2's standard configuration, written out in PROTOCOL.md.
const CONFIG: Configuration = standard();

/// Bytes are not the canonical encoding of the value that was asked for.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum WireError {
    /// More bytes than the kind allows.
    #[error("{bytes} bytes, at most {limit} are allowed")]
    TooLong {
        /// Bytes given.
        bytes: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// Not an encoding of the type.
    #[error("cannot be decoded: {0}")]
    Malformed(String),
    /// An encoding, but not the one we write.
    #[error("not in canonical form")]
    NotCanonical,
}

/// Encodes a value. Our own types always encode; an empty result would be refused by every decoder.
pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    bincode::serde::encode_to_vec(value, CONFIG).unwrap_or_default()
}

/// Appends the encoding of a value.
pub fn encode_onto<T: Serialize>(value: &T, bytes: &mut Vec<u8>) {
    // A vector takes everything, and our own types always encode.
    let _ = bincode::serde::encode_into_std_write(value, bytes, CONFIG);
}

/// Decodes a value from exactly `bytes`.
///
/// # Errors
/// [`WireError`]: over `limit`, malformed, or not canonical.
pub fn decode<T: Serialize + DeserializeOwned>(bytes: &[u8], limit: usize) -> Result<T, WireError> {
    if bytes.len() > limit {
        return Err(WireError::TooLong { bytes: bytes.len(), limit });
    }
    // The input is already bounded; the decoder's own limit (a const) stops length prefixes that claim more
    // than the largest frame.
    let limited = CONFIG.with_limit::<{ 64 * 1024 * 1024 }>();
    let (value, used): (T, usize) = bincode::serde::decode_from_slice(bytes, limited)
        .map_err(|error| WireError::Malformed(error.to_string()))?;
    if used != bytes.len() || encode(&value) != bytes {
        return Err(WireError::NotCanonical);
    }
    Ok(value)
}

/// Decodes what this very program wrote for itself and has checked by its digest: as long as it may be.
///
/// # Errors
/// [`WireError::Malformed`].
pub fn decode_own<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, WireError> {
    let decoded = bincode::serde::decode_from_slice(bytes, CONFIG);
    decoded.map(|(value, _)| value).map_err(|error| WireError::Malformed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attack_04_other_encodings_of_the_same_value_are_refused() {
        assert_eq!(decode::<u32>(&encode(&7_u32), 16), Ok(7));
        assert_eq!(decode::<u32>(&[251, 7, 0], 16), Err(WireError::NotCanonical));
        assert_eq!(decode::<u32>(&[7, 0], 16), Err(WireError::NotCanonical));
        assert_eq!(decode::<u32>(&[7, 0], 1), Err(WireError::TooLong { bytes: 2, limit: 1 }));
        let bomb = [253, 255, 255, 255, 255, 255, 255, 255, 127];
        assert!(matches!(decode::<Vec<u8>>(&bomb, 64), Err(WireError::Malformed(_))));
    }
}
