//! Which of a year's sums stand at the head of its page.

use crate::view::{ColumnView, TableView};

/// Columns that head a page, the weightiest of each kind of act.
const HEADLINES: [(&str, &str); 6] = [
    ("licence", "granted"),
    ("penalty", "total"),
    ("penalty", "amount"),
    ("coercion", "total"),
    ("other-acts", "inspection"),
    ("other-acts", "levy_amount"),
];
/// What heads a year that has none of those tables, by the words that tables and columns are named with.
const OTHER_HEADLINES: [&str; 6] = ["行政处罚", "罚没", "行政检查", "行政许可", "行政强制", "行政征收"];
/// Headlines of a year whose tables are named with none of those words either.
const OTHER_HEADLINES_MAX: usize = 4;
/// A column of a table at the head of the page.
pub(super) type Headline<'a> = (&'a TableView, &'a ColumnView);

/// The weightiest columns; of a year without those tables what is named like them, or else the last column of each.
pub(super) fn headlines(tables: &[TableView]) -> Vec<Headline<'_>> {
    let find = |(table, column): &(&str, &str)| {
        let table = tables.iter().find(|own| own.id == *table)?;
        Some((table, table.columns.iter().find(|own| own.id == *column)?))
    };
    let found: Vec<Headline<'_>> = HEADLINES.iter().filter_map(find).collect();
    if !found.is_empty() {
        return found;
    }
    let named: Vec<Headline<'_>> = OTHER_HEADLINES.iter().filter_map(|word| named(tables, word)).collect();
    if !named.is_empty() {
        return named;
    }
    let last = |table: &'_ TableView| table.columns.len().checked_sub(1);
    tables
        .iter()
        .filter_map(|table| Some((table, table.columns.get(last(table)?)?)))
        .take(OTHER_HEADLINES_MAX)
        .collect()
}

/// The column that says most of what a word names: a total before a part, more packages before fewer, then the larger
/// sum; money where the word is about money and nowhere else.
fn named<'a>(tables: &'a [TableView], word: &str) -> Option<Headline<'a>> {
    let columns = tables.iter().flat_map(|table| table.columns.iter().map(move |column| (table, column)));
    let is_meant = |(table, column): &Headline<'_>| {
        let is_named = table.name.contains(word) || column.header.contains(word);
        is_named && column.sum.is_some() && (column.unit == "元") == word.starts_with('罚')
    };
    columns.filter(is_meant).max_by_key(|(_, column)| {
        (column.header.contains("合计") || column.header.contains("总数"), column.packages, column.sum)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::Sum;

    fn table(name: &str, columns: &[(&str, &str, i128, i64)]) -> TableView {
        let column = |(header, unit, sum, packages): &(&str, &str, i128, i64)| ColumnView {
            id: (*header).to_owned(),
            header: (*header).to_owned(),
            unit: (*unit).to_owned(),
            sum: Some(Sum(*sum)),
            packages: *packages,
            left_out: 0,
            last_year: None,
        };
        let columns = columns.iter().map(column).collect();
        let (id, name) = (name.to_owned(), name.to_owned());
        TableView { id, name, template: None, packages: 1, columns, folded: Vec::new(), layouts: Vec::new() }
    }

    #[test]
    fn what_is_named_like_the_acts_of_an_agency_stands_before_what_is_not() {
        let tables = vec![
            table("一般程序案由", &[("露天焚烧秸秆", "起", 13, 1)]),
            table("行政检查", &[("行政检查", "起", 1530, 1)]),
            table(
                "行政处罚",
                &[("简易程序", "起", 6, 1), ("合计", "起", 20, 1), ("罚没金额", "元", 16100, 1)],
            ),
        ];
        let heads = |tables: &[TableView]| -> Vec<String> {
            headlines(tables)
                .iter()
                .map(|(table, column)| format!("{}/{}", table.name, column.header))
                .collect()
        };
        assert_eq!(heads(&tables), ["行政处罚/合计", "行政处罚/罚没金额", "行政检查/行政检查"]);
        assert_eq!(heads(&tables[..1]), ["一般程序案由/露天焚烧秸秆"]);
    }
}
