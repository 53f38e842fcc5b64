//! Report cards: an agency's year, or a change of it (FORMAT.md "Report").

use crate::bytes::{LayoutError, Reader, Writer};
use crate::digest::Digest;
use crate::division::{DIVISION_CODE_BYTES_MAX, DivisionCode};
use crate::package::report::{Scope, Status};
use crate::trust::delegation::read_division;

/// Longest agency name in bytes (100 Chinese characters).
pub const AGENCY_NAME_BYTES_MAX: usize = 300;
/// Longest agency code in bytes: a GB 32100 code has 18.
pub const AGENCY_CODE_BYTES_MAX: usize = 18;
/// Longest template id in bytes.
pub const TEMPLATE_BYTES_MAX: usize = 64;
/// Most bodies a card names.
pub const BODY_COUNT_MAX: usize = 16;

/// What is done to an agency's year.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportAct {
    /// 32: the first revision.
    Submit = 32,
    /// 33: no activity in the year.
    Nil = 33,
    /// 34: the agency has no such duty.
    NotApplicable = 34,
    /// 35: supersedes the revision it names, with a reason.
    Correct = 35,
    /// 36: takes the revision it names back, with a reason.
    Withdraw = 36,
    /// 37: an upper level sends the revision it names back, with findings.
    Return = 37,
}

/// What a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyRole {
    /// Tables and prose of a package (src/package/FORMAT.md); the first body of a report card.
    Package = 1,
    /// Members of a consolidation.
    Members = 2,
    /// A reason in prose.
    Reason = 3,
    /// The original workbook or document; fetched on demand.
    Attachment = 4,
    /// The text of a template (src/template/FORMAT.md). Never in a report card.
    Template = 5,
    /// The text of a roster. Never in a report card.
    Roster = 6,
    /// What an upper level found in what it sends back.
    Findings = 7,
}

/// A body named by a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyRef {
    /// What it is.
    pub role: BodyRole,
    /// RFC 6962 root over its salted chunks.
    pub digest: Digest,
    /// Length of the content in bytes, without salt.
    pub bytes: u64,
}

/// The fields of a report card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportCard {
    /// What is done.
    pub act: ReportAct,
    /// Whose agency it is.
    pub division: DivisionCode,
    /// The agency's name as it signs.
    pub agency_name: String,
    /// Its GB 32100 code, or empty.
    pub agency_code: String,
    /// The calendar year.
    pub year: u16,
    /// 1, 2, 3 ... per agency and year; a withdrawal or return repeats the number of what it
    /// is about.
    pub revision: u32,
    /// Digest of the previous revision's statement (of the one withdrawn or returned); zero for the first.
    pub previous: Digest,
    /// What it covers.
    pub scope: Scope,
    /// Provisional or final.
    pub status: Status,
    /// Published as printed although a hard identity does not hold; the body gives the reason.
    pub as_printed: bool,
    /// Template id, or empty when every table is an extra table.
    pub template: String,
    /// Why, for a correction, withdrawal or return: a code of FORMAT.md, else 0.
    pub reason: u8,
    /// Bodies, the package first.
    pub bodies: Vec<BodyRef>,
}

impl ReportAct {
    /// The kind's code.
    pub const fn kind_code(self) -> u8 {
        self as u8
    }
    /// From the kind's code.
    pub fn from_kind_code(code: u8) -> Option<Self> {
        [Self::Submit, Self::Nil, Self::NotApplicable, Self::Correct, Self::Withdraw, Self::Return]
            .into_iter()
            .find(|act| act.kind_code() == code)
    }
}

impl BodyRole {
    fn from_byte(byte: u8) -> Option<Self> {
        [Self::Package, Self::Members, Self::Reason, Self::Attachment, Self::Findings]
            .into_iter()
            .find(|role| *role as u8 == byte)
    }
}

impl ReportCard {
    /// The plainest card: the first word about an agency's year, which is over, is that nothing happened in it. Others
    /// are written as what they differ in.
    pub fn nil(division: DivisionCode, agency_name: impl Into<String>, year: u16) -> Self {
        Self {
            act: ReportAct::Nil,
            division,
            agency_name: agency_name.into(),
            agency_code: String::new(),
            year,
            revision: 1,
            previous: Digest::ZERO,
            scope: Scope::Own,
            status: Status::Final,
            as_printed: false,
            template: String::new(),
            reason: 0,
            bodies: Vec::new(),
        }
    }

    /// The agency's id before the fold resolves aliases: its code, else `division:NAME`.
    pub fn agency_id(&self) -> String {
        if self.agency_code.is_empty() { self.agency_name_id() } else { self.agency_code.clone() }
    }

    /// The id by name, which a later code becomes an alias of.
    pub fn agency_name_id(&self) -> String {
        format!("{}:{}", self.division, self.agency_name)
    }

    /// Every id the agency may be known by: by name, and by code if it has one.
    pub fn ids(&self) -> Vec<String> {
        let code = Some(self.agency_code.clone()).filter(|code| !code.is_empty());
        std::iter::once(self.agency_name_id()).chain(code).collect()
    }

    /// The body of tables and prose, if the act carries one.
    pub fn package(&self) -> Option<&BodyRef> {
        self.bodies.first().filter(|body| body.role == BodyRole::Package)
    }

    /// Bodies that travel with the statement: all but attachments.
    pub fn carried_bodies(&self) -> impl Iterator<Item = &BodyRef> {
        self.bodies.iter().filter(|body| body.role != BodyRole::Attachment)
    }

    /// What fields must be beside their layout; asked before writing too, so that nothing is signed that no
    /// one reads.
    fn check(&self) -> Result<(), LayoutError> {
        if self.agency_name.is_empty() {
            return Err(LayoutError::invalid("agency name", "empty"));
        }
        // A colon would make the code the id of an agency that is known by name.
        if !self.agency_code.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(LayoutError::invalid("agency code", "not ASCII letters and digits"));
        }
        let carries_package = matches!(self.act, ReportAct::Submit | ReportAct::Correct);
        if carries_package != self.package().is_some() {
            return Err(LayoutError::invalid(
                "bodies",
                "the first body must be the package, for these kinds alone",
            ));
        }
        Ok(())
    }

    pub(super) fn write(&self, out: &mut Writer) -> Result<(), LayoutError> {
        self.check()?;
        out.text("division", self.division.as_str(), DIVISION_CODE_BYTES_MAX)?;
        out.text("agency name", &self.agency_name, AGENCY_NAME_BYTES_MAX)?;
        out.text("agency code", &self.agency_code, AGENCY_CODE_BYTES_MAX)?;
        out.u16(self.year).u32(self.revision).digest(&self.previous);
        out.u8(self.scope as u8).u8(self.status as u8).u8(u8::from(self.as_printed));
        out.text("template", &self.template, TEMPLATE_BYTES_MAX)?;
        out.u8(self.reason);
        let count = u8::try_from(self.bodies.len()).ok().filter(|_| self.bodies.len() <= BODY_COUNT_MAX);
        out.u8(count.ok_or(LayoutError::invalid("bodies", "more than 16"))?);
        for body in &self.bodies {
            out.u8(body.role as u8).digest(&body.digest).u64(body.bytes);
        }
        Ok(())
    }

    pub(super) fn read(act: ReportAct, input: &mut Reader<'_>) -> Result<Self, LayoutError> {
        let division = read_division(input, "division")?;
        let agency_name = input.text("agency name", AGENCY_NAME_BYTES_MAX)?.to_owned();
        let agency_code = input.text("agency code", AGENCY_CODE_BYTES_MAX)?.to_owned();
        let year = input.u16("year")?;
        let revision = input.u32("revision")?;
        let previous = input.digest("previous revision")?;
        let scope =
            Scope::from_byte(input.u8("scope")?).ok_or(LayoutError::invalid("scope", "not 1 or 2"))?;
        let status =
            Status::from_byte(input.u8("status")?).ok_or(LayoutError::invalid("status", "not 1 or 2"))?;
        let as_printed = match input.u8("as printed")? {
            0 => false,
            1 => true,
            _ => return Err(LayoutError::invalid("as printed", "not 0 or 1")),
        };
        let template = input.text("template", TEMPLATE_BYTES_MAX)?.to_owned();
        let reason = input.u8("reason")?;
        let count = input.u8("bodies")?;
        if usize::from(count) > BODY_COUNT_MAX {
            return Err(LayoutError::invalid("bodies", "more than 16"));
        }
        let bodies = (0..count)
            .map(|_| {
                let role = BodyRole::from_byte(input.u8("body role")?)
                    .ok_or(LayoutError::invalid("body role", "unknown"))?;
                Ok(BodyRef { role, digest: input.digest("body digest")?, bytes: input.u64("body length")? })
            })
            .collect::<Result<Vec<_>, LayoutError>>()?;
        let report = Self {
            act,
            division,
            agency_name,
            agency_code,
            year,
            revision,
            previous,
            scope,
            status,
            as_printed,
            template,
            reason,
            bodies,
        };
        report.check()?;
        Ok(report)
    }
}
