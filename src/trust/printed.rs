//! Bytes on paper: groups of five characters that cannot be mistaken for each other, and a sum on every line, so that a
//! wrong character is named by its line (src/trust/CEREMONY.md "The printed form").

use crate::digest::Digest;
use data_encoding::{Encoding, Specification};

/// Crockford's thirty-two: no I, L, O, U.
const LETTERS: &str = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Bytes on a line: eight groups of five characters.
const LINE_BYTES: usize = 25;
/// Characters in a group.
const GROUP: usize = 5;
/// Characters of a line's sum: fifteen bits.
const SUM: usize = 3;
/// Most lines: an encrypted key takes nine.
const LINES_MAX: usize = 99;

/// What is wrong with what was typed in.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
pub enum PrintedError {
    /// A line's sum does not fit its characters: something on it is mistyped.
    #[error("line {0} is mistyped")]
    Line(usize),
    /// A line is missing or stands twice.
    #[error("line {0} comes next")]
    Missing(usize),
    /// No lines at all, or too many.
    #[error("no printed lines")]
    None,
}

/// The letters, taken as people type them: small ones, O for 0, I and L for 1, spaces and hyphens anywhere.
fn encoding() -> Option<Encoding> {
    let mut letters = Specification::new();
    letters.symbols.push_str(LETTERS);
    letters.translate.from.push_str("abcdefghjkmnpqrstvwxyzOoIiLl");
    letters.translate.to.push_str("ABCDEFGHJKMNPQRSTVWXYZ001111");
    letters.ignore.push_str(" -\t");
    letters.encoding().ok()
}

fn sum(line: usize, bytes: &[u8]) -> Option<String> {
    let number = u8::try_from(line).ok()?;
    let digest = Digest::of(&[b"gongshi/printed-line/v1\n", &[number], bytes]);
    Some(encoding()?.encode(digest.as_bytes()).get(..SUM)?.to_owned())
}

/// The lines of `bytes`: a number, groups, and the sum.
pub fn print(bytes: &[u8]) -> Vec<String> {
    let Some(letters) = encoding() else { return Vec::new() };
    let line = |(at, bytes): (usize, &[u8])| {
        let text = letters.encode(bytes);
        let groups: Vec<&str> = (0..text.len())
            .step_by(GROUP)
            .filter_map(|from| text.get(from..text.len().min(from + GROUP)))
            .collect();
        format!("{:02}  {}  {}", at + 1, groups.join(" "), sum(at + 1, bytes).unwrap_or_default())
    };
    bytes.chunks(LINE_BYTES).enumerate().map(line).collect()
}

/// Reads the lines of a text that begin with a number; others are for people.
///
/// # Errors
/// [`PrintedError`], naming the first line that is wrong.
pub fn read(text: &str) -> Result<Vec<u8>, PrintedError> {
    let letters = encoding().ok_or(PrintedError::None)?;
    let numbered = text.lines().filter_map(|line| {
        let (number, rest) = line.trim().split_once(char::is_whitespace)?;
        (number.len() == 2).then_some(())?;
        Some((number.parse::<usize>().ok()?, rest))
    });
    let (mut bytes, mut next) = (Vec::new(), 1);
    for (number, rest) in numbered {
        if number != next || next > LINES_MAX {
            return Err(PrintedError::Missing(next));
        }
        let typed: String = rest.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
        let cut = typed.len().checked_sub(SUM).ok_or(PrintedError::Line(number))?;
        let (data, check) = typed.split_at_checked(cut).ok_or(PrintedError::Line(number))?;
        let line = letters.decode(data.as_bytes()).map_err(|_| PrintedError::Line(number))?;
        let check: String = check.chars().filter_map(canonical).collect();
        if sum(number, &line).as_deref() != Some(check.as_str()) {
            return Err(PrintedError::Line(number));
        }
        bytes.extend_from_slice(&line);
        next += 1;
    }
    if bytes.is_empty() { Err(PrintedError::None) } else { Ok(bytes) }
}

/// A letter as it is printed.
fn canonical(typed: char) -> Option<char> {
    match typed.to_ascii_uppercase() {
        'O' => Some('0'),
        'I' | 'L' => Some('1'),
        other => Some(other).filter(|other| LETTERS.contains(*other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read_as_people_type_it() {
        let bytes: Vec<u8> = (0..=211).collect();
        let lines = print(&bytes);
        assert_eq!(lines.len(), 9);
        assert!(lines.iter().all(|line| line.is_ascii() && line.len() <= 60), "{lines:?}");
        let text = lines.join("\n");
        assert_eq!(read(&text), Ok(bytes.clone()));
        let careless = |line: &String| {
            let (number, rest) = line.split_at(2);
            format!("{number}{}", rest.to_lowercase().replace('0', "o").replace("  ", " - "))
        };
        let typed = format!("# signing\n{}\n\n", lines.iter().map(careless).collect::<Vec<_>>().join("\n"));
        assert_eq!(read(&typed), Ok(bytes));
    }

    #[test]
    fn a_mistyped_character_is_named_by_its_line_wherever_it_is() {
        let lines = print(&[0x5a; 60]);
        for (at, line) in lines.iter().enumerate() {
            for place in 4..line.len() {
                let mut typed: Vec<char> = line.chars().collect();
                if typed[place] == ' ' {
                    continue;
                }
                typed[place] = if typed[place] == 'X' { 'Y' } else { 'X' };
                let mut all = lines.clone();
                all[at] = typed.into_iter().collect();
                assert_eq!(read(&all.join("\n")), Err(PrintedError::Line(at + 1)), "{place}");
            }
        }
        assert_eq!(read(&lines[1..].join("\n")), Err(PrintedError::Missing(1)));
        assert_eq!(read(&[&lines[..1], &lines[2..]].concat().join("\n")), Err(PrintedError::Missing(2)));
        assert_eq!(read("nothing"), Err(PrintedError::None));
    }
}
