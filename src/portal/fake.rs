//! A node in memory, for tests of the portal.

use super::changes::ChangesDoc;
use super::doc::*;
use super::source::*;
use crate::digest::Digest;
use crate::division::{DivisionCode, Level};
use crate::package::difference::Difference;
use crate::template::Templates;
use crate::time::WallMs;
use crate::view::{By, CellPage, PartOfView, RateView, SeriesQuery, SeriesView, View, ViewQuery};
use std::sync::Arc;

/// A node that holds what its fields say.
#[derive(Default)]
pub(crate) struct Fake {
    pub(crate) packages: Vec<Found<PackageDoc>>,
    /// Digests of entries that are [`Found::Withdrawn`] or [`Found::BodyMissing`].
    pub(crate) digests: Vec<Digest>,
    pub(crate) empty: bool,
    pub(crate) broken: bool,
    /// The name of everything in the consolidated view.
    pub(crate) payload: Option<String>,
}

/// A division code that is one.
pub(crate) fn code(text: &str) -> DivisionCode {
    text.parse().unwrap()
}

pub(crate) fn digest(seed: u8) -> Digest {
    Digest::of(&[&[seed]])
}

pub(crate) fn cell(printed: &str, value: Option<&str>, unit: Option<&str>, state: CellState) -> CellDoc {
    CellDoc { printed: printed.into(), value: value.map(Into::into), unit: unit.map(Into::into), state }
}

/// The real report of 庆元县 2024, shortened, with one cell of each state.
pub(crate) fn qingyuan(seed: u8, revision: u32) -> PackageDoc {
    let name = "庆元县（县本级汇总，县政府站点发布）";
    let column = |id: &str, header: &str, unit: &str| ColumnDoc {
        id: id.into(),
        header: header.into(),
        unit: (!unit.is_empty()).then(|| unit.into()),
    };
    let headers = [
        "警告、通报批评",
        "罚款",
        "没收违法所得、没收非法财物",
        "暂扣许可证、执照，降低资质等级",
        "行政拘留",
    ];
    let mut columns: Vec<_> = headers.iter().map(|header| column(header, header, "宗")).collect();
    columns.push(column("total", "合计（宗）", "宗"));
    columns.push(column("fined", "罚没金额（万元）", "万元"));
    let count = |n: &str| cell(n, Some(n), Some("宗"), CellState::Value);
    let penalties = TableDoc {
        id: "penalty".into(),
        name: "行政处罚实施情况统计表".into(),
        unit: Some("宗;罚没金额为万元".into()),
        template: Some("2021".into()),
        columns,
        rows: vec![vec![
            count("12175"),
            count("94929"),
            cell("", None, None, CellState::Blank),
            cell("不适用", None, None, CellState::NotApplicable),
            count("0"),
            count("108156"),
            cell("1753.79", Some("17537900"), Some("元"), CellState::Value),
        ]],
    };
    let label = |text: &str| cell(text, None, None, CellState::Text);
    let licences = TableDoc {
        id: "x1".into(),
        name: "行政许可实施情况统计表".into(),
        unit: Some("宗".into()),
        template: None,
        columns: vec![
            column("c1", "单位", ""),
            column("c2", "申请数量", "宗"),
            column("c3", "许可数量", "宗"),
        ],
        rows: vec![
            vec![label("林业局"), count("26569"), count("26462")],
            vec![label("水利局"), count("12"), count("12")],
        ],
    };
    PackageDoc {
        summary: PackageSummary {
            digest: digest(seed),
            index: 40 + u64::from(seed),
            agency: AgencyDoc { id: format!("331126:{name}"), name: name.into(), code: None },
            division: DivisionDoc { code: code("331126"), name: "浙江省丽水市庆元县".into() },
            year: 2024,
            revision,
            kind: PackageKind::Report,
            state: PackageState::Released,
            status: ReportStatus::Final,
            template: Some("2021".into()),
            suspect: false,
        },
        scope: ReportScope::Consolidated,
        tables: vec![penalties, licences],
        narrative: Some("全年办理行政处罚 108156 宗。\n其中罚款 94929 宗。".into()),
        revisions: (1..=revision)
            .map(|n| RevisionDoc {
                revision: n,
                digest: digest(seed),
                index: 40 + u64::from(n),
                state: if n == revision { PackageState::Released } else { PackageState::Superseded },
                sequenced_at: WallMs(1_737_000_000_000),
                reason: (n > 1).then(|| "原表合计有误".into()),
            })
            .collect(),
        members: vec![],
        source_url: Some("http://www.zjqy.gov.cn/art/2025/1/17/art_1229600405_5445725.html".into()),
        as_printed: None,
        notes: None,
        attachments: vec![AttachmentDoc {
            digest: digest(200),
            bytes: 3,
            name: Some("附表 <b>.xlsx".into()),
            sha256: Some(digest(201)),
        }],
    }
}

impl Fake {
    pub(crate) fn with(packages: Vec<PackageDoc>) -> Self {
        Self { packages: packages.into_iter().map(Found::Here).collect(), ..Self::default() }
    }

    pub(crate) fn shared(self) -> Arc<dyn Source> {
        Arc::new(self)
    }

    fn payload(&self) -> &str {
        self.payload.as_deref().unwrap_or("庆元县")
    }

    fn here(&self) -> impl DoubleEndedIterator<Item = &PackageDoc> {
        self.packages.iter().filter_map(|found| match found {
            Found::Here(doc) => Some(doc),
            _ => None,
        })
    }

    fn bytes(&self, digest: &Digest, what: &[u8]) -> Result<Found<Vec<u8>>, SourceError> {
        Ok(self.package(digest)?.map(|_| what.to_vec()))
    }
}

impl Source for Fake {
    fn edition(&self) -> u64 {
        0
    }
    fn node(&self) -> NodeDoc {
        let log = |size| LogDoc { size, root_hash: digest(1) };
        NodeDoc {
            code: code("331126"),
            level: Level::District,
            name: "庆元县".into(),
            federation: digest(9),
            version: "0.1.0".into(),
            log: log(7),
            root_log: log(if self.empty { 0 } else { 99 }),
            view_root: digest(2),
            received: 12,
            confirmed: ConfirmedDoc { quorum: 2, size: 12 },
        }
    }
    fn identity(&self) -> IdentityDoc {
        IdentityDoc {
            federation: digest(9),
            anchor_key: "ab".repeat(32),
            root_log: VerifierDoc { origin: "gongshi/root/x".into(), vkey: "gongshi/root/x+1+A".into() },
            code: code("331126"),
            cosigner: CosignerDoc { name: "gongshi/node/y".into(), vkey: "gongshi/node/y+1+B".into() },
        }
    }
    fn packages(&self, query: &PackageQuery) -> Result<PackagePage, SourceError> {
        if self.broken {
            return Err(SourceError::Unavailable("/var/lib/gongshi/sled: bad page".into()));
        }
        let start: usize = match &query.after {
            Some(after) => after.parse().map_err(|_| SourceError::BadCursor)?,
            None => 0,
        };
        let matching = self.here().map(|doc| &doc.summary).filter(|p| {
            p.state == query.state
                && query.year.is_none_or(|year| year == p.year)
                && query.division.as_ref().is_none_or(|code| *code == p.division.code)
                && query.agency.as_ref().is_none_or(|id| *id == p.agency.id)
        });
        let mut packages: Vec<_> = matching.skip(start).take(query.limit + 1).cloned().collect();
        let next = (packages.len() > query.limit).then(|| (start + query.limit).to_string());
        packages.truncate(query.limit);
        Ok(PackagePage { packages, next })
    }
    fn package(&self, digest: &Digest) -> Result<Found<PackageDoc>, SourceError> {
        if let Some(doc) = self.here().find(|doc| doc.summary.digest == *digest) {
            return Ok(Found::Here(doc.clone()));
        }
        let others = self.packages.iter().filter(|found| !matches!(found, Found::Here(_)));
        let found = others.zip(&self.digests).find(|(_, d)| *d == digest);
        Ok(found.map_or(Found::Absent, |(found, _)| found.clone()))
    }
    fn agency_year(&self, agency_id: &str, year: u16) -> Result<Vec<PackageSummary>, SourceError> {
        let all = self.here().map(|doc| &doc.summary);
        Ok(all.filter(|p| p.agency.id == agency_id && p.year == year).cloned().collect())
    }
    fn coverage(
        &self,
        division: Option<&DivisionCode>,
        year: u16,
    ) -> Result<Option<serde_json::Value>, SourceError> {
        let counts = serde_json::json!({
            "expected": 2, "reported": 1, "nil": 0, "not_applicable": 0, "returned": 0, "missing": 1, "late": 1,
            "unexpected": 0,
        });
        let known = division.is_none_or(|code| code.as_str() == "331126");
        Ok(known.then(|| {
            serde_json::json!({
                "schema": "gongshi.coverage/1", "division": {"code": "331126", "name": "庆元县"}, "year": year,
                "basis": "roster", "withheld": false, "counts": counts, "divisions": [], "agencies": [
                    {"division": "331126", "agency_name": "某局", "agency_id": "331126:庆元县（县本级汇总，县政府站点发布）", "expected": true,
                     "standing": "reported", "digest": (year == 2024).then(|| digest(1).hex()), "due": "2025-01-31",
                     "received_at": "2025-01-16T12:00:00+08:00", "days_late": 0},
                    {"division": "331126", "agency_name": "庆元县<b>", "expected": true, "standing": "missing", "days_late": 3},
                ],
            })
        }))
    }
    fn moved(&self, agency_id: &str, _: u16) -> Result<Option<String>, SourceError> {
        Ok((agency_id == "331126:旧名")
            .then(|| self.here().next().map(|doc| doc.summary.agency.id.clone()))
            .flatten())
    }
    fn proof(&self, digest: &Digest) -> Result<Found<String>, SourceError> {
        Ok(self.package(digest)?.map(|_| "c2sp.org/tlog-proof@v1\n".into()))
    }
    fn leaf(&self, digest: &Digest) -> Result<Found<Vec<u8>>, SourceError> {
        self.bytes(digest, b"leaf")
    }
    fn card(&self, digest: &Digest) -> Result<Found<Vec<u8>>, SourceError> {
        self.bytes(digest, b"card")
    }
    fn body(&self, digest: &Digest) -> Result<Found<Vec<u8>>, SourceError> {
        self.bytes(digest, b"body")
    }
    fn attachment(&self, package: &Digest, body: &Digest) -> Result<Found<AttachmentHead>, SourceError> {
        let head = AttachmentHead { name: "附表.xlsx".into(), bytes: 5, chunks: 2, salt: [9; 32] };
        let found = self.bytes(package, b"")?;
        Ok(if *body == digest(200) { found.map(|_| head) } else { Found::Absent })
    }
    fn attachment_chunk(&self, package: &Digest, _: &Digest, at: u32) -> Result<Found<Vec<u8>>, SourceError> {
        self.bytes(package, if at == 0 { b"att" } else { b"ac" })
    }
    fn checkpoint(&self) -> Option<String> {
        (!self.empty).then(|| "gongshi/root/x\n99\nAAAA\n\n— x\n".into())
    }
    fn tile(&self, level: u8, index: u64, width: Option<u16>) -> Result<Option<Vec<u8>>, SourceError> {
        Ok((level == 0 && index == 0 && width == Some(99)).then(|| vec![7; 99 * 32]))
    }
    fn entries(&self, index: u64, width: Option<u16>) -> Result<Option<Vec<u8>>, SourceError> {
        Ok((index == 0 && width == Some(99)).then(|| vec![8; 99]))
    }
    fn rollcall(&self) -> RollcallDoc {
        let node = |text: &str, agrees| RollcallNode {
            code: code(text),
            name: "某地".into(),
            size: 99,
            agrees,
            at: Some(WallMs(1_737_000_000_000)),
        };
        let nodes = if self.empty { vec![] } else { vec![node("330000", true), node("331126", false)] };
        RollcallDoc { size: 99, root_hash: digest(1), view_root: digest(2), nodes }
    }
    fn place(&self, of: &DivisionCode) -> Result<Option<PlaceDoc>, SourceError> {
        Ok((!self.empty).then(|| super::fake_view::place(of, self.payload())))
    }
    fn view(&self, query: &ViewQuery) -> Result<Option<View>, SourceError> {
        Ok((!self.empty).then(|| super::fake_view::view(query, self.payload())))
    }
    fn view_parts(&self, query: &ViewQuery, _: By) -> Result<Vec<PartOfView>, SourceError> {
        Ok(super::fake_view::parts(query, self.payload()))
    }
    fn provenance(
        &self,
        query: &ViewQuery,
        _: &str,
        _: &str,
        _: Option<&str>,
        _: usize,
    ) -> Result<Option<CellPage>, SourceError> {
        Ok((!self.empty).then(|| super::fake_view::cells(query, self.payload())))
    }
    fn series(&self, query: &SeriesQuery) -> Result<Option<SeriesView>, SourceError> {
        Ok((!self.empty).then(|| super::fake_view::series(query, self.payload())))
    }
    fn notices(&self, wanted: Wanted, after: Option<&str>, limit: usize) -> Result<NoticePage, SourceError> {
        if after.is_some_and(|after| after != "older") {
            return Err(SourceError::BadCursor);
        }
        let notice = |doc: &PackageDoc| NoticeDoc {
            summary: doc.summary.clone(),
            at: WallMs(1_737_000_000_000),
            reason: doc.revisions.last().and_then(|own| own.reason.clone()),
        };
        let wanted = |doc: &&PackageDoc| wanted == Wanted::All || doc.summary.revision > 1;
        let notices: Vec<_> = self.here().rev().filter(wanted).take(limit).map(notice).collect();
        let next = (after.is_none() && notices.len() > 1).then(|| "older".to_owned());
        Ok(NoticePage { notices, next })
    }
    fn changes(&self, since: u64, limit: usize) -> Result<ChangesDoc, SourceError> {
        Ok(super::fake_view::changes(since, limit))
    }
    fn difference(&self, _: &Digest, _: &Digest) -> Result<Option<Difference>, SourceError> {
        Ok(Some(super::fake_view::difference(self.payload())))
    }
    fn package_rates(&self, _: &Digest) -> Result<Vec<RateView>, SourceError> {
        Ok(super::fake_view::rates(self.payload()))
    }
    fn table_marks(&self, packages: &[Digest]) -> Result<Vec<Vec<TableMark>>, SourceError> {
        let mark = |table: &str, is_zero| TableMark { table: table.into(), is_zero };
        Ok(packages.iter().map(|_| vec![mark("penalty", false), mark("licence", true)]).collect())
    }
    fn templates(&self) -> Result<Arc<Templates>, SourceError> {
        Ok(Arc::new(if self.empty {
            Templates::NONE
        } else {
            crate::template::builtin::templates().unwrap()
        }))
    }
    fn calendar(&self) -> Vec<YearDoc> {
        let year = |year, at, is_public| YearDoc { year, at, is_public, reports: 3 };
        match self.empty {
            true => vec![],
            false => vec![year(2025, Some(WallMs(1_737_000_000_000)), false), year(2024, None, true)],
        }
    }
    fn search(&self, text: &str, limit: usize) -> Result<Hits, SourceError> {
        let agencies =
            self.here().map(|doc| doc.summary.clone()).filter(|own| own.agency.name.contains(text));
        let divisions =
            (text == "庆元").then(|| PlaceName { code: code("331126"), name: self.payload().into() });
        Ok(Hits {
            divisions: divisions.into_iter().collect(),
            agencies: agencies.take(limit).collect(),
            partial: true,
        })
    }
    fn overview(&self) -> OverviewDoc {
        if self.empty {
            return OverviewDoc::default();
        }
        OverviewDoc {
            years: vec![YearCount { year: 2024, count: 3 }, YearCount { year: 2022, count: 1 }],
            newest: self.here().rev().take(20).map(|doc| doc.summary.clone()).collect(),
            checkpoint_age_ms: Some(125_000),
            nodes_agreeing: 1,
            nodes_total: 2,
            children: vec![ChildLink {
                code: code("331126100"),
                name: "某镇".into(),
                portal: Some("javascript:alert(1)".into()),
            }],
        }
    }
}
