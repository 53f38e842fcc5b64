//! The routes of the portal on one screen.

use super::kept::{Answers, kept};
use super::reply::{self, content_security_policy};
use super::source::Source;
use super::turn::{ENDINGS, Page, turned};
use super::words::Reading;
use super::{
    BadBasePath, Portal, PortalConfig, about, across, api, api_view, beside, calendar, changes, corrections,
    coverage, dictionary, division, download, feed, listing, openapi, origin, pages, report, rollcall,
    search, start, verify,
};
use axum::Router;
use axum::http::HeaderValue;
use axum::routing::{MethodRouter, get};
use std::sync::Arc;

/// Pages at one address: there with every ending too.
const FIXED: [(&str, Page); 13] = [
    ("/reports", listing::page),
    ("/search", search::page),
    ("/coverage", coverage::years),
    ("/compare", beside::page),
    ("/corrections", corrections::page),
    ("/calendar", calendar::page),
    ("/dictionary", dictionary::page),
    ("/rollcall", rollcall::page),
    ("/verify", verify::page),
    ("/about", about::page),
    ("/accessibility", about::accessibility),
    ("/api/", openapi::page),
    ("/index", start::page),
];

/// Pages whose address names something.
const NAMED: [(&str, Page); 12] = [
    ("/{code}/{year}", division::page),
    ("/{code}/{year}/{scope}", division::page),
    ("/{code}/{year}/{scope}/{table}/{column}", origin::page),
    ("/a/{agency}/{year}", report::of_year),
    ("/a/{agency}/{year}/{revision}", report::of_year),
    ("/p/{digest}", report::by_digest),
    ("/t/{table}/{year}", across::page),
    ("/t/{table}/{year}/{code}", across::page),
    ("/compare/{code}/{year}/{other}/{then}", beside::page),
    ("/coverage/{year}", coverage::page),
    ("/coverage/{year}/{code}", coverage::page),
    ("/", start::page),
];

type Handler = fn() -> MethodRouter<Portal>;

/// What programs ask for; every one of them is described in `assets/openapi.json`.
pub(super) const FOR_PROGRAMS: [(&str, Handler); 19] = [
    ("/api/v1/node", || get(api::node)),
    ("/api/v1/packages", || get(api::packages)),
    ("/api/v1/packages/{digest}", || get(api::package)),
    ("/api/v1/packages/{digest}/proof", || get(api::proof)),
    ("/api/v1/packages/{digest}/statement", || get(api::statement)),
    ("/api/v1/packages/{digest}/card", || get(api::card)),
    ("/api/v1/packages/{digest}/body", || get(api::body)),
    ("/api/v1/packages/{digest}/attachments/{body}", || get(download::attachment)),
    ("/api/v1/changes", || get(changes::changes)),
    ("/api/v1/rollcall", || get(api::rollcall)),
    ("/api/v1/view/{code}/{year}", || get(api_view::view)),
    ("/api/v1/view/{code}/{year}/provenance", || get(api_view::provenance)),
    ("/api/v1/series/{code}", || get(api_view::series)),
    ("/.well-known/gongshi.json", || get(api::identity)),
    ("/checkpoint", || get(api::checkpoint)),
    ("/tile/{*path}", || get(api::tile)),
    ("/openapi.json", || get(openapi::document)),
    ("/feed.atom", || get(feed::atom)),
    ("/sitemap.xml", || get(feed::sitemap)),
];

fn reading(reading: Reading) -> Router<Portal> {
    let mut routes = Router::new();
    for (path, page) in FIXED {
        routes = routes.route(path, turned(reading, page));
        for (ending, _) in ENDINGS.iter().filter(|_| !path.ends_with('/')) {
            routes = routes.route(&format!("{path}{ending}"), turned(reading, page));
        }
    }
    for (path, page) in NAMED {
        routes = routes.route(path, turned(reading, page));
    }
    routes
}

/// The public portal's routes.
pub fn router(source: Arc<dyn Source>, config: &PortalConfig) -> Result<Router, BadBasePath> {
    let portal = Portal::of(source, config)?;
    let mut routes = Router::new();
    for (path, handler) in FOR_PROGRAMS {
        routes = routes.route(path, handler());
    }
    for one in Reading::ALL {
        routes = match one.prefix() {
            "" => routes.merge(reading(one)),
            // The page at the root of a nest is asked for with a slash or without.
            prefix => {
                routes.nest(prefix, reading(one)).route(&format!("{prefix}/"), turned(one, start::page))
            }
        };
    }
    let routes = routes
        .route("/assets/{file}", get(api::asset))
        .route("/robots.txt", get(api::robots))
        // Written as a route, so that no page's address of several parts takes what is unknown here.
        .route("/api/{*unknown}", get(api::not_found))
        .fallback(pages::not_found);
    let start = turned(Reading::default(), start::page);
    let mounted = if portal.base.is_empty() {
        routes
    } else {
        let slash = format!("{}/", portal.base);
        Router::new().nest(&portal.base, routes).route(&slash, start).fallback(pages::not_found)
    };
    let origins: Vec<String> = portal.known.iter().map(super::KnownPortal::origin).collect();
    let policy = HeaderValue::from_str(&content_security_policy(&origins))
        .map_err(|_| BadBasePath(config.base_path.clone()))?;
    let guarded = axum::middleware::from_fn_with_state((Arc::clone(&portal.base), policy), reply::guard_of);
    let answers = axum::middleware::from_fn_with_state(Answers::new(Arc::clone(&portal.source)), kept);
    // Headers of all answers are kept with them: the guard stands behind.
    Ok(mounted.layer(guarded).layer(answers).with_state(portal))
}
