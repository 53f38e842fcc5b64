//! The text of a roster: who owes which report by when. The format is `ROSTER.md` beside this file.
//!
//! Parsing and writing only; which roster decides for a division is [`crate::view::tree`]'s, and who has reported is
//! [`crate::view::coverage`]'s. A roster has one text: lines in order, so that the same duties are the same bytes.
#![doc = include_str!("ROSTER.md")]

use crate::agency::{AGENCY_NAME_BYTES_MAX, CreditCode, agency_name};
use crate::division::DivisionCode;
use crate::time::WallMs;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The first line. Another one is refused, never guessed at.
pub const FIRST_LINE: &str = "gongshi/roster/v1";
/// Most lines: the agencies of a province, one and a half times.
pub const LINE_COUNT_MAX: usize = 20_000;
/// Most duties of one agency: there are seven kinds of tables.
pub const DUTY_COUNT_MAX: usize = 32;
/// Longest duty in bytes, as a template id.
pub const DUTY_BYTES_MAX: usize = 64;
/// Earliest year a duty can begin or end in.
pub const YEAR_MIN: u16 = 1949;

/// A day of the year after the one that is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DueDay {
    month: u8,
    day: u8,
}

/// One agency's duty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Duty {
    /// Whose agency it is.
    pub division: DivisionCode,
    /// Its name, as reports give it.
    pub agency_name: String,
    /// First year it is owed for; none for always.
    pub from: Option<u16>,
    /// Last year it is owed for; none for ever.
    pub until: Option<u16>,
    /// Its 统一社会信用代码, or empty.
    pub agency_code: String,
    /// The tables that are owed, as template ids; empty for whatever the agency has.
    pub tables: Vec<String>,
    /// By when.
    pub due: DueDay,
}

/// A roster: lines in the order of their division, name and first year.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    lines: Vec<Duty>,
}

/// What is wrong with a field or a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RosterProblem {
    /// Not a roster of this version.
    #[error("the first line must be {FIRST_LINE}")]
    FirstLine,
    /// Not UTF-8, or without the line feed that ends it.
    #[error("not UTF-8 text that ends with a line feed")]
    Text,
    /// Not seven fields.
    #[error("a line has seven fields parted by tabs")]
    Fields,
    /// The division is none.
    #[error("{0:?} is not a division code")]
    Division(String),
    /// The name is empty, too long, or has control characters.
    #[error("an agency name of 1 to {AGENCY_NAME_BYTES_MAX} bytes without control characters is needed")]
    Name,
    /// The code is none.
    #[error("{0:?} is not an 18-digit code of GB 32100")]
    Code(String),
    /// A duty is none.
    #[error("{0:?} is not a table: want a template id such as penalty")]
    Table(String),
    /// The day is none.
    #[error("{0:?} is not a day such as 01-31")]
    Due(String),
    /// A year is none, or the last is before the first.
    #[error("years must be {YEAR_MIN} to 9999, the last not before the first")]
    Years,
    /// The agency stands in another line for some of these years.
    #[error("the same agency stands in line {0} for some of these years")]
    Twice(usize),
    /// Too many lines.
    #[error("more than {LINE_COUNT_MAX} lines")]
    TooLong,
    /// Parsed, but not the one text that these lines have.
    #[error("not in order, or not in the one form")]
    NotCanonical,
}

/// Why a text is not a roster: the first line that is wrong, from 1, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct RosterError {
    /// Line of the text.
    pub line: usize,
    /// What is wrong.
    pub problem: RosterProblem,
}

impl Default for DueDay {
    /// 31 January, the day the national rules name.
    fn default() -> Self {
        Self { month: 1, day: 31 }
    }
}

impl FromStr for DueDay {
    type Err = RosterProblem;

    /// `MM-DD`; 29 February is none, since most years have no such day.
    fn from_str(text: &str) -> Result<Self, RosterProblem> {
        let wrong = || RosterProblem::Due(text.to_owned());
        let number = |part: &str| {
            let plain = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
            Some(part).filter(|_| plain).and_then(|part| part.parse::<u8>().ok()).ok_or_else(wrong)
        };
        let (month, day) = text.split_once('-').ok_or_else(wrong)?;
        let (month, day) = (number(month)?, number(day)?);
        let days = match month {
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => 0,
        };
        if (1..=days).contains(&day) { Ok(Self { month, day }) } else { Err(wrong()) }
    }
}

impl fmt::Display for DueDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}-{:02}", self.month, self.day)
    }
}

impl DueDay {
    /// The date a report of `year` is due on: a day of the next year, `YYYY-MM-DD`.
    pub fn date(self, year: u16) -> String {
        format!("{:04}-{self}", year.saturating_add(1))
    }

    /// The first millisecond that is late for a report of `year`: midnight after the day, in China Standard Time.
    pub fn late_from(self, year: u16) -> WallMs {
        const DAY_MS: u64 = 86_400_000;
        let begins = WallMs::parse(&format!("{}T00:00:00+08:00", self.date(year)));
        WallMs(begins.map_or(u64::MAX, |at| at.0.saturating_add(DAY_MS)))
    }
}

impl Duty {
    /// True when it is owed for `year`.
    pub fn covers(&self, year: u16) -> bool {
        self.from.is_none_or(|from| from <= year) && self.until.is_none_or(|until| year <= until)
    }

    /// The id by name.
    pub fn name_id(&self) -> String {
        format!("{}:{}", self.division, self.agency_name)
    }

    fn meets(&self, other: &Self) -> bool {
        let begins = |duty: &Self| duty.from.unwrap_or(0);
        let ends = |duty: &Self| duty.until.unwrap_or(u16::MAX);
        begins(self) <= ends(other) && begins(other) <= ends(self)
    }

    /// The fields of a line: division, name, code, tables, day, first year, last year. Empty stands for none or the
    /// default.
    ///
    /// # Errors
    /// [`RosterProblem`] of the first field that is wrong.
    pub fn from_fields(fields: [&str; 7]) -> Result<Self, RosterProblem> {
        let [division, name, code, tables, due, from, until] = fields.map(str::trim);
        let year = |text: &str| match text {
            "" => Ok(None),
            text => {
                let plain = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit());
                let year = Some(text).filter(|_| plain).and_then(|text| text.parse().ok());
                year.filter(|year| *year >= YEAR_MIN).map(Some).ok_or(RosterProblem::Years)
            }
        };
        let mut tables: Vec<String> = tables
            .split([',', '，', '、', ';', '；'])
            .map(str::trim)
            .filter(|table| !table.is_empty())
            .map(str::to_owned)
            .collect();
        tables.sort();
        tables.dedup();
        let is_table = |table: &&String| {
            table.len() <= DUTY_BYTES_MAX
                && table.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_./".contains(&b))
        };
        if let Some(bad) = tables.iter().find(|table| !is_table(table)) {
            return Err(RosterProblem::Table(bad.clone()));
        }
        if tables.len() > DUTY_COUNT_MAX {
            return Err(RosterProblem::Table(format!("{} tables", tables.len())));
        }
        let agency_code = match code {
            "" => String::new(),
            code => {
                let parsed: Result<CreditCode, _> = code.parse();
                parsed.map_err(|_| RosterProblem::Code(code.to_owned()))?.as_str().to_owned()
            }
        };
        let duty = Self {
            division: division.parse().map_err(|_| RosterProblem::Division(division.to_owned()))?,
            agency_name: agency_name(name).map_err(|_| RosterProblem::Name)?,
            agency_code,
            tables,
            due: if due.is_empty() { DueDay::default() } else { due.parse()? },
            from: year(from)?,
            until: year(until)?,
        };
        let backwards = duty.from.zip(duty.until).is_some_and(|(from, until)| until < from);
        if backwards { Err(RosterProblem::Years) } else { Ok(duty) }
    }

    fn to_line(&self) -> String {
        let year = |year: Option<u16>| year.map(|year| year.to_string()).unwrap_or_default();
        let due = if self.due == DueDay::default() { String::new() } else { self.due.to_string() };
        let (name, code, tables) = (&self.agency_name, &self.agency_code, self.tables.join(","));
        format!(
            "{}\t{name}\t{code}\t{tables}\t{due}\t{}\t{}\n",
            self.division,
            year(self.from),
            year(self.until)
        )
    }
}

impl Roster {
    /// A roster of lines in any order.
    ///
    /// # Errors
    /// The position of the first line (from 1, in the order given) that cannot stand beside the others.
    pub fn of(lines: Vec<Duty>) -> Result<Self, RosterError> {
        if lines.len() > LINE_COUNT_MAX {
            return Err(RosterError { line: LINE_COUNT_MAX + 1, problem: RosterProblem::TooLong });
        }
        let mut seen: std::collections::BTreeMap<String, Vec<usize>> = std::collections::BTreeMap::new();
        for (at, duty) in lines.iter().enumerate() {
            let code = Some(duty.agency_code.clone()).filter(|code| !code.is_empty());
            for id in std::iter::once(duty.name_id()).chain(code) {
                let before = seen.entry(id).or_default();
                let meets = |other: &&usize| lines.get(**other).is_some_and(|other| duty.meets(other));
                if let Some(other) = before.iter().find(meets) {
                    return Err(RosterError { line: at + 1, problem: RosterProblem::Twice(other + 1) });
                }
                before.push(at);
            }
        }
        let mut lines = lines;
        lines.sort();
        Ok(Self { lines })
    }

    /// Parses the text of a roster.
    ///
    /// # Errors
    /// [`RosterError`].
    pub fn parse(text: &[u8]) -> Result<Self, RosterError> {
        let at = |line: usize, problem| RosterError { line, problem };
        let text = std::str::from_utf8(text).map_err(|_| at(1, RosterProblem::Text))?;
        let inner = text.strip_suffix('\n').ok_or_else(|| at(1, RosterProblem::Text))?;
        let mut lines = inner.split('\n').enumerate();
        if lines.next().map(|(_, line)| line) != Some(FIRST_LINE) {
            return Err(at(1, RosterProblem::FirstLine));
        }
        let mut duties = Vec::new();
        for (number, line) in lines {
            if duties.len() == LINE_COUNT_MAX {
                return Err(at(number + 1, RosterProblem::TooLong));
            }
            let fields: Vec<&str> = line.split('\t').collect();
            let fields = fields.try_into().map_err(|_| at(number + 1, RosterProblem::Fields))?;
            duties.push(Duty::from_fields(fields).map_err(|problem| at(number + 1, problem))?);
        }
        let roster = Self::of(duties).map_err(|error| at(error.line + 1, error.problem))?;
        // One text a roster: another spelling would be another digest for the same duties.
        let own = roster.to_text();
        let differs = own.lines().zip(text.lines()).position(|(own, given)| own != given);
        match differs {
            Some(line) => Err(at(line + 1, RosterProblem::NotCanonical)),
            None => Ok(roster),
        }
    }

    /// The one text of this roster.
    pub fn to_text(&self) -> String {
        let lines: String = self.lines.iter().map(Duty::to_line).collect();
        format!("{FIRST_LINE}\n{lines}")
    }

    /// The lines, in order.
    pub fn lines(&self) -> &[Duty] {
        &self.lines
    }

    /// The lines themselves.
    pub fn into_lines(self) -> Vec<Duty> {
        self.lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn duty(fields: [&str; 7]) -> Duty {
        Duty::from_fields(fields).unwrap()
    }

    #[test]
    fn the_same_duties_are_the_same_bytes_whatever_their_order() {
        let one = duty(["330282", "慈溪市公安局", "", "permit,penalty", "", "", ""]);
        let two = duty(["330200", "宁波市公安局", "", "", "02-28", "2020", "2024"]);
        let a = Roster::of(vec![one.clone(), two.clone()]).unwrap();
        let b = Roster::of(vec![two, one]).unwrap();
        assert_eq!(a.to_text(), b.to_text());
        assert_eq!(
            a.to_text(),
            "gongshi/roster/v1\n330200\t宁波市公安局\t\t\t02-28\t2020\t2024\n330282\t慈溪市公安局\t\tpenalty,permit\t\t\t\n"
        );
        assert_eq!(Roster::parse(a.to_text().as_bytes()).unwrap(), a);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let parse = |text: &str| Roster::parse(text.as_bytes()).unwrap_err();
        assert_eq!(parse("other\n"), RosterError { line: 1, problem: RosterProblem::FirstLine });
        assert_eq!(parse("gongshi/roster/v1").problem, RosterProblem::Text);
        let line = |line: &str| parse(&format!("{FIRST_LINE}\n330200\t宁波市公安局\t\t\t\t\t\n{line}\n"));
        assert_eq!(line("x").line, 3);
        assert_eq!(line("x").problem, RosterProblem::Fields);
        assert_eq!(line("33\tx\t\t\t\t\t").problem, RosterProblem::Division("33".to_owned()));
        assert_eq!(line("330282\t\t\t\t\t\t").problem, RosterProblem::Name);
        assert_eq!(line("330282\tx\t12\t\t\t\t").problem, RosterProblem::Code("12".to_owned()));
        assert_eq!(line("330282\tx\t\tA B\t\t\t").problem, RosterProblem::Table("A B".to_owned()));
        assert_eq!(line("330282\tx\t\t\t02-29\t\t").problem, RosterProblem::Due("02-29".to_owned()));
        assert_eq!(line("330282\tx\t\t\t\t2024\t2020").problem, RosterProblem::Years);
        assert_eq!(line("330200\t宁波市公安局\t\t\t\t2024\t").problem, RosterProblem::Twice(1));
        assert_eq!(line("330100\tx\t\t\t\t\t").problem, RosterProblem::NotCanonical);
        assert_eq!(line("330282\tx\t\t\t01-31\t\t").problem, RosterProblem::NotCanonical);
    }

    #[test]
    fn a_duty_may_change_from_one_year_to_the_next() {
        let old = duty(["330282", "慈溪市公安局", "", "penalty", "", "", "2023"]);
        let new = duty(["330282", "慈溪市公安局", "", "permit", "", "2024", ""]);
        let roster = Roster::of(vec![new, old]).unwrap();
        let of = |year| roster.lines().iter().filter(|duty| duty.covers(year)).count();
        assert_eq!((of(2023), of(2024)), (1, 1));
    }

    #[test]
    fn a_report_is_late_from_the_midnight_after_its_day_in_china() {
        assert_eq!(DueDay::default().late_from(2024).to_string(), "2025-02-01T00:00:00+08:00");
        assert_eq!(DueDay::default().date(2024), "2025-01-31");
    }
}
