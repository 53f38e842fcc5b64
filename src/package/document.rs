//! JSON as it stands in a file: members in document order, duplicates kept, numbers as their tokens.
//!
//! serde_json's own `Value` sorts members and keeps the last of two equal keys; a report file needs both said.
//! Nesting is bounded by serde_json (128), the number of values by [`VALUES_MAX`].

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

/// Most values in one document: every cell a report may have, as many rows, and room for the rest.
pub const VALUES_MAX: usize = 500_000;

/// The key under which serde_json hands over a number's token (feature `arbitrary_precision`).
const NUMBER_KEY: &str = "$serde_json::private::Number";

/// A JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number's token, verbatim; an exponent may be spelled differently (`1e3` as `1e+3`), but stays one.
    Number(String),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Node>),
    /// An object's members in document order, duplicates included.
    Object(Vec<(String, Node)>),
}

impl Node {
    /// What it is, in both languages, for messages.
    pub fn kind(&self) -> (&'static str, &'static str) {
        match self {
            Self::Null => ("null", "null"),
            Self::Bool => ("布尔值", "a boolean"),
            Self::Number(_) => ("数字", "a number"),
            Self::Text(_) => ("文字", "a string"),
            Self::List(_) => ("数组", "an array"),
            Self::Object(_) => ("对象", "an object"),
        }
    }
}

/// Why bytes are not a JSON document.
#[derive(Debug, thiserror::Error)]
#[error("line {line}, column {column}: {what}")]
pub struct SyntaxError {
    /// Line, from 1; 0 when the error is in no place.
    pub line: usize,
    /// Column in bytes, from 1.
    pub column: usize,
    /// What serde_json says.
    pub what: String,
}

/// Parses one document. A byte order mark before it is skipped.
///
/// # Errors
/// [`SyntaxError`]: not JSON, not UTF-8, nested too deeply, more than [`VALUES_MAX`] values.
pub fn parse(bytes: &[u8]) -> Result<Node, SyntaxError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    // The key is serde_json's private mark: an object that spells it out would pass for a number. An escaped
    // spelling arrives as an owned key and is told apart in `Key`.
    if bytes.windows(NUMBER_KEY.len()).any(|window| window == NUMBER_KEY.as_bytes()) {
        return Err(SyntaxError { line: 0, column: 0, what: format!("{NUMBER_KEY} is reserved") });
    }
    let count = Cell::new(0);
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let parsed =
        Seed(&count).deserialize(&mut deserializer).and_then(|node| deserializer.end().map(|()| node));
    parsed.map_err(|error| {
        let text = error.to_string();
        let what = text.split(" at line ").next().unwrap_or(&text).to_owned();
        SyntaxError { line: error.line(), column: error.column(), what }
    })
}

#[derive(Clone, Copy)]
struct Seed<'a>(&'a Cell<usize>);

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Node;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        self.0.set(self.0.get() + 1);
        if self.0.get() > VALUES_MAX {
            return Err(D::Error::custom(format!("more than {VALUES_MAX} values")));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Node;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E: Error>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }
    fn visit_bool<E: Error>(self, _: bool) -> Result<Node, E> {
        Ok(Node::Bool)
    }
    // serde_json hands over integers of 64 bits as such: JSON has no leading zeros, so they print as their token.
    fn visit_u64<E: Error>(self, number: u64) -> Result<Node, E> {
        Ok(Node::Number(number.to_string()))
    }
    fn visit_i64<E: Error>(self, number: i64) -> Result<Node, E> {
        Ok(Node::Number(number.to_string()))
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        Ok(Node::List(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut members = Vec::new();
        while let Some(key) = entries.next_key_seed(Key)? {
            if let Cow::Borrowed(NUMBER_KEY) = key {
                return entries.next_value::<String>().map(Node::Number);
            }
            members.push((key.into_owned(), entries.next_value_seed(self)?));
        }
        Ok(Node::Object(members))
    }
}

/// A member's key: borrowed when its bytes stand in the input without escapes.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }
    fn visit_borrowed_str<E: Error>(self, key: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }
    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_tokens() {
        for token in [
            "0",
            "-7",
            "18446744073709551615",
            "18446744073709551616",
            "1753.790",
            "0.50",
            "-0",
            "-0.0",
            "123456789012345678901234567890.5",
        ] {
            assert_eq!(parse(token.as_bytes()).unwrap(), Node::Number(token.to_owned()));
        }
        assert!(matches!(parse(b"1e3").unwrap(), Node::Number(token) if token.contains('e')));
    }

    #[test]
    fn order_and_duplicates_are_kept() {
        let text = |t: &str| Node::Text(t.to_owned());
        let parsed = parse("\u{feff}{\"b\":\"1\",\"a\":\"2\",\"b\":null}".as_bytes()).unwrap();
        let members = vec![("b".into(), text("1")), ("a".into(), text("2")), ("b".into(), Node::Null)];
        assert_eq!(parsed, Node::Object(members));
    }

    #[test]
    fn an_object_cannot_pass_for_a_number() {
        assert!(parse(br#"{"$serde_json::private::Number":"5"}"#).is_err());
        let escaped = parse(br#"{"\u0024serde_json::private::Number":"5"}"#).unwrap();
        assert!(matches!(escaped, Node::Object(_)));
    }

    #[test]
    fn errors_say_where_and_hostile_sizes_end() {
        let error = parse(b"{\n \"a\": 1,\n}").unwrap_err();
        assert_eq!((error.line, error.column), (3, 1));
        assert!(parse("[".repeat(100_000).as_bytes()).is_err());
        assert!(parse(format!("[{}0]", "0,".repeat(VALUES_MAX)).as_bytes()).is_err());
        for bad in ["", "1 2", "\u{1}", "[01]", "\"\\ud800\"", "nul"] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad:?}");
        }
        assert!(parse(b"\"\xff\"").is_err());
    }
}
