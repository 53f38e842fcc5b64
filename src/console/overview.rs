//! The overview with the one thing to do now, the tree with its lag, and releases with their readiness.

use super::deed::Deed;
use super::sheet::{Asked, Block, Cell, Field, Form, Grid, Kind, Sheet};
use super::words::Lang;
use super::{ConsoleSource, Look, Refused, lines, word};
use crate::time::WallMs;
use serde_json::Value;

/// Years of releases that are shown: the one whose reports are being given, and the three before it.
const YEARS_SHOWN: u16 = 4;

/// What is to be done, the weight of it, the command or page to go on with.
struct Task {
    weight: &'static str,
    text: String,
    command: String,
    page: Option<(String, String)>,
}

/// The one thing to do now: the first of these that is not as it should be.
fn task(source: &dyn ConsoleSource, lang: Lang, status: &Value) -> Task {
    let page = |zh, en, to: &str| Some((lang.say(zh, en).to_owned(), lang.to(to)));
    let told = |weight, zh: &str, en: &str, command: &str, page| Task {
        weight,
        text: lang.say(zh, en).to_owned(),
        command: command.to_owned(),
        page,
    };
    if status.is_null() {
        let (zh, en) =
            ("节点引擎没有答复，请查看服务日志。", "The engine does not answer: see the service's log.");
        return told("bad", zh, en, "gongshi doctor", None);
    }
    if let Some(alarm) = lines(status, "alarms").first() {
        let (code, seen) = (word(alarm, "code"), word(alarm, "seen"));
        let (zh, en) = (format!("警报 {code}：{seen}"), format!("Alarm {code}: {seen}"));
        return told("bad", &zh, &en, &format!("gongshi explain {code}"), None);
    }
    if status["state"] == "unsynced" {
        let zh = "尚未取得公开日志：请确认上级在线、网络可达。";
        let en = "No public log yet: see that the parent is up and reachable.";
        return told("warn", zh, en, "gongshi net check", page("查看链路", "See the links", "/peers"));
    }
    let up = &status["upstream"];
    if up.is_object() && word(up, "state") == "down" {
        let zh = "上级离线：本级数据已安全存放，恢复后自动上报。长时间离线可改道上报。";
        let en = "The parent is down: everything is safe here and climbs by itself. If it lasts, push another way.";
        return told("warn", zh, en, "gongshi push --via CODE", page("查看链路", "See the links", "/peers"));
    }
    let invitations = source.look(&Look::Invitations).unwrap_or_default();
    let pending = lines(&invitations, "invitations").iter().find(|line| line["state"] == "pending");
    if let Some(line) = pending {
        let (code, digits) = (word(line, "code"), word(line, "digits"));
        let zh = format!("{code} 的节点等待批准：请电话核对六位码 {digits}。");
        let en = format!("The node of {code} waits for approval: compare the digits {digits} by telephone.");
        return told(
            "warn",
            &zh,
            &en,
            &format!("gongshi invite approve {code}"),
            page("去批准", "Approve", "/peers"),
        );
    }
    let count = |key: &str| status[key].as_u64().unwrap_or(0);
    if count("refused") + count("returned") > 0 {
        let zh = format!(
            "本级有 {} 份被退回、{} 份被拒收，请修改后重新报送。",
            count("returned"),
            count("refused")
        );
        let en = format!(
            "{} sent back and {} refused: change them and hand them in again.",
            count("returned"),
            count("refused")
        );
        return told(
            "warn",
            &zh,
            &en,
            "gongshi list --state returned",
            page("查看退回", "See them", "/returned"),
        );
    }
    let waiting = source.look(&Look::Reviews(false)).map_or(0, |found| lines(&found, "packages").len());
    if waiting > 0 {
        let zh = format!("有 {waiting} 份下级报送等待审核。");
        let en = format!("{waiting} reports from below wait for review.");
        return told("warn", &zh, &en, "gongshi review list", page("去审核", "Review", "/review"));
    }
    if let Some(line) = lines(status, "ending").first() {
        let (code, name, until) = (word(line, "code"), word(line, "name"), word(line, "until"));
        let zh = format!("{code} {name} 的授权将于 {until} 到期，请安排更换密钥。");
        let en = format!("The authority of {code} {name} ends at {until}: plan its renewal.");
        return told(
            "warn",
            &zh,
            &en,
            "gongshi explain delegation_ends",
            page("查看密钥", "See the keys", "/keys"),
        );
    }
    if count("unacknowledged") > 0 {
        let zh = format!("{} 条本级记录正在等待上级回执，通常数秒内完成。", count("unacknowledged"));
        let en = format!(
            "{} own entries wait for the parent's receipt; usually seconds.",
            count("unacknowledged")
        );
        return told("good", &zh, &en, "gongshi push", None);
    }
    told("good", "一切正常，没有需要处理的事。", "All is well: nothing to do.", "gongshi status", None)
}

/// `/`
pub(super) fn page(source: &dyn ConsoleSource, asked: &Asked) -> Result<Sheet, Refused> {
    let lang = asked.lang;
    let status = source.status_json();
    let lead = lang.say("节点的状况与现在要做的一件事。", "How the node is, and the one thing to do now.");
    let mut sheet = Sheet::new(lang, "/", lang.say("总览", "Overview"), lead, "gongshi status");
    let Task { weight, text, command, page } = task(source, lang, &status);
    let mut blocks = vec![Block::Notice(weight, text, command)];
    blocks.extend(page.map(|page| Block::Links(vec![page])));
    sheet.put("now", lang.say("现在要做的事", "To do now"), blocks);
    let fact = |zh, en, value: String| (lang.say(zh, en).to_owned(), value);
    let up = &status["upstream"];
    let parent = match up.is_object() {
        true => format!("{} {} · {}", word(up, "code"), word(up, "name"), lang.state(&word(up, "state"))),
        false => lang.say("无（根节点）", "none (root)").to_owned(),
    };
    let up_count = lines(&status, "children").iter().filter(|child| child["state"] == "up").count();
    let facts = vec![
        fact("上级", "Parent", parent),
        fact(
            "直接下级",
            "Children",
            format!("{up_count} / {} {}", lines(&status, "children").len(), lang.say("在线", "up")),
        ),
        fact("公开报告", "Public reports", word(&status["held"], "packages")),
        fact(
            "公开日志",
            "Public log",
            format!("{} · {}", word(&status["root_log"], "size"), word(&status["root_log"], "root_hash")),
        ),
        fact(
            "本级日志",
            "Own log",
            format!("{} · {}", word(&status["log"], "size"), word(&status["log"], "root_hash")),
        ),
        fact("等待回执", "Without a receipt", word(&status, "unacknowledged")),
        fact("授权有效至", "Authority until", word(&status["authority"], "until")),
    ];
    let mut blocks = vec![Block::Facts(facts)];
    if status["via"].is_object() {
        let via = &status["via"];
        let text = format!(
            "{} {} {}",
            lang.say("正改道经由", "another way is in use:"),
            word(via, "code"),
            word(via, "name")
        );
        blocks.push(Block::Notice("warn", text, "gongshi peers".to_owned()));
    }
    sheet.put("state", lang.say("节点状况", "The node"), blocks);
    let probes = [("/healthz", "/healthz"), ("/readyz", "/readyz"), ("/metrics", "/metrics")];
    let probes = probes.map(|(name, to)| (name.to_owned(), to.to_owned())).to_vec();
    let text = lang.say("供监控系统读取，不需要登录：", "For monitoring, without a login:");
    sheet.put(
        "probes",
        lang.say("探测与指标", "Probes"),
        vec![Block::Text(text.to_owned()), Block::Links(probes)],
    );
    Ok(sheet)
}

/// Hours from an RFC 3339 time to now, with one digit after the point.
fn hours_since(at: &str, now: WallMs) -> String {
    let Some(at) = WallMs::parse(at) else { return String::new() };
    let tenths = now.0.saturating_sub(at.0) / 360_000;
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// `/tree`
pub(super) fn tree(source: &dyn ConsoleSource, asked: &Asked) -> Result<Sheet, Refused> {
    let lang = asked.lang;
    let document = source.look(&Look::Tree)?;
    let now = source.now().wall;
    let lead = lang.say(
        "各级节点最近一次签名确认时所展示的公开日志，落后多少条、多少小时。",
        "What each node showed when it last attested, and how far behind that is.",
    );
    let mut sheet = Sheet::new(lang, "/tree", lang.say("各级节点", "Tree"), lead, "gongshi tree");
    let heads = [
        ("节点", "Node", false),
        ("状态", "State", false),
        ("落后（条）", "Behind (entries)", true),
        ("最近确认（小时前）", "Last heard (hours ago)", true),
    ];
    let row = |line: &Value| {
        let depth = usize::try_from(line["depth"].as_u64().unwrap_or(0)).unwrap_or(0);
        let state = word(line, "state");
        let behind = line["behind"].as_u64();
        let weight = match (state.as_str(), behind) {
            ("down" | "revoked" | "blocked" | "skewed", _) => "bad",
            ("behind", _) | (_, None) => "warn",
            _ => "",
        };
        let unknown = lang.say("从未确认", "never").to_owned();
        let hours = word(line, "at");
        let indent = "\u{3000}".repeat(depth);
        vec![
            Cell::text(format!("{indent}{} {}", word(line, "code"), word(line, "name"))),
            Cell::text(if state.is_empty() { "—".to_owned() } else { lang.state(&state) }).weighing(weight),
            Cell::text(behind.map_or_else(|| unknown.clone(), |behind| behind.to_string())).weighing(weight),
            Cell::text(match hours.is_empty() {
                true if state == "self" => "0.0".to_owned(),
                true => unknown.clone(),
                false => hours_since(&hours, now),
            }),
        ]
    };
    let rows = lines(&document, "nodes").iter().map(row).collect();
    let nothing = lang.say("还没有取得公开日志，不知道有哪些节点。", "No public log yet: no node is known.");
    let grid = grid(lang, lang.say("自根向下", "From the root down"), &heads, rows, nothing);
    sheet.put("nodes", lang.say("全部节点", "All nodes"), vec![Block::Grid(grid)]);
    Ok(sheet)
}

/// A table with heads in both languages.
pub(super) fn grid(
    lang: Lang,
    caption: &str,
    heads: &[(&str, &str, bool)],
    rows: Vec<Vec<Cell>>,
    nothing: &str,
) -> Grid {
    let heads = heads.iter().map(|(zh, en, numeric)| (lang.say(zh, en).to_owned(), *numeric)).collect();
    Grid { caption: caption.to_owned(), heads, rows, nothing: nothing.to_owned() }
}

fn year_state(lang: Lang, word: &str) -> String {
    let zh = match word {
        "open" => "收妥即公开",
        "held" => "暂不公开，未定时间",
        "scheduled" => "已定时间",
        "unconfirmed" => "等待副署",
        "released" => "已统一公开",
        other => other,
    };
    lang.say(zh, word).to_owned()
}

/// `/releases`
pub(super) fn releases(source: &dyn ConsoleSource, asked: &Asked) -> Result<Sheet, Refused> {
    let lang = asked.lang;
    let lead = lang.say(
        "一个年度在各级同一时刻公开。点年度查看各节点是否就绪。",
        "A year becomes public at all levels at one time. Open a year for its readiness.",
    );
    let mut sheet =
        Sheet::new(lang, "/releases", lang.say("统一公开", "Releases"), lead, "gongshi release show YEAR");
    let this = source.now().wall.year();
    let mut rows = Vec::new();
    for year in (this.saturating_sub(YEARS_SHOWN - 1)..=this).rev() {
        let line = source.look(&Look::Release(year))?;
        rows.push(vec![
            Cell::link(year.to_string(), lang.to(&format!("/releases/{year}"))),
            Cell::text(year_state(lang, &word(&line, "state"))).noted(word(&line, "at")),
            Cell::text(word(&line["packages"], "held")),
            Cell::text(word(&line["packages"], "public")),
            Cell::text(word(&line, "unreviewed")),
        ]);
    }
    let heads = [
        ("年度", "Year", false),
        ("状态", "State", false),
        ("待公开（份）", "Held", true),
        ("已公开（份）", "Public", true),
        ("未审核（份）", "Not reviewed", true),
    ];
    let grid = grid(lang, lang.say("各年度", "Years"), &heads, rows, "");
    sheet.put("years", lang.say("各年度", "Years"), vec![Block::Grid(grid)]);
    Ok(sheet)
}

/// `/releases/{year}`
pub(super) fn release(source: &dyn ConsoleSource, asked: &Asked) -> Result<Sheet, Refused> {
    let lang = asked.lang;
    let year = asked.part.parse().ok().filter(|year| (1949..=2999).contains(year));
    let year: u16 = year.ok_or_else(|| super::queue::nothing_there(lang))?;
    let line = source.look(&Look::Release(year))?;
    let (zh, en) = (format!("{year} 年度统一公开"), format!("Release of {year}"));
    let lead = lang.say(
        "全部节点就绪、时钟一致，才宜按时公开。",
        "Release in time when every node is ready and clocks agree.",
    );
    let mut sheet =
        Sheet::new(lang, "/releases", lang.say(&zh, &en), lead, &format!("gongshi release show {year}"));
    let ready = line["ready"] == true;
    let (zh, en) = match ready {
        true => ("全部节点就绪。", "Every node is ready."),
        false => (
            "还有节点未就绪，或时钟不一致，见下表。",
            "Some node is not ready, or clocks disagree: see below.",
        ),
    };
    let fact = |zh, en, value: String| (lang.say(zh, en).to_owned(), value);
    let facts = vec![
        fact("状态", "State", year_state(lang, &word(&line, "state"))),
        fact("公开时间", "At", word(&line, "at")),
        fact("待公开", "Held", word(&line["packages"], "held")),
        fact("已公开", "Public", word(&line["packages"], "public")),
        fact("未审核", "Not reviewed", word(&line, "unreviewed")),
        fact("时钟相差（毫秒）", "Clocks disagree by (ms)", word(&line["clock"], "disagrees_ms")),
    ];
    let weight = if ready { "good" } else { "warn" };
    let notice =
        Block::Notice(weight, lang.say(zh, en).to_owned(), format!("gongshi release rehearse {year}"));
    let heads = [
        ("节点", "Node", false),
        ("就绪", "Ready", false),
        ("落后（条）", "Behind", true),
        ("缺少正文（份）", "Bodies missing", true),
    ];
    let row = |node: &Value| {
        let ready = node["ready"] == true;
        let state = if ready { lang.say("就绪", "ready") } else { lang.say("未就绪", "not ready") };
        vec![
            Cell::text(word(node, "code")),
            Cell::text(state).weighing(if ready { "good" } else { "warn" }),
            Cell::text(word(node, "behind")),
            Cell::text(word(node, "missing")),
        ]
    };
    let rows = lines(&line, "nodes").iter().map(row).collect();
    let grid =
        grid(lang, lang.say("各节点", "Nodes"), &heads, rows, lang.say("没有下级节点。", "No node below."));
    sheet.put(
        "ready",
        lang.say("是否就绪", "Readiness"),
        vec![notice, Block::Facts(facts), Block::Grid(grid)],
    );
    if source.status_json()["upstream"].is_null() {
        let at = Field::of("at", lang.say("公开时间（北京时间）", "At (Beijing time)"), Kind::Time, "");
        let set = Form::of(
            lang,
            "release-set",
            lang.say("设定公开时间", "Set the time"),
            vec![Field::hidden("year", year.to_string()), at],
            &Deed::Release(year, None),
        );
        let set = Form { command: format!("gongshi release set {year} --at TIME"), ..set };
        let now = vec![Field::hidden("year", year.to_string()), Field::hidden("at", "now")];
        let now = Form::of(
            lang,
            "release-set",
            lang.say("立即公开", "Release now"),
            now,
            &Deed::Release(year, None),
        );
        sheet.put("set", lang.say("设定", "Set"), vec![Block::Form(set), Block::Form(now)]);
    } else {
        let text = lang.say(
            "公开时间由根节点（省级）设定，本节点到时一并公开。",
            "The root sets the time; this node follows it.",
        );
        sheet.put("set", lang.say("设定", "Set"), vec![Block::Text(text.to_owned())]);
    }
    Ok(sheet)
}
