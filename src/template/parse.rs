//! Reading a template from TOML: bounded, nothing unknown, every refusal with file, line and key.

use super::columns::Known;
use super::normal::{header_key, hostile_char};
use super::{Column, Fold, Identity, Kind, Op, Rate, Template, Warning};
use crate::money::Unit;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use toml::Spanned;

/// The value of `format`. Another format is refused, never guessed at.
pub const FORMAT: &str = "gongshi.template/1";
/// Longest template in bytes; the longest built-in one has 4,000.
pub const TEMPLATE_BYTES_MAX: usize = 64 * 1024;
/// Longest id in bytes: what a report card holds.
pub const ID_BYTES_MAX: usize = 64;
/// Most columns; a report's table has no more.
pub const COLUMNS_MAX: usize = 200;
/// Most entries of any other list; the longest sum known has 14.
pub const LIST_MAX: usize = 100;
/// Longest text in bytes.
pub const TEXT_BYTES_MAX: usize = 1024;

/// Why a file is not a template. Always the fault of whoever wrote it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {key}: {what}")]
pub struct TemplateError {
    /// The file as it was named.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// The key, or empty when the text is no TOML.
    pub key: String,
    /// What is wrong, Chinese and English.
    pub what: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTemplate {
    format: Spanned<String>,
    id: Spanned<String>,
    table: Spanned<String>,
    title: Spanned<String>,
    source: Spanned<String>,
    #[serde(default)]
    provisional: bool,
    #[serde(default)]
    labels: Vec<Spanned<String>>,
    columns: Vec<RawColumn>,
    #[serde(default)]
    identities: Vec<RawIdentity>,
    #[serde(default)]
    warnings: Vec<RawWarning>,
    #[serde(default)]
    rates: Vec<RawRate>,
    #[serde(default)]
    folds: Vec<RawFold>,
}

type Ids = Spanned<Vec<Spanned<String>>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawColumn {
    id: Spanned<String>,
    header: Spanned<String>,
    #[serde(default)]
    aliases: Vec<Spanned<String>>,
    unit: Spanned<String>,
    #[serde(default)]
    kind: RawKind,
    #[serde(default)]
    optional: bool,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RawKind {
    #[default]
    Count,
    Money,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawIdentity {
    sum: Ids,
    equals: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWarning {
    left: Ids,
    op: Spanned<String>,
    right: Ids,
    zh: Spanned<String>,
    en: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRate {
    id: Spanned<String>,
    zh: Spanned<String>,
    en: Spanned<String>,
    numerator: Ids,
    denominator: Ids,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFold {
    to: Spanned<String>,
    map: Spanned<BTreeMap<String, Ids>>,
}

impl Template {
    /// Parses the bytes of a template file; `file` only names it in errors.
    ///
    /// # Errors
    /// [`TemplateError`]: too long, not UTF-8, not TOML, an unknown or missing key, an id that is none or stands
    /// twice, a rule that names no column.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self, TemplateError> {
        let whole = |what: &str| TemplateError {
            file: file.to_owned(),
            line: 1,
            key: String::new(),
            what: what.to_owned(),
        };
        if bytes.len() > TEMPLATE_BYTES_MAX {
            return Err(whole("超过 64 KiB / longer than 64 KiB"));
        }
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let text = str::from_utf8(bytes).map_err(|_| whole("不是 UTF-8 / not UTF-8"))?;
        let place = Place { file, text };
        let raw: RawTemplate = toml::from_str(text).map_err(|error| {
            let named = error.message().split('`').nth(1);
            let key =
                named.filter(|key| key.bytes().all(|byte| byte.is_ascii_lowercase())).unwrap_or_default();
            place.error(&error.span().unwrap_or(0..0), key, error.message())
        })?;
        place.template(raw)
    }
}

/// The file, to say where something stands.
struct Place<'a> {
    file: &'a str,
    text: &'a str,
}

type Checked<T> = Result<T, TemplateError>;

impl Place<'_> {
    fn error(&self, span: &Range<usize>, key: &str, what: &str) -> TemplateError {
        let before = self.text.get(..span.start).unwrap_or_default();
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        TemplateError { file: self.file.to_owned(), line, key: key.to_owned(), what: what.to_owned() }
    }

    fn refuse<T>(&self, span: &Range<usize>, key: &str, what: &str) -> Checked<T> {
        Err(self.error(span, key, what))
    }

    fn template(&self, raw: RawTemplate) -> Checked<Template> {
        if raw.format.get_ref() != FORMAT {
            let what = format!("应为 {FORMAT} / must be {FORMAT}");
            return self.refuse(&raw.format.span(), "format", &what);
        }
        let at = raw.id.span();
        let id = self.id("id", raw.id)?;
        if raw.columns.is_empty() || raw.columns.len() > COLUMNS_MAX {
            return self.refuse(&at, "columns", "应有 1 至 200 列 / a template has 1 to 200 columns");
        }
        for (key, count) in [
            ("labels", raw.labels.len()),
            ("identities", raw.identities.len()),
            ("warnings", raw.warnings.len()),
            ("rates", raw.rates.len()),
            ("folds", raw.folds.len()),
        ] {
            if count > LIST_MAX {
                return self.refuse(&at, key, "最多 100 项 / at most 100 entries");
            }
        }
        let columns = self.columns(raw.columns)?;
        let place = |key: &str, id: &Spanned<String>| {
            let found = columns.iter().position(|column| column.id == *id.get_ref());
            let what = format!("没有列“{0}” / there is no column {0:?}", id.get_ref());
            found.ok_or_else(|| self.error(&id.span(), key, &what))
        };
        let places = |key: &str, ids: &Ids| -> Checked<Vec<usize>> {
            let list = ids.get_ref();
            if list.is_empty() || list.len() > LIST_MAX {
                return self.refuse(&ids.span(), key, "应有 1 至 100 列 / name 1 to 100 columns");
            }
            let places = list.iter().map(|id| place(key, id)).collect::<Checked<Vec<_>>>()?;
            if places.iter().collect::<BTreeSet<_>>().len() < places.len() {
                return self.refuse(&ids.span(), key, "同一列出现两次 / a column stands twice");
            }
            Ok(places)
        };
        let mut identities = Vec::new();
        for RawIdentity { sum, equals } in raw.identities {
            let identity = Identity {
                sum: places("identities.sum", &sum)?,
                equals: place("identities.equals", &equals)?,
            };
            if identity.sum.contains(&identity.equals) {
                let what = "一列不能是自身的分项 / a column is no part of itself";
                return self.refuse(&equals.span(), "identities.equals", what);
            }
            identities.push(identity);
        }
        let mut warnings = Vec::new();
        for RawWarning { left, op, right, zh, en } in raw.warnings {
            warnings.push(Warning {
                left: places("warnings.left", &left)?,
                op: match op.get_ref().as_str() {
                    "<=" => Op::AtMost,
                    "=" => Op::Equal,
                    _ => {
                        let what = "应为 <= 或 = / must be <= or =";
                        return self.refuse(&op.span(), "warnings.op", what);
                    }
                },
                right: places("warnings.right", &right)?,
                zh: self.text("warnings.zh", zh)?,
                en: self.text("warnings.en", en)?,
            });
        }
        let mut rates = Vec::new();
        for RawRate { id, zh, en, numerator, denominator } in raw.rates {
            rates.push(Rate {
                id: self.id("rates.id", id)?,
                zh: self.text("rates.zh", zh)?,
                en: self.text("rates.en", en)?,
                numerator: places("rates.numerator", &numerator)?,
                denominator: places("rates.denominator", &denominator)?,
            });
        }
        let mut folds: Vec<Fold> = Vec::new();
        for RawFold { to, map } in raw.folds {
            let at = to.span();
            let to = self.id("folds.to", to)?;
            if to == id || folds.iter().any(|fold| fold.to == to) {
                return self.refuse(&at, "folds.to", "重复，或是自身 / given twice, or itself");
            }
            let map_at = map.span();
            let map = map.into_inner();
            if map.len() > COLUMNS_MAX {
                return self.refuse(&map_at, "folds.map", "最多 200 项 / at most 200 entries");
            }
            let mut targets = Vec::new();
            let mut used = BTreeSet::new();
            for (target, parts) in map {
                let parts_at = parts.span();
                let parts = places("folds.map", &parts)?;
                if !is_id(&target) {
                    return self.refuse(&parts_at, "folds.map", BAD_ID);
                }
                if !parts.iter().all(|part| used.insert(*part)) {
                    let what = "一列计入了两处 / a column is counted in two places";
                    return self.refuse(&parts_at, "folds.map", what);
                }
                targets.push((target, parts));
            }
            folds.push(Fold { to, map: targets });
        }
        let labels =
            raw.labels.into_iter().map(|label| self.text("labels", label)).collect::<Checked<Vec<_>>>()?;
        Ok(Template {
            id,
            table: self.id("table", raw.table)?,
            title: self.text("title", raw.title)?,
            provisional: raw.provisional,
            source: self.text("source", raw.source)?,
            known: Known::new(&columns, &labels),
            labels,
            columns,
            identities,
            warnings,
            rates,
            folds,
        })
    }

    fn columns(&self, raw: Vec<RawColumn>) -> Checked<Vec<Column>> {
        let (mut ids, mut headers) = (BTreeSet::new(), BTreeSet::new());
        let mut columns = Vec::with_capacity(raw.len());
        for column in raw {
            let (id_at, header_at, unit_at) = (column.id.span(), column.header.span(), column.unit.span());
            let id = self.id("columns.id", column.id)?;
            if !ids.insert(id.clone()) {
                return self.refuse(&id_at, "columns.id", "列 id 重复 / two columns have this id");
            }
            if column.aliases.len() > LIST_MAX {
                return self.refuse(&id_at, "columns.aliases", "最多 100 项 / at most 100 entries");
            }
            let header = self.text("columns.header", column.header)?;
            let aliases = column.aliases.into_iter().map(|alias| self.text("columns.aliases", alias));
            let aliases = aliases.collect::<Checked<Vec<_>>>()?;
            for spelling in std::iter::once(&header).chain(&aliases) {
                if !headers.insert(header_key(spelling)) {
                    let what = format!("表头“{spelling}”重复 / the header {spelling:?} stands twice");
                    return self.refuse(&header_at, "columns.header", &what);
                }
            }
            let unit = self.text("columns.unit", column.unit)?;
            let kind = match column.kind {
                RawKind::Count => Kind::Count,
                RawKind::Money => Kind::Money,
            };
            if Unit::parse(&unit).is_none_or(|unit| unit.is_money() != (kind == Kind::Money)) {
                let what = "单位与 kind 不符 / the unit does not go with kind";
                return self.refuse(&unit_at, "columns.unit", what);
            }
            columns.push(Column { id, header, aliases, unit, kind, optional: column.optional });
        }
        Ok(columns)
    }

    fn id(&self, key: &str, id: Spanned<String>) -> Checked<String> {
        let at = id.span();
        let id = id.into_inner();
        if is_id(&id) { Ok(id) } else { self.refuse(&at, key, BAD_ID) }
    }

    fn text(&self, key: &str, text: Spanned<String>) -> Checked<String> {
        let at = text.span();
        let text = text.into_inner();
        if text.trim().is_empty() || text.len() > TEXT_BYTES_MAX || hostile_char(&text, false).is_some() {
            let what = "应为 1 至 1024 字节、不含控制字符的文字 / 1 to 1,024 bytes of text without control characters";
            return self.refuse(&at, key, what);
        }
        Ok(text)
    }
}

const BAD_ID: &str = "id 应以小写字母开头，只含小写字母、数字、- 和 _，最多 64 字节，且不是 t1、c1 之类 / an id is a small letter, then \
     small letters, digits, - and _, at most 64 bytes, and none of t1, c1 and their like";

/// Ids of extra tables and columns (`t1`, `c12`) are none of a template's.
fn is_id(id: &str) -> bool {
    let plain = id.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'));
    let by_place =
        id.strip_prefix(['t', 'c']).is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()));
    plain && !by_place && id.len() <= ID_BYTES_MAX && id.starts_with(|c: char| c.is_ascii_lowercase())
}
