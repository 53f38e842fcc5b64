//! A report: one agency, one calendar year, tables and prose, as it is read from a clerk's file.

use super::table::Table;
use crate::agency::{AgencyError, AgencyId, CreditCode};
use crate::division::DivisionCode;
use serde::{Deserialize, Serialize};

/// Whether the year's figures may still change by the passing of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The year is over.
    Final = 1,
    /// The year is not over, or the agency says that figures are still being settled.
    Provisional = 2,
}

/// Whose cases a report counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// 本级: the agency's own.
    Own = 1,
    /// 汇总: its own and those of its members or lower levels.
    Consolidated = 2,
}

impl Status {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Final, Self::Provisional];
    /// The English word of contracts and files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Final => "final",
            Self::Provisional => "provisional",
        }
    }
    /// From the byte of a signed layout (1 final, 2 provisional).
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|status| *status as u8 == byte)
    }
}

impl Scope {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Own, Self::Consolidated];
    /// The English word of contracts and files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Consolidated => "consolidated",
        }
    }
    /// From the byte of a signed layout (1 own, 2 consolidated).
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| *scope as u8 == byte)
    }
}

/// A report without anything that must be fixed. Texts are NFC without control characters, prose may have line
/// breaks; tables are within the bounds of [`super::table`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The agency's name, at most 300 bytes.
    pub agency_name: String,
    /// Its 统一社会信用代码, if the file gives one.
    pub agency_code: Option<CreditCode>,
    /// The division whose figures these are.
    pub division: DivisionCode,
    /// The division's name as the file gives it.
    pub division_name: Option<String>,
    /// The calendar year of the figures, 1949 to the current year.
    pub year: u16,
    /// Final or provisional.
    pub status: Status,
    /// Own or consolidated.
    pub scope: Scope,
    /// Whom a consolidated report includes, as named there.
    pub members: Vec<String>,
    /// The layout the file says it follows; the columns decide, not this.
    pub template: Option<String>,
    /// The tables in the order of the file.
    pub tables: Vec<Table>,
    /// 总体情况说明
    pub narrative: Option<String>,
    /// Where the report was first published (http or https).
    pub source_url: Option<String>,
    /// Why figures that break an identity stand as they were printed.
    pub as_printed: Option<String>,
    /// Remarks of whoever made the file.
    pub notes: Option<String>,
    /// Labels that every view must show (合成示例).
    pub labels: Vec<String>,
}

impl Report {
    /// The template of the first table that follows one, or nothing: what the card names.
    pub fn main_template(&self) -> &str {
        self.tables.iter().find_map(|table| table.template.as_deref()).unwrap_or_default()
    }

    /// The agency's id: its code, else its division and name.
    ///
    /// # Errors
    /// [`AgencyError`] when the name was changed since it was read.
    pub fn agency_id(&self) -> Result<AgencyId, AgencyError> {
        match &self.agency_code {
            Some(code) => Ok(AgencyId::of_code(code)),
            None => AgencyId::of_name(&self.division, &self.agency_name),
        }
    }
}
