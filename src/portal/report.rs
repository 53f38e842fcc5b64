//! The page of one report: tables exactly as printed, its versions and what changed between them, its proofs.

use super::doc::{PackageDoc, PackageKind, PackageState, PackageSummary, ReportStatus, RevisionDoc};
use super::folio::{Block, Cell, Folio, Item, Link, Mark, Switch, home};
use super::reply::{Problem, here};
use super::report_proof::proof;
use super::report_tables::{changes, rates, tables, tidy};
use super::source::Source;
use super::text::{segment, web_url};
use super::turn::{Ask, Form};
use super::words::Lang;
use crate::digest::Digest;
use serde_json::json;

/// The label that everything not real carries.
const SYNTHETIC_LABEL: &str = "合成示例";

/// `/a/{agency}/{year}`, encoded.
pub(super) fn year_link(summary: &PackageSummary) -> String {
    format!("/a/{}/{}", segment(&summary.agency.id), summary.year)
}

/// The year's own address for the current revision; the content's for every other.
pub(super) fn link_of(summary: &PackageSummary) -> String {
    match summary.state {
        PackageState::Released => year_link(summary),
        _ => format!("/p/{}", summary.digest),
    }
}

/// Where a revision stands, in marks of which no two kinds look alike.
pub(super) fn marks(lang: Lang, summary: &PackageSummary) -> Vec<Mark> {
    let mut marks = vec![match summary.state {
        PackageState::Released => Mark::new(lang.say(summary.state.zh()), "plain"),
        PackageState::Superseded => Mark::new(lang.say(summary.state.zh()), "old"),
        PackageState::Withdrawn => Mark::new(lang.say(summary.state.zh()), "bad"),
    }];
    marks.push(match summary.status {
        ReportStatus::Final => Mark::new(lang.say(summary.status.zh()), "good"),
        ReportStatus::Provisional => Mark::new(lang.say(summary.status.zh()), "provisional"),
    });
    if summary.revision > 1 {
        marks.push(Mark::new(lang.count("第 {} 版（有更正）", summary.revision), "corrected"));
    }
    if summary.kind != PackageKind::Report {
        marks.push(Mark::new(lang.say(summary.kind.zh()), "warn"));
    }
    if summary.suspect {
        marks.push(Mark::new(lang.say("待核实"), "bad"));
    }
    marks
}

/// A revision in a list.
pub(super) fn item(lang: Lang, summary: &PackageSummary) -> Item {
    let title = lang.fill("{} {} 年度", &[&summary.agency.name, &summary.year.to_string()]);
    Item {
        link: Link::new(title, link_of(summary)),
        marks: marks(lang, summary),
        about: vec![
            format!("{} {}", summary.division.name, summary.division.code),
            lang.count("日志第 {} 条", summary.index),
        ],
        detail: String::new(),
    }
}

/// `/a/{agency}/{year}`: the revision in force; if none is, the newest. `/v{n}` one revision.
pub(super) fn of_year(source: &dyn Source, ask: &Ask) -> Result<Folio, Problem> {
    let (agency, year) = (ask.part("agency"), ask.year()?);
    let revisions = source.agency_year(agency, year)?;
    if revisions.is_empty()
        && let Some(id) = source.moved(agency, year)?
    {
        return Err(Problem::Moved(format!("/a/{}/{year}", segment(&id))));
    }
    let digest = match ask.part("revision") {
        "" => {
            let released = revisions.iter().rev().find(|package| package.state == PackageState::Released);
            released.or(revisions.last()).map(|package| package.digest)
        }
        // One spelling only: `v1`, not `v01` or `v+1`.
        word => {
            let number = word.strip_prefix('v').and_then(|digits| digits.parse::<u32>().ok());
            let number = number.filter(|number| word == format!("v{number}"));
            revisions.iter().find(|package| Some(package.revision) == number).map(|package| package.digest)
        }
    };
    let stem = match ask.part("revision") {
        "" => format!("/a/{}/{year}", segment(agency)),
        word => format!("/a/{}/{year}/{word}", segment(agency)),
    };
    report(source, ask, &digest.ok_or(Problem::NotFound)?, stem)
}

/// `/p/{digest}`: a package by content.
pub(super) fn by_digest(source: &dyn Source, ask: &Ask) -> Result<Folio, Problem> {
    let digest: Digest = ask.part("digest").parse().map_err(|_| Problem::NotFound)?;
    report(source, ask, &digest, format!("/p/{digest}"))
}

fn report(source: &dyn Source, ask: &Ask, digest: &Digest, stem: String) -> Result<Folio, Problem> {
    let doc = here(source.package(digest)?)?;
    let (lang, summary) = (ask.lang, &doc.summary);
    let year = summary.year.to_string();
    let at = doc.revisions.iter().find(|own| own.digest == *digest).map(|own| own.sequenced_at);
    let lead = lang.fill(
        "{}（{}）报送的 {} 年度行政执法数据，照录原文。签名、版次和核验凭据见页末。",
        &[&summary.agency.name, &summary.division.name, &year],
    );
    let title = lang.fill("{} {} 年度行政执法数据", &[&summary.agency.name, &year]);
    let mut folio = Folio::new(title, lead, stem);
    folio.is_dataset = summary.kind == PackageKind::Report;
    folio.eyebrow = lang.fill("{} 年度 · {}", &[&year, summary.division.code.as_str()]);
    folio.crumbs = vec![
        home(lang),
        Link::new(summary.division.name.clone(), format!("/{}/{}", summary.division.code, summary.year)),
    ];
    folio.article = at.map(|at| (at, summary.agency.name.clone()));
    folio.marks = marks(lang, summary);
    let texts =
        [Some(&summary.agency.name), doc.notes.as_ref(), doc.narrative.as_ref(), doc.as_printed.as_ref()];
    let is_synthetic = texts.into_iter().flatten().any(|text| text.contains(SYNTHETIC_LABEL));
    if is_synthetic {
        folio.marks.push(Mark::new(lang.say("合成示例"), "bad"));
    }
    if doc.as_printed.is_some() {
        folio.marks.push(Mark::new(lang.say("按原样公布"), "warn"));
    }
    folio.switches = versions_switch(lang, &doc);
    folio.put("about", lang.say("关于这份报告"), about(lang, &doc, is_synthetic));
    folio.put("tables", lang.say("数据表"), tables(lang, &doc));
    let found = source.package_rates(digest)?;
    if !found.is_empty() {
        folio.put("rates", lang.say("比率"), rates(lang, &found));
    }
    for (id, title, text) in [("prose", "文字说明", &doc.narrative), ("notes", "备注", &doc.notes)] {
        if let Some(text) = text {
            folio.put(id, lang.say(title), vec![Block::Prose(text.clone())]);
        }
    }
    folio.put("attachments", lang.say("附件"), attachments(lang, &doc));
    let before = doc.revisions.iter().rev().find(|own| own.revision < summary.revision);
    let found = match before {
        Some(before) => Some((before.revision, source.difference(&before.digest, digest)?)),
        None => None,
    };
    folio.put("versions", lang.say("历次版本与更正"), versions(lang, &doc, found));
    folio.checks = true;
    folio.put("proof", lang.say("核验凭据"), proof(source, ask, &doc)?);
    match ask.form {
        Form::Json => folio.document = Some(json!(doc)),
        Form::Csv | Form::Workbook => folio.tidy = Some(tidy(lang, &doc)),
        Form::Page => {}
    }
    Ok(folio)
}

fn versions_switch(lang: Lang, doc: &PackageDoc) -> Vec<Switch> {
    if doc.revisions.len() < 2 {
        return Vec::new();
    }
    let link = year_link(&doc.summary);
    let reading = |own: &RevisionDoc| {
        (
            lang.count("第 {} 版", own.revision),
            format!("{link}/v{}", own.revision),
            own.digest == doc.summary.digest,
        )
    };
    vec![Switch { label: lang.words("版本"), readings: doc.revisions.iter().map(reading).collect() }]
}

fn about(lang: Lang, doc: &PackageDoc, is_synthetic: bool) -> Vec<Block> {
    let summary = &doc.summary;
    let mut blocks = Vec::new();
    if summary.state == PackageState::Superseded {
        blocks.push(Block::Notice(lang.words("这一版已被更正，仅供查阅历史；现行版本见下。")));
        blocks.push(Block::Links(vec![Link::new(lang.say("查看现行版本"), year_link(summary))]));
    }
    if summary.status == ReportStatus::Provisional {
        let why = "预报：报送时该年度尚未结束，数字会变动，以正式报告为准。";
        blocks.push(Block::Notice(lang.words(why)));
    }
    if summary.suspect {
        let why = "待核实：报送节点的密钥已被吊销，这份报告尚未得到上级确认，暂不计入合计。";
        blocks.push(Block::Notice(lang.words(why)));
    }
    if is_synthetic {
        blocks.push(Block::Notice(lang.words("这是用于演示的合成示例，不是任何单位的真实数据。")));
    }
    if let Some(reason) = &doc.as_printed {
        let why = "按原样公布：原报告中的数字彼此不完全相符，本站照录不改。说明：{}";
        blocks.push(Block::Notice(lang.fill(why, &[reason])));
    }
    let mut facts = vec![
        (lang.words("机关"), vec![Cell::Text(summary.agency.name.clone())]),
        (
            lang.words("行政区划"),
            vec![Cell::Text(format!("{} {}", summary.division.name, summary.division.code))],
        ),
        (lang.words("统计范围"), vec![Cell::Text(lang.words(doc.scope.zh()))]),
    ];
    if !doc.members.is_empty() {
        facts.push((lang.words("所含单位"), doc.members.iter().cloned().map(Cell::Text).collect()));
    }
    if let Some(code) = &summary.agency.code {
        facts.push((lang.words("统一社会信用代码"), vec![Cell::Text(code.clone())]));
    }
    if summary.kind == PackageKind::Report {
        let none = || lang.words("未套用统一模板，按原表照录");
        let template = summary.template.clone().unwrap_or_else(none);
        facts.push((lang.words("统计模板"), vec![Cell::Text(template)]));
    }
    if let Some(url) = &doc.source_url {
        let cell =
            web_url(url).map_or_else(|| Cell::Text(url.clone()), |to| Cell::Link(Link::new(url.clone(), to)));
        facts.push((lang.words("原始出处"), vec![cell]));
    }
    blocks.push(Block::Facts(facts));
    blocks
}

fn attachments(lang: Lang, doc: &PackageDoc) -> Vec<Block> {
    if doc.attachments.is_empty() {
        return vec![Block::Text(lang.words("这份报告没有附件；原始出处若已列明，可对照原文。"))];
    }
    let items = (1..).zip(&doc.attachments).map(|(at, own): (usize, _)| {
        let name = own.name.clone().unwrap_or_else(|| lang.count("附件 {}", at));
        let to = format!("/api/v1/packages/{}/attachments/{}", doc.summary.digest, own.digest);
        let hash = own.sha256.map(|sha256| format!("SHA-256 {sha256}"));
        Item {
            link: Link::new(name, to),
            marks: Vec::new(),
            about: std::iter::once(lang.count("{} 字节", own.bytes)).chain(hash).collect(),
            detail: String::new(),
        }
    });
    vec![Block::Items(items.collect())]
}

type Found = Option<(u32, Option<crate::package::difference::Difference>)>;

fn versions(lang: Lang, doc: &PackageDoc, found: Found) -> Vec<Block> {
    let link = year_link(&doc.summary);
    let item = |own: &RevisionDoc| {
        let here = own.digest == doc.summary.digest;
        let word = if here { "第 {} 版（本页）" } else { "第 {} 版" };
        let mark = match own.state {
            PackageState::Released => "plain",
            PackageState::Superseded => "old",
            PackageState::Withdrawn => "bad",
        };
        Item {
            link: Link::new(lang.count(word, own.revision), format!("{link}/v{}", own.revision)),
            marks: vec![Mark::new(lang.say(own.state.zh()), mark)],
            about: vec![
                lang.fill("{} 进入公开日志", &[&lang.time(own.sequenced_at)]),
                lang.count("日志第 {} 条", own.index),
            ],
            detail: own.reason.as_ref().map(|reason| lang.fill("理由：{}", &[reason])).unwrap_or_default(),
        }
    };
    let mut blocks = vec![Block::Items(doc.revisions.iter().map(item).collect())];
    match found {
        None => blocks.push(Block::Text(lang.words(
            "这是第一版，没有可比的前一版。以后如有更正，会在这里逐格列出改动和理由；旧版本一直保留。",
        ))),
        Some((before, None)) => {
            blocks.push(Block::Text(
                lang.count("第 {} 版的内容已经撤回，或尚未到达本节点，无法逐格比较。", before),
            ));
        }
        Some((before, Some(difference))) => {
            blocks.extend(changes(lang, doc.summary.revision, before, &difference))
        }
    }
    blocks
}
