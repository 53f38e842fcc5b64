//! The first body of a report card: its content as canonical JSON, its chunks and digest, and the fingerprint by
//! which the same content is recognised. The format is `FORMAT.md` beside this file.

mod canonical;
pub mod short;

use super::attachment::{ATTACHMENT_COUNT_MAX, Attachment};
use super::cell::{Cell, State};
use super::report::{Report, Scope, Status};
use super::table::{CELLS_MAX, COLUMNS_MAX, Column, ROWS_MAX, TABLES_MAX, Table};
use crate::bytes::Writer;
use crate::digest::Digest;
use crate::log::tree::root_of;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The value of `format`. Another format is refused, never guessed at.
pub const FORMAT: &str = "gongshi.package/1";
/// Bytes of content in a chunk; the last one may be shorter. Small enough to resume on a bad line, large enough
/// that the hashes of a 100 MB attachment are 50 KB.
pub const BODY_CHUNK_BYTES: usize = 65_536;
/// Largest content in bytes: what a report file of 8 MiB can become with units and states beside every cell.
pub const BODY_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Bytes of the salt that begins every leaf.
pub const SALT_BYTES: usize = 32;

/// Most opening brackets in a content; bounds the memory of parsing before it begins.
const OPENINGS_MAX: usize = 1_000_000;

/// The content of a body. Field order is the order in the bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Body<'a> {
    /// [`FORMAT`].
    pub format: Cow<'a, str>,
    /// The tables in the order of the report.
    pub tables: Cow<'a, [Table]>,
    /// 总体情况说明
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub narrative: Option<Cow<'a, str>>,
    /// Where it was first published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_url: Option<Cow<'a, str>>,
    /// Why figures that break an identity stand as printed; views mark them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_printed: Option<Cow<'a, str>>,
    /// Whom a consolidated report includes.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub members: Cow<'a, [String]>,
    /// Remarks of whoever made the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<Cow<'a, str>>,
    /// Labels that every view shows (合成示例).
    #[serde(default, skip_serializing_if = "is_empty")]
    pub labels: Cow<'a, [String]>,
    /// The attachments, in the order of the card's.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub attachments: Cow<'a, [Attachment]>,
}

fn is_empty<T>(list: &[T]) -> bool {
    list.is_empty()
}

/// Why bytes are not a body's content. Always the fault of whoever made them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// Over [`BODY_BYTES_MAX`], or more tables, columns, rows or cells than a report may have.
    #[error("larger than a report may be: {0}")]
    TooLarge(&'static str),
    /// Not JSON of this shape.
    #[error("not a package body: {0}")]
    Malformed(String),
    /// JSON of another format.
    #[error("format {0:?} is not known here")]
    Format(String),
    /// The right shape, but not the bytes this content is written with.
    #[error("not in canonical form")]
    NotCanonical,
    /// Parts contradict each other.
    #[error("table {table}: {what}")]
    Inconsistent {
        /// The table's id.
        table: String,
        /// What does not fit.
        what: &'static str,
    },
}

impl<'a> Body<'a> {
    /// The content of a report.
    pub fn of(report: &'a Report) -> Self {
        let text = |text: &'a Option<String>| text.as_deref().map(Cow::Borrowed);
        Self {
            format: Cow::Borrowed(FORMAT),
            tables: Cow::Borrowed(&report.tables),
            narrative: text(&report.narrative),
            source_url: text(&report.source_url),
            as_printed: text(&report.as_printed),
            members: Cow::Borrowed(&report.members),
            notes: text(&report.notes),
            labels: Cow::Borrowed(&report.labels),
            attachments: Cow::Borrowed(&[]),
        }
    }

    /// Its canonical bytes: one line of JSON without spaces, fields in the order of [`Body`].
    pub fn to_bytes(&self) -> Vec<u8> {
        // These types always serialise: string keys, no maps, no floats.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// The content bytes of a report's first body.
pub fn encode(report: &Report) -> Vec<u8> {
    Body::of(report).to_bytes()
}

/// Parses content bytes that came from anywhere.
///
/// # Errors
/// [`BodyError`]; nothing is tolerated, so one content has one form.
pub fn parse(content: &[u8]) -> Result<Body<'static>, BodyError> {
    let openings = content.iter().filter(|byte| matches!(byte, b'[' | b'{')).count();
    if content.len() > BODY_BYTES_MAX || openings > OPENINGS_MAX {
        return Err(BodyError::TooLarge("bytes"));
    }
    if let Some(body) = canonical::read(content).filter(|body| body.format == FORMAT) {
        return check(&body).map(|()| body);
    }
    parse_any(content)
}

/// The same for content that may be in another form, and is then refused in words.
fn parse_any(content: &[u8]) -> Result<Body<'static>, BodyError> {
    let body: Body<'static> = match serde_json::from_slice(content) {
        Ok(body) => body,
        Err(error) => {
            return Err(other_format(content).unwrap_or_else(|| BodyError::Malformed(error.to_string())));
        }
    };
    if body.format != FORMAT {
        return Err(BodyError::Format(body.format.into_owned()));
    }
    check(&body)?;
    let mut rest = Rest(content);
    let same = serde_json::to_writer(&mut rest, &body).is_ok() && rest.0.is_empty();
    if same { Ok(body) } else { Err(BodyError::NotCanonical) }
}

/// What is still to come of bytes that a writing must repeat: the first difference ends the writing.
struct Rest<'a>(&'a [u8]);

impl std::io::Write for Rest<'_> {
    fn write(&mut self, written: &[u8]) -> std::io::Result<usize> {
        self.0 = self.0.strip_prefix(written).ok_or(std::io::ErrorKind::InvalidData)?;
        Ok(written.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A format of the future has fields of the future: say that rather than complain of the fields.
fn other_format(content: &[u8]) -> Option<BodyError> {
    #[derive(Deserialize)]
    struct Probe {
        format: String,
    }
    let probe: Probe = serde_json::from_slice(content).ok()?;
    (probe.format != FORMAT).then_some(BodyError::Format(probe.format))
}

fn check(body: &Body<'_>) -> Result<(), BodyError> {
    let too_many =
        |count: usize, most: usize, what| if count > most { Err(BodyError::TooLarge(what)) } else { Ok(()) };
    too_many(body.tables.len(), TABLES_MAX, "tables")?;
    too_many(body.attachments.len(), ATTACHMENT_COUNT_MAX, "attachments")?;
    if !body.attachments.iter().all(Attachment::is_harmless) {
        return Err(BodyError::Malformed("a name of an attachment".to_owned()));
    }
    let mut cells = 0_usize;
    for table in body.tables.iter() {
        too_many(table.columns.len(), COLUMNS_MAX, "columns")?;
        too_many(table.rows.len(), ROWS_MAX, "rows")?;
        for row in &table.rows {
            cells = cells.saturating_add(row.len());
            too_many(cells, CELLS_MAX, "cells")?;
            let inconsistent =
                |what| BodyError::Inconsistent { table: table.id.chars().take(64).collect(), what };
            if row.len() != table.columns.len() {
                return Err(inconsistent("a row has not one cell for every column"));
            }
            if !row.iter().zip(&table.columns).all(|(cell, column)| fits(cell, column)) {
                return Err(inconsistent("a cell's value, unit and state do not go together"));
            }
        }
    }
    Ok(())
}

fn fits(cell: &Cell, column: &Column) -> bool {
    let figure = match (&cell.value, &cell.unit) {
        (None, None) => true,
        (Some(_), Some(_)) => cell.state == State::Value && cell.unit.as_deref() == column.unit.as_deref(),
        _ => false,
    };
    figure && (cell.state == State::Blank) == cell.printed.is_empty()
}

/// A content that names attachments too, in the order in which the card will.
///
/// # Errors
/// [`BodyError`].
pub fn with_attachments(content: &[u8], attachments: &[Attachment]) -> Result<Vec<u8>, BodyError> {
    let body = Body { attachments: Cow::Borrowed(attachments), ..parse(content)? };
    check(&body)?;
    Ok(body.to_bytes())
}

/// The hash of one leaf: RFC 6962 §2.1 over `salt ‖ chunk`.
pub fn body_leaf(salt: &[u8; SALT_BYTES], chunk: &[u8]) -> Digest {
    Digest::of(&[&[0], salt, chunk])
}

/// A body's digest: the RFC 6962 root over its leaves, one a chunk of [`BODY_CHUNK_BYTES`], at least one. Works
/// for any content, attachments too.
pub fn body_digest(salt: &[u8; SALT_BYTES], content: &[u8]) -> Digest {
    if content.is_empty() {
        return body_leaf(salt, content);
    }
    root_of(content.chunks(BODY_CHUNK_BYTES).map(|chunk| body_leaf(salt, chunk)))
}

/// The fingerprint by which the same content is recognised although every card has its own salt. `attachments`
/// are SHA-256 digests of the attachments' contents without salt, in any order.
pub fn content_fingerprint(
    content: &[u8],
    agency_id: &str,
    year: u16,
    scope: Scope,
    status: Status,
    attachments: &[Digest],
) -> Digest {
    let mut attachments = attachments.to_vec();
    attachments.sort_unstable();
    // Lengths of things in memory fit 64 bits.
    let length = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let mut layout = Writer::new();
    layout.raw(b"gongshi/fingerprint/v1\n").digest(&Digest::of(&[content]));
    layout.u64(length(agency_id.len())).raw(agency_id.as_bytes());
    layout.u16(year).u8(scope as u8).u8(status as u8).u64(length(attachments.len()));
    for attachment in &attachments {
        layout.digest(attachment);
    }
    Digest::of(&[layout.so_far()])
}

#[cfg(test)]
mod tests;
