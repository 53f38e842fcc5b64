//! The consolidated view of the node in memory: one table with every kind of cell, whatever division is asked for.

use super::changes::{ChangeDoc, ChangesDoc};
use super::fake::{code, digest};
use super::source::{PlaceDoc, PlaceName};
use crate::division::DivisionCode;
use crate::package::cell::{Cell as SignedCell, State};
use crate::package::difference::{CellChange, Difference, TextChange};
use crate::time::WallMs;
use crate::view::*;

fn sum(whole: i128) -> Sum {
    Sum(whole * 1_000_000)
}

/// A division with one child, both with a name that a test chooses.
pub(crate) fn place(of: &DivisionCode, name: &str) -> PlaceDoc {
    let child = PlaceName { code: code("331126100"), name: name.into() };
    PlaceDoc {
        name: name.into(),
        above: vec![PlaceName { code: code("330000"), name: name.into() }],
        children: if *of == child.code { vec![] } else { vec![child] },
        years: vec![2023, 2024],
        successor: None,
    }
}

fn column(id: &str, name: &str, figure: Option<i128>) -> ColumnView {
    let last = figure.map(|n| ChangeView {
        sum: sum(n - 1),
        packages: 1,
        change: sum(1),
        percent: Some("+1.00%".into()),
    });
    ColumnView {
        id: id.into(),
        header: name.into(),
        unit: "宗".into(),
        sum: figure.map(sum),
        packages: 1,
        left_out: 0,
        last_year: last,
    }
}

fn table(name: &str) -> TableView {
    TableView {
        id: "penalty".into(),
        name: name.into(),
        template: Some("2021".into()),
        packages: 2,
        columns: vec![
            column("total", name, Some(108_156)),
            column("a/b", name, None),
            column("zero", name, Some(0)),
        ],
        folded: vec![],
        layouts: vec![],
    }
}

/// The view.
pub(crate) fn view(query: &ViewQuery, name: &str) -> View {
    View {
        division: DivisionName { code: query.division.clone(), name: name.into() },
        year: query.year,
        scope: query.scope,
        packages: 2,
        consolidated: 1,
        suspect: 1,
        tables: vec![table(name)],
        rates: rates(name),
        coverage: CoverageView {
            expected: 5,
            reported: 2,
            nil: 1,
            not_applicable: 1,
            returned: 0,
            missing: 1,
        },
        differences: vec![DifferenceView {
            digest: digest(1),
            agency: AgencyName { id: name.into(), name: name.into() },
            table: "t".into(),
            table_name: name.into(),
            column: "c".into(),
            header: name.into(),
            unit: name.into(),
            row: Some(name.into()),
            against: Against::Subtree,
            printed: sum(3),
            computed: sum(2),
            difference: sum(1),
            packages: 1,
            parts: vec![],
            missing: vec![],
        }],
    }
}

/// One rate without cases.
pub(crate) fn rates(name: &str) -> Vec<RateView> {
    vec![RateView {
        id: "r".into(),
        name: name.into(),
        name_en: name.into(),
        table: "penalty".into(),
        numerator: sum(0),
        denominator: sum(0),
        value: None,
        no_cases: true,
    }]
}

/// One cell that changed and one that came, and a text.
pub(crate) fn difference(name: &str) -> Difference {
    let cell = |printed: &str| {
        Some(SignedCell { printed: printed.into(), value: None, unit: None, state: State::Value })
    };
    let change = |before, after| CellChange {
        table: name.into(),
        label: name.into(),
        row: 1,
        column: name.into(),
        before,
        after,
    };
    Difference {
        cells: vec![change(cell("94930"), cell("94929")), change(None, cell("7"))],
        tables_added: vec![name.into()],
        tables_removed: vec![],
        texts: vec![TextChange { field: "notes", before: None, after: Some(name.into()) }],
    }
}

/// Three entries of the log.
pub(crate) fn changes(since: u64, limit: usize) -> ChangesDoc {
    let change = |index, kind| ChangeDoc {
        index,
        kind,
        digest: digest(1),
        at: WallMs(1_737_000_000_000),
        year: (kind != "governance").then_some(2024),
        division: None,
        agency: None,
        revision: None,
        state: None,
    };
    let all = [change(0, "governance"), change(1, "report"), change(2, "release")];
    let changes: Vec<ChangeDoc> = all.into_iter().filter(|own| own.index >= since).take(limit).collect();
    let next = changes.last().map(|own| own.index + 1).filter(|next| *next < 3);
    ChangesDoc { size: 3, changes, next }
}

/// Its parts: the own agencies and a child that has not reported.
pub(crate) fn parts(query: &ViewQuery, name: &str) -> Vec<PartOfView> {
    let part = |division: DivisionCode, own, packages, tables| PartOfView {
        division,
        name: name.into(),
        agency: None,
        digest: None,
        own,
        packages,
        tables,
    };
    let agency = PartOfView {
        agency: Some(AgencyName {
            id: "331126:庆元县（县本级汇总，县政府站点发布）".into(),
            name: name.into(),
        }),
        digest: Some(digest(1)),
        ..part(query.division.clone(), false, 1, vec![table(name)])
    };
    let mut all = vec![part(query.division.clone(), true, 2, vec![table(name)])];
    // The one report there is.
    all.extend((query.year == 2024).then_some(agency));
    all.push(part(code("331126100"), false, 0, vec![]));
    all
}

/// The cell behind every sum.
pub(crate) fn cells(query: &ViewQuery, name: &str) -> CellPage {
    let cell = CellView {
        digest: digest(1),
        agency: AgencyName { id: name.into(), name: name.into() },
        division: query.division.clone(),
        table: "penalty".into(),
        column: "total".into(),
        row: 1,
        printed: name.into(),
        value: Some(sum(1)),
    };
    CellPage { cells: vec![cell], next: None }
}

/// Two years, of which one has no number.
pub(crate) fn series(query: &SeriesQuery, name: &str) -> SeriesView {
    let point = |year, sum| PointView { year, sum, packages: 1, last_year: None };
    SeriesView {
        division: DivisionName { code: query.division.clone(), name: name.into() },
        scope: query.scope,
        table: query.table.clone(),
        name: name.into(),
        template: None,
        lines: vec![LineView {
            id: "total".into(),
            header: name.into(),
            unit: "宗".into(),
            points: vec![point(2023, None), point(2024, Some(sum(9)))],
        }],
    }
}
