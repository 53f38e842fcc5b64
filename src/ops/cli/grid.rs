//! Tables for a terminal: columns aligned by display width, so that Chinese and digits stand under each other.

use crate::template::normal::harmless;
use unicode_width::UnicodeWidthStr;

/// Rows under heads. Columns in which every cell is a number are set to the right. Control characters, which
/// could repaint a terminal, show as U+FFFD.
pub(super) fn grid<S: AsRef<str>>(heads: &[S], rows: &[Vec<String>]) -> String {
    let heads: Vec<String> = heads.iter().map(|head| harmless(head.as_ref())).collect();
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|cell| harmless(cell)).collect()).collect();
    let columns = rows.iter().map(Vec::len).chain([heads.len()]).max().unwrap_or(0);
    let cells = |at: usize| rows.iter().filter_map(move |row| row.get(at));
    let widths: Vec<usize> = (0..columns)
        .map(|at| cells(at).chain(heads.get(at)).map(|cell| cell.width()).max().unwrap_or(0))
        .collect();
    let right: Vec<bool> =
        (0..columns).map(|at| cells(at).next().is_some() && cells(at).all(|cell| is_number(cell))).collect();
    let line = |row: &Vec<String>| {
        let mut out = String::new();
        for (at, cell) in row.iter().enumerate() {
            let pad = widths.get(at).map_or(0, |width| width.saturating_sub(cell.width()));
            let (before, after) = if right.get(at) == Some(&true) { (pad, 0) } else { (0, pad) };
            out.push_str(&" ".repeat(before));
            out.push_str(cell);
            out.push_str(&" ".repeat(after + 2));
        }
        out.trim_end().to_owned()
    };
    let head = Some(&heads).filter(|heads| !heads.is_empty());
    head.into_iter().chain(&rows).map(line).collect::<Vec<_>>().join("\n")
}

fn is_number(cell: &str) -> bool {
    !cell.is_empty() && cell.chars().all(|c| c.is_ascii_digit() || ".,-%".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chinese_and_digits_stand_under_each_other() {
        let rows = [vec!["公安局".to_owned(), "1200".to_owned()], vec!["ab".to_owned(), "7".to_owned()]];
        let text = grid(&["机关", "罚款"], &rows);
        assert_eq!(text, "机关    罚款\n公安局  1200\nab         7");
    }

    #[test]
    fn a_cell_cannot_repaint_the_terminal() {
        let text = grid(&["a"], &[vec!["x\u{1b}[2Jy\n\u{2028}z".to_owned()]]);
        assert!(!text.contains('\u{1b}') && text.lines().count() == 2, "{text:?}");
    }
}
