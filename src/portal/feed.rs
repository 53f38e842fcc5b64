//! `/feed.atom` (RFC 4287) and `/sitemap.xml`: what is new, and what there is, for programs that look by themselves.

use super::Portal;
use super::api::Answer;
use super::doc::PackageState;
use super::escape::Page;
use super::reply::{NO_CACHE, content};
use super::report::{link_of, year_link};
use super::source::{NoticeDoc, PackageQuery, Wanted};
use super::turn::tagged;
use super::words::Lang;
use crate::time::WallMs;
use askama::filters::Escaper as _;
use axum::extract::State;
use axum::http::{HeaderMap, header};

/// Entries of the feed.
const ENTRIES: usize = 50;
/// Reports in the sitemap; the protocol allows 50,000 addresses in a file.
const REPORTS_MAX: usize = 1_000;
/// Plain pages of the sitemap.
const PAGES: [&str; 10] = [
    "/",
    "/reports",
    "/coverage",
    "/corrections",
    "/calendar",
    "/dictionary",
    "/rollcall",
    "/verify",
    "/about",
    "/accessibility",
];

/// The site's address: as configured, else as the reader wrote it, when it is a plain host name.
pub(super) fn origin(portal: &Portal, headers: &HeaderMap) -> String {
    if !portal.origin.is_empty() {
        return portal.origin.to_string();
    }
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    let host =
        if !host.is_empty() && host.len() <= 255 && host.chars().all(plain) { host } else { "localhost" };
    format!("http://{host}")
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    let _ = Page.write_escaped_str(&mut out, text);
    out
}

/// `GET /feed.atom`
pub(super) async fn atom(State(portal): State<Portal>, headers: HeaderMap) -> Answer {
    let read = portal.read(|source| Ok((source.node(), source.notices(Wanted::All, None, ENTRIES)?)));
    let (node, page) = read.await?;
    let site = format!("{}{}", origin(&portal, &headers), portal.base);
    let updated = page.notices.iter().map(|own| own.at).max().unwrap_or(WallMs(0));
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\" xml:lang=\"zh-CN\">\n\
         <id>urn:gongshi:{}:{}</id>\n<title>{}行政执法数据：最新公开与更正</title>\n<updated>{updated}</updated>\n\
         <link rel=\"self\" type=\"application/atom+xml\" href=\"{site}/feed.atom\"/>\n\
         <link rel=\"alternate\" type=\"text/html\" href=\"{site}/\"/>\n<author><name>{}</name></author>\n",
        node.federation,
        node.code,
        escaped(&node.name),
        escaped(&node.name),
    );
    page.notices.iter().for_each(|own| out += &entry(&site, own));
    out += "</feed>\n";
    Ok(tagged(content(out, "application/atom+xml; charset=utf-8", NO_CACHE), &headers).await)
}

fn entry(site: &str, own: &NoticeDoc) -> String {
    let summary = &own.summary;
    let word = match (summary.state, summary.revision) {
        (PackageState::Withdrawn, _) => "撤回",
        (_, 1) => "公开",
        _ => "更正",
    };
    let reason = own.reason.as_ref().map(|reason| format!("理由：{reason}")).unwrap_or_default();
    let about = format!(
        "{}（{}）{} 年度，第 {} 版。{reason}",
        summary.division.name, summary.division.code, summary.year, summary.revision
    );
    // A withdrawal is news of its own: the same revision was an entry before.
    let event = if summary.state == PackageState::Withdrawn { ":withdrawn" } else { "" };
    format!(
        "<entry><id>urn:gongshi:{}{event}</id><title>{word}：{} {} 年度行政执法数据</title><updated>{}</updated>\
         <link rel=\"alternate\" type=\"text/html\" href=\"{site}{}\"/><category term=\"{}\"/><summary>{}</summary></entry>\n",
        summary.digest,
        escaped(&summary.agency.name),
        summary.year,
        own.at,
        escaped(&link_of(summary)),
        summary.state.word(),
        escaped(&about),
    )
}

/// `GET /sitemap.xml`
pub(super) async fn sitemap(State(portal): State<Portal>, headers: HeaderMap) -> Answer {
    let read = portal.read(|source| {
        let node = source.node();
        let query = PackageQuery { limit: REPORTS_MAX, ..PackageQuery::default() };
        Ok((source.place(&node.code)?, source.overview(), source.packages(&query)?, node))
    });
    let (place, overview, page, node) = read.await?;
    let site = format!("{}{}", origin(&portal, &headers), portal.base);
    let mut paths: Vec<String> = PAGES.iter().map(|path| (*path).to_owned()).collect();
    for own in &overview.years {
        paths.push(format!("/{}/{}", node.code, own.year));
        paths.push(format!("/coverage/{}", own.year));
        let children = place.iter().flat_map(|place| &place.children);
        paths.extend(children.map(|child| format!("/{}/{}", child.code, own.year)));
    }
    paths.extend(page.packages.iter().map(year_link));
    let mut out = String::from(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\" \
         xmlns:xhtml=\"http://www.w3.org/1999/xhtml\">\n",
    );
    for path in paths {
        let path = escaped(&path);
        let english = super::words::Reading { lang: Lang::En, large: false }.prefix();
        out += &format!(
            "<url><loc>{site}{path}</loc><xhtml:link rel=\"alternate\" hreflang=\"en\" href=\"{site}{english}{path}\"/></url>\n"
        );
    }
    out += "</urlset>\n";
    Ok(tagged(content(out, "application/xml; charset=utf-8", NO_CACHE), &headers).await)
}
