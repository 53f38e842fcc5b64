//! A body's content read in its one form, in one pass: what is not in that form is left to the parser that tolerates more
//! and can say what is wrong.
//!
//! Promises: the body that is read is the one whose bytes these are. Every node reads every report once for its sums, and
//! parsing what may come in any order, only to write it again and compare, was most of what a report cost.

use super::{Body, Cell, Column, State, Table};
use crate::money::Exact;
use std::borrow::Cow;

/// The body whose canonical bytes these are; none when there is none, or it names attachments.
pub(super) fn read(content: &[u8]) -> Option<Body<'static>> {
    let mut rest = Rest(std::str::from_utf8(content).ok()?);
    rest.skip("{\"format\":")?;
    let format = rest.text()?.into_owned().into();
    rest.skip(",\"tables\":")?;
    let tables = rest.list(Rest::table)?;
    let body = Body {
        format,
        tables: tables.into(),
        narrative: rest.optional(",\"narrative\":")?,
        source_url: rest.optional(",\"source_url\":")?,
        as_printed: rest.optional(",\"as_printed\":")?,
        members: rest.texts(",\"members\":")?,
        notes: rest.optional(",\"notes\":")?,
        labels: rest.texts(",\"labels\":")?,
        attachments: Cow::Borrowed(&[]),
    };
    rest.skip("}")?;
    rest.0.is_empty().then_some(body)
}

/// What is still to be read. Every reading is none when something else stands there.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    fn skip(&mut self, expected: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(expected)?;
        Some(())
    }

    /// A text in quotes. What is escaped, is so in one way only.
    fn text(&mut self) -> Option<Cow<'a, str>> {
        let inside = self.0.strip_prefix('"')?;
        let end = inside.bytes().position(|byte| matches!(byte, b'"' | b'\\' | 0..b' '))?;
        if inside.as_bytes().get(end) == Some(&b'"') {
            let (text, rest) = inside.split_at_checked(end)?;
            self.0 = rest.strip_prefix('"')?;
            return Some(Cow::Borrowed(text));
        }
        let mut is_escaped = false;
        let end = inside.bytes().position(|byte| {
            let ends = byte == b'"' && !is_escaped;
            is_escaped = byte == b'\\' && !is_escaped;
            ends
        })?;
        let (quoted, rest) = self.0.split_at_checked(end + 2)?;
        let text: String = serde_json::from_str(quoted).ok()?;
        self.0 = rest;
        (serde_json::to_string(&text).ok()? == quoted).then_some(Cow::Owned(text))
    }

    /// A text under a name, where the name stands here; the outer none when the text is not one.
    #[allow(clippy::option_option, reason = "absent is not wrong")]
    fn named(&mut self, name: &str) -> Option<Option<Cow<'a, str>>> {
        match self.skip(name) {
            Some(()) => self.text().map(Some),
            None => Some(None),
        }
    }

    #[allow(clippy::option_option, reason = "as above")]
    fn optional(&mut self, name: &str) -> Option<Option<Cow<'static, str>>> {
        Some(self.named(name)?.map(|text| text.into_owned().into()))
    }

    fn list<T>(&mut self, item: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        self.list_of(0, item)
    }

    /// A list that most likely has so many items.
    fn list_of<T>(&mut self, likely: usize, item: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        self.skip("[")?;
        let mut items = Vec::with_capacity(likely);
        if self.skip("]").is_some() {
            return Some(items);
        }
        loop {
            items.push(item(self)?);
            if self.skip(",").is_none() {
                self.skip("]")?;
                return Some(items);
            }
        }
    }

    /// A list of texts under a name; an empty one is left out and never written.
    fn texts(&mut self, name: &str) -> Option<Cow<'static, [String]>> {
        if self.skip(name).is_none() {
            return Some(Cow::Borrowed(&[]));
        }
        let texts = self.list(|rest| rest.text().map(Cow::into_owned))?;
        (!texts.is_empty()).then(|| texts.into())
    }

    fn table(&mut self) -> Option<Table> {
        self.skip("{\"id\":")?;
        let id = self.text()?.into_owned();
        self.skip(",\"name\":")?;
        let name = self.text()?.into_owned();
        let unit = self.named(",\"unit\":")?.map(Cow::into_owned);
        let template = self.named(",\"template\":")?.map(Cow::into_owned);
        self.skip(",\"columns\":")?;
        let columns = self.list(Self::column)?;
        self.skip(",\"rows\":")?;
        let rows = self.list(|rest| rest.list_of(columns.len(), Self::cell))?;
        self.skip("}")?;
        Some(Table { id, name, unit, template, columns, rows })
    }

    fn column(&mut self) -> Option<Column> {
        self.skip("{\"id\":")?;
        let id = self.text()?.into_owned();
        self.skip(",\"header\":")?;
        let header = self.text()?.into_owned();
        self.skip(",\"unit\":")?;
        let unit = match self.skip("null") {
            Some(()) => None,
            None => Some(self.text()?.into_owned()),
        };
        self.skip("}")?;
        Some(Column { id, header, unit })
    }

    fn cell(&mut self) -> Option<Cell> {
        self.skip("{\"printed\":")?;
        let printed = self.text()?.into();
        let value = match self.named(",\"value\":")? {
            Some(text) => Some(Exact::from_canonical(&text)?),
            None => None,
        };
        let unit = self.named(",\"unit\":")?.map(Into::into);
        self.skip(",\"state\":")?;
        let state = match self.text()?.as_ref() {
            "value" => State::Value,
            "blank" => State::Blank,
            "not_applicable" => State::NotApplicable,
            "text" => State::Text,
            _ => return None,
        };
        self.skip("}")?;
        Some(Cell { printed, value, unit, state })
    }
}
