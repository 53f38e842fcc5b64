//! A clerk's way: a file in, what was found at which cell, the page as the public will see it, one button, a receipt.
//!
//! The file is bounded before it is read, and is parsed in a process of its own (the source does). What was read waits
//! as a draft under a number that means nothing, in memory alone, until it is published or others push it out.

use super::deed::{Deed, Fields};
use super::desk::{self, reason, stopped};
use super::gate::{self, Stop};
use super::queue;
use super::sheet::{Asked, Block, Field, Form, Kind, Sheet};
use super::users::Role;
use super::{Console, ConsoleSource, HandedIn, Look, Refused, lines, word};
use axum::extract::{DefaultBodyLimit, FromRequest as _, Multipart, OriginalUri, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{MethodRouter, post};
use std::sync::Arc;
use std::time::Duration;

/// Longest file in bytes: the limit of `intake`.
const FILE_BYTES_MAX: usize = crate::intake::FILE_BYTES_MAX;
/// Around the file: the other fields and their borders.
const AROUND_BYTES_MAX: usize = 64 * 1024;
/// Longest of the other fields in bytes.
const FIELD_BYTES_MAX: usize = 1_024;
/// Uploads at once, in all: each may hold a whole file in memory.
const FILE_COUNT_MAX: usize = 4;
/// Within this time a file must be here: 20 MB on a line of 2 Mbit/s.
const ARRIVES_WITHIN: Duration = Duration::from_secs(90);

/// Bounds the bodies of the routes it is laid around.
pub(super) fn limit() -> DefaultBodyLimit {
    DefaultBodyLimit::max(FILE_BYTES_MAX + AROUND_BYTES_MAX)
}

/// `/upload`
pub(super) fn page(_: &dyn ConsoleSource, asked: &Asked) -> Result<Sheet, Refused> {
    let lang = asked.lang;
    let lead = lang.say(
        "选择填好的工作簿（也可以是 CSV 或 JSON）。先校验、预览，确认后才签名报送。",
        "Choose the filled-in workbook (CSV and JSON will do). It is checked and shown first, and signed only when you say so.",
    );
    let mut sheet = Sheet::new(lang, "/upload", lang.say("报送", "Hand in"), lead, "gongshi check FILE");
    let only = lang.say("表格中没有写明时才填", "Only where the file does not say it");
    let form = Form {
        action: lang.to("/upload"),
        fields: vec![
            Field::of(
                "file",
                lang.say("报告文件", "Report file"),
                Kind::File,
                lang.say("XLSX、CSV 或 JSON，最大 20 MB", "XLSX, CSV or JSON, at most 20 MB"),
            ),
            Field::of("agency", lang.say("机关名称", "Agency"), Kind::Line, only).optional(),
            Field::of("year", lang.say("年度", "Year"), Kind::Line, only).optional(),
        ],
        button: lang.say("校验并预览", "Check and preview").to_owned(),
        command: "gongshi check FILE".to_owned(),
        typed_back: None,
        takes_file: true,
    };
    sheet.put("file", lang.say("第一步：选择文件", "First: choose the file"), vec![Block::Form(form)]);
    let steps = lang.say(
        "第二步：按单元格列出发现的问题，并预览公众将看到的页面。第三步：确认报送，得到回执；上级签收后回执随之更新。没有空白表？请运行：",
        "Then: what was found at which cell, and the page as the public will see it. Last: publish, and get a receipt, which follows what the levels above say. For a blank workbook run:",
    );
    let blank = Block::Notice(
        "good",
        steps.to_owned(),
        "gongshi template xlsx --agency NAME --year YEAR -o FILE.xlsx".to_owned(),
    );
    sheet.put("steps", lang.say("接下来", "What follows"), vec![blank]);
    Ok(sheet)
}

/// `POST /upload`
pub(super) fn taking() -> MethodRouter<Console> {
    post(async |State(console): State<Console>, OriginalUri(uri): OriginalUri, request: Request| {
        let lang = desk::lang_of(&uri);
        let (parts, body) = request.into_parts();
        let visitor = match gate::enter(&console, &parts, &[Role::Review], false) {
            Ok(visitor) => visitor,
            Err(stop) => return stopped(&console, lang, stop).await,
        };
        let Ok(_place) = Arc::clone(&console.uploads).try_acquire_owned() else {
            return busy(&console, lang).await;
        };
        let request = Request::from_parts(parts, body);
        #[allow(clippy::disallowed_methods, reason = "an edge: a body that never ends is cut off here")]
        let read = tokio::time::timeout(ARRIVES_WITHIN, taken(request)).await;
        let (fields, name, bytes) = match read {
            Ok(Some(taken)) => taken,
            Ok(None) => return too_much(&console, lang, StatusCode::PAYLOAD_TOO_LARGE).await,
            Err(_) => return too_much(&console, lang, StatusCode::REQUEST_TIMEOUT).await,
        };
        if fields.get("token") != Some(&visitor.form_token) {
            return stopped(&console, lang, Stop::Token).await;
        }
        let given =
            |key: &str| fields.get(key).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let year = given("year").and_then(|year| year.parse().ok());
        let file = HandedIn { name, bytes, agency: given("agency"), year };
        let source = Arc::clone(&console.source);
        match console.reads(move || source.take_in(file)).await {
            Ok(draft) => Redirect::to(&lang.to(&format!("/upload/{draft}"))).into_response(),
            Err(refused) => {
                let mut sheet =
                    Sheet::new(lang, "/upload", lang.say("未能读取", "Not read"), "", "gongshi check FILE");
                let notice = Block::Notice(
                    "bad",
                    lang.half(&refused.message),
                    format!("gongshi explain {}", refused.code),
                );
                sheet.put("why", lang.say("原因", "Why"), vec![notice]);
                desk::rendered(&console, Some(&visitor), sheet, &uri, StatusCode::UNPROCESSABLE_ENTITY).await
            }
        }
    })
}

/// The fields and the file of a form; none when something is longer than it may be or cannot be read.
async fn taken(request: Request) -> Option<(Fields, String, Vec<u8>)> {
    let mut form = Multipart::from_request(request, &()).await.ok()?;
    let (mut fields, mut name, mut bytes) = (Fields::new(), String::new(), Vec::new());
    while let Some(field) = form.next_field().await.ok()? {
        let key = field.name().unwrap_or_default().to_owned();
        if key == "file" {
            name =
                field.file_name().unwrap_or_default().chars().filter(|c| !c.is_control()).take(200).collect();
            bytes = field.bytes().await.ok()?.to_vec();
        } else {
            let text = field.text().await.ok().filter(|text| text.len() <= FIELD_BYTES_MAX)?;
            fields.insert(key, text);
        }
        if fields.len() > 8 || bytes.len() > FILE_BYTES_MAX {
            return None;
        }
    }
    Some((fields, name, bytes))
}

async fn too_much(console: &Console, lang: super::words::Lang, status: StatusCode) -> Response {
    let lead = lang.say(
        "文件超过 20 MB、没有在 90 秒内传完，或者不是完整的表单。没有读取其中的内容。",
        "The file has more than 20 MB, did not arrive within 90 seconds, or the form is not whole. Nothing of it was read.",
    );
    let mut sheet =
        Sheet::new(lang, "/upload", lang.say("未能接收", "Not taken"), lead, "gongshi check FILE");
    let back = (lang.say("重新选择文件", "Choose again").to_owned(), lang.to("/upload"));
    sheet.put("again", lang.say("可以做什么", "What next"), vec![Block::Links(vec![back])]);
    desk::bare(console, sheet, status).await
}

async fn busy(console: &Console, lang: super::words::Lang) -> Response {
    let lead =
        lang.say("正在处理其他文件，请稍后重试。", "Other files are being read: try again in a moment.");
    let sheet = Sheet::new(lang, "/upload", lang.say("请稍候", "One moment"), lead, "");
    desk::bare(console, sheet, StatusCode::SERVICE_UNAVAILABLE).await
}

/// Uploads at once.
pub(super) fn places() -> tokio::sync::Semaphore {
    tokio::sync::Semaphore::new(FILE_COUNT_MAX)
}

/// `/upload/{draft}`
pub(super) fn draft(source: &dyn ConsoleSource, asked: &Asked) -> Result<Sheet, Refused> {
    let lang = asked.lang;
    let number = asked.part.parse().map_err(|_| queue::nothing_there(lang))?;
    let draft = source.look(&Look::Draft(number))?;
    let found = lines(&draft, "findings");
    let file = word(&draft, "file");
    let must_fix = found.iter().filter(|one| word(one, "grade") == "must_fix").count();
    let title = lang.say("校验与预览", "Checked").to_owned();
    let mut sheet = Sheet::new(lang, "/upload", &title, &file, "gongshi check FILE");
    let verdict = match (must_fix, found.is_empty()) {
        (0, true) => Block::Notice(
            "good",
            lang.say("没有发现问题，可以报送。", "Nothing was found; it can be published.").to_owned(),
            String::new(),
        ),
        (0, false) => Block::Notice(
            "warn",
            lang.say(
                "可以报送。请先核实下列各处；确有其事的，在文件中写明原因。",
                "It can be published. Confirm what is listed first; explain in the file what is as it is.",
            )
            .to_owned(),
            String::new(),
        ),
        _ => {
            let (zh, en) = (
                format!("有 {must_fix} 处必须改，改好后重新选择文件。什么都没有报送。"),
                format!("{must_fix} to fix; then choose the file again. Nothing was published."),
            );
            Block::Notice("bad", lang.say(&zh, &en).to_owned(), String::new())
        }
    };
    let again = (lang.say("重新选择文件", "Choose another file").to_owned(), lang.to("/upload"));
    let mut blocks = vec![verdict];
    if !found.is_empty() {
        blocks.push(queue::findings(lang, found, ""));
    }
    blocks.push(Block::Links(vec![again]));
    sheet.put("found", lang.say("校验结果", "Findings"), blocks);
    if !draft["report"].is_object() {
        return Ok(sheet);
    }
    let report = &draft["report"];
    let template = match word(report, "template") {
        none if none.is_empty() => {
            lang.say("未套用统一模板，按原表照录", "none: the tables stand as they are").to_owned()
        }
        id => id,
    };
    let fact = |zh, en, value: String| (lang.say(zh, en).to_owned(), value);
    let mut blocks = vec![Block::Facts(vec![
        fact("机关", "Agency", word(&report["agency"], "name")),
        fact(
            "区划",
            "Division",
            format!("{} {}", word(&report["division"], "code"), word(&report["division"], "name")),
        ),
        fact("年度", "Year", word(report, "year")),
        fact("统计模板", "Template", template),
    ])];
    blocks.extend(queue::figures(lang, report, found));
    sheet.put("preview", lang.say("预览：公众将看到的内容", "Preview: what the public will see"), blocks);
    let hidden = || vec![Field::hidden("draft", number.to_string())];
    let publish = Form::of(
        lang,
        "publish",
        lang.say("签名并报送", "Sign and publish"),
        hidden(),
        &Deed::Publish(number),
    );
    let mut fields = hidden();
    fields.push(reason(lang, true));
    let correct = Form::of(
        lang,
        "correct",
        lang.say("作为更正报送", "Publish as a correction"),
        fields,
        &Deed::Correct(number, "REASON".to_owned()),
    );
    let first = Block::Text(
        lang.say(
            "本年度首次报送，或被退回后重新报送：",
            "The first of its year, or again after it was sent back:",
        )
        .to_owned(),
    );
    let second = Block::Text(
        lang.say("更正已经报送的同一年度报告：", "A correction of what stands already:").to_owned(),
    );
    sheet.put(
        "publish",
        lang.say("确认报送", "Publish"),
        vec![first, Block::Form(publish), second, Block::Form(correct)],
    );
    Ok(sheet)
}

/// `/receipt/{digest}`
pub(super) fn receipt(source: &dyn ConsoleSource, asked: &Asked) -> Result<Sheet, Refused> {
    let lang = asked.lang;
    let digest = queue::digest(asked)?;
    let shown = source.look(&Look::Show(digest))?;
    let title = format!(
        "{} {} {}",
        lang.say("回执：", "Receipt:"),
        word(&shown["agency"], "name"),
        word(&shown, "year")
    );
    let lead = lang.say(
        "这份报送的凭据与当前所处的状态。本页可以随时打开。",
        "What proves that this was handed in, and where it stands. This page can be opened at any time.",
    );
    let mut sheet = Sheet::new(lang, "/upload", &title, lead, &format!("gongshi show {digest}"));
    let fact = |zh, en, value: String| (lang.say(zh, en).to_owned(), value);
    let exchange = &shown["exchange"];
    let given = &exchange["receipt"];
    let state = word(&shown, "state");
    let mut facts = vec![
        fact("状态", "State", lang.state(&state)),
        fact("摘要", "Digest", digest.hex()),
        fact("版本", "Revision", word(&shown, "revision")),
        fact(
            "签名",
            "Signed",
            format!(
                "{} {} #{}",
                word(&exchange["author"], "code"),
                word(&exchange["author"], "name"),
                word(&exchange["signed"], "index")
            ),
        ),
    ];
    if given.is_object() {
        facts.push(fact(
            "上级回执",
            "Receipt",
            format!("{} {} · {}", word(&given["by"], "code"), word(&given["by"], "name"), word(given, "at")),
        ));
    }
    let sequenced = &exchange["sequenced"];
    facts.push(match sequenced.is_object() {
        true => fact(
            "公开日志位置",
            "Place in the log",
            format!("{} · {}", word(sequenced, "index"), word(sequenced, "sequenced_at")),
        ),
        false => fact(
            "公开日志位置",
            "Place in the log",
            lang.say("等待省级编号", "waits for the root").to_owned(),
        ),
    });
    let mut blocks = vec![Block::Facts(facts)];
    let back = &shown["review"]["returned"];
    if back.is_object() {
        let text = format!(
            "{} {} {}：{}",
            lang.say("已被退回：", "Sent back by"),
            word(&back["by"], "code"),
            word(&back["by"], "name"),
            word(back, "reason")
        );
        blocks.push(Block::Notice("bad", text, "gongshi publish FILE".to_owned()));
        blocks.push(queue::findings(lang, lines(back, "findings"), ""));
        blocks.push(Block::Links(vec![(
            lang.say("修改后重新报送", "Hand it in again").to_owned(),
            lang.to("/upload"),
        )]));
    }
    sheet.put("receipt", lang.say("凭据", "Receipt"), blocks);
    if exchange["own"] == true && matches!(state.as_str(), "released" | "held") {
        let withdraw = Deed::Withdraw(digest, "REASON".to_owned());
        let fields = vec![Field::hidden("digest", digest.hex()), reason(lang, true)];
        let form =
            Form::of(lang, "withdraw", lang.say("撤回这份报告", "Take this report back"), fields, &withdraw);
        sheet.put("withdraw", lang.say("撤回", "Withdraw"), vec![Block::Form(form)]);
    }
    Ok(sheet)
}
