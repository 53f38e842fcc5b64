//! Invitation tokens: `gs1` and everything a new node needs to find and recognise its parent.

use crate::bytes::{LayoutError, Reader, Writer};
use crate::digest::Digest;
use crate::division::{DIVISION_CODE_BYTES_MAX, DivisionCode, Level};
use crate::time::WallMs;
use crate::trust::delegation::{ADDRESS_BYTES_MAX, NAME_BYTES_MAX, read_division};
use crate::trust::key::PublicKey;
use data_encoding::BASE64URL_NOPAD;

const PREFIX: &str = "gs1";

/// A token, parsed. Its secret makes it single-use: whoever holds it may enrol once.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// The parent's address, `HOST:PORT`.
    pub address: String,
    /// The parent's transport key: the pin.
    pub parent_transport: PublicKey,
    /// The parent's signing key, which the proofs of possession name.
    pub parent_signing: PublicKey,
    /// The federation id.
    pub federation: Digest,
    /// The secret.
    pub secret: Digest,
    /// Level of the new node.
    pub level: Level,
    /// Its division.
    pub division: DivisionCode,
    /// Its display name.
    pub name: String,
    /// When the token ends.
    pub expires: WallMs,
}

/// Why text is not a token.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum TokenError {
    /// Does not begin with `gs1`, or has characters a token never has.
    #[error("not an invitation token: it must begin with gs1 and be copied whole")]
    NotAToken,
    /// The checksum differs: characters were lost or changed.
    #[error("the token is damaged: copy it again, whole, without line breaks")]
    Checksum,
    /// A field cannot be read.
    #[error("the token cannot be read: {0}")]
    Layout(#[from] LayoutError),
}

impl Token {
    /// The token as one word.
    ///
    /// # Errors
    /// [`LayoutError`] when the address or name is over its bound.
    pub fn to_text(&self) -> Result<String, LayoutError> {
        let mut out = Writer::new();
        out.text("address", &self.address, ADDRESS_BYTES_MAX)?;
        out.raw(self.parent_transport.as_bytes()).raw(self.parent_signing.as_bytes());
        out.digest(&self.federation).digest(&self.secret).u8(self.level as u8);
        out.text("division", self.division.as_str(), DIVISION_CODE_BYTES_MAX)?;
        out.text("name", &self.name, NAME_BYTES_MAX)?;
        out.u64(self.expires.0);
        let checksum = Digest::of(&[out.so_far()]);
        out.raw(checksum.as_bytes().get(..4).unwrap_or_default());
        Ok(format!("{PREFIX}{}", BASE64URL_NOPAD.encode(&out.finish())))
    }

    /// Reads a token.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        let body = text.trim().strip_prefix(PREFIX).ok_or(TokenError::NotAToken)?;
        let bytes = BASE64URL_NOPAD.decode(body.as_bytes()).map_err(|_| TokenError::NotAToken)?;
        let (fields, checksum) = bytes.split_last_chunk::<4>().ok_or(TokenError::NotAToken)?;
        if Digest::of(&[fields]).as_bytes().get(..4) != Some(checksum.as_slice()) {
            return Err(TokenError::Checksum);
        }
        let mut input = Reader::new(fields);
        let token = Self {
            address: input.text("address", ADDRESS_BYTES_MAX)?.to_owned(),
            parent_transport: PublicKey::from_bytes(input.array("transport key")?),
            parent_signing: PublicKey::from_bytes(input.array("signing key")?),
            federation: input.digest("federation")?,
            secret: input.digest("secret")?,
            level: Level::from_byte(input.u8("level")?).ok_or(LayoutError::invalid("level", "not 1 to 4"))?,
            division: read_division(&mut input, "division")?,
            name: input.text("name", NAME_BYTES_MAX)?.to_owned(),
            expires: WallMs(input.u64("expiry")?),
        };
        input.finish()?;
        Ok(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_survives_copying_and_nothing_else() {
        let key = |seed| crate::trust::key::SecretKey::from_seed(&[seed; 32]).public();
        let token = Token {
            address: "10.0.0.1:4701".into(),
            parent_transport: key(1),
            parent_signing: key(2),
            federation: Digest::of(&[b"f"]),
            secret: Digest::of(&[b"s"]),
            level: Level::Town,
            division: "330282108".parse().expect("a code"),
            name: "附海镇".into(),
            expires: WallMs(1),
        };
        let text = token.to_text().expect("in bounds");
        assert!(Token::parse(&format!(" {text}\n")).is_ok_and(|read| read == token));
        assert_eq!(Token::parse(&text[1..]).err(), Some(TokenError::NotAToken));
        let mut changed = text.clone().into_bytes();
        changed[20] = if changed[20] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).expect("ASCII");
        assert_eq!(Token::parse(&changed).err(), Some(TokenError::Checksum));
    }
}
