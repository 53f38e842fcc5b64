//! The machine room: links and invitations, keys, the disk and its backups, settings, the audit log.

use super::deed::Deed;
use super::desk::reason;
use super::overview::grid;
use super::sheet::{Asked, Block, Cell, Field, Form, Kind, Sheet};
use super::{ConsoleSource, Look, Refused, lines, word};
use crate::division::Level;
use serde_json::Value;

/// `/peers`
pub(super) fn peers(source: &dyn ConsoleSource, asked: &Asked) -> Result<Sheet, Refused> {
    let lang = asked.lang;
    let (links, invitations) = (source.look(&Look::Peers)?, source.look(&Look::Invitations)?);
    let lead = lang.say(
        "与本节点直接相连的节点、待用的邀请，以及立即上报与取数。",
        "Whom this node talks to, open invitations, and pushing or pulling now.",
    );
    let mut sheet =
        Sheet::new(lang, "/peers", lang.say("链路与邀请", "Links and invitations"), lead, "gongshi peers");
    let relation = |word: &str| match word {
        "parent" => lang.say("上级", "parent"),
        "ancestor" => lang.say("更上级", "ancestor"),
        "child" => lang.say("下级", "child"),
        _ => lang.say("隔级", "below"),
    };
    let row = |peer: &Value| {
        let state = word(peer, "state");
        let weight = if matches!(state.as_str(), "up" | "behind") { "good" } else { "warn" };
        let addresses: Vec<&str> = lines(peer, "addresses").iter().filter_map(Value::as_str).collect();
        vec![
            Cell::text(relation(&word(peer, "relation"))),
            Cell::text(format!("{} {}", word(peer, "code"), word(peer, "name"))),
            Cell::text(lang.state(&state)).weighing(weight),
            Cell::text(addresses.join(" ")),
        ]
    };
    let heads = [
        ("关系", "Relation", false),
        ("节点", "Node", false),
        ("状态", "State", false),
        ("地址", "Addresses", false),
    ];
    let rows = lines(&links, "peers").iter().map(row).collect();
    let nothing = lang.say("没有上级，也没有下级节点。", "Neither a parent nor a node below.");
    let table = grid(lang, lang.say("链路", "Links"), &heads, rows, nothing);
    sheet.put("links", lang.say("链路", "Links"), vec![Block::Grid(table)]);
    let push = Form::of(lang, "push", lang.say("立即上报", "Push now"), Vec::new(), &Deed::Push);
    let pull = Form::of(lang, "pull", lang.say("立即取数", "Pull now"), Vec::new(), &Deed::Pull);
    let root =
        links["peers"].as_array().is_none_or(|peers| peers.iter().all(|peer| peer["relation"] != "parent"));
    let forms = if root { vec![Block::Form(pull)] } else { vec![Block::Form(push), Block::Form(pull)] };
    sheet.put("exchange", lang.say("立即交换", "Exchange now"), forms);
    let row = |line: &Value| {
        let state = word(line, "state");
        vec![
            Cell::text(format!("{} {}", word(line, "code"), word(line, "name"))),
            Cell::text(lang.state(&state)).weighing(if state == "pending" { "warn" } else { "" }),
            Cell::text(word(line, "digits")),
            Cell::text(word(line, "expires")),
        ]
    };
    let heads = [
        ("节点", "Node", false),
        ("状态", "State", false),
        ("六位核对码", "Six digits", false),
        ("失效时间", "Expires", false),
    ];
    let rows = lines(&invitations, "invitations").iter().map(row).collect();
    let table = grid(
        lang,
        lang.say("邀请", "Invitations"),
        &heads,
        rows,
        lang.say("没有待用的邀请。", "No open invitation."),
    );
    sheet.put("invitations", lang.say("邀请", "Invitations"), vec![Block::Grid(table)]);
    let mut forms = Vec::new();
    for line in lines(&invitations, "invitations") {
        let Ok(code) = word(line, "code").parse() else { continue };
        let hidden = || vec![Field::hidden("code", word(line, "code"))];
        let (zh, en) = (format!("批准 {}", word(line, "code")), format!("Approve {}", word(line, "code")));
        if line["state"] == "pending" {
            let deed = Deed::Approve(code);
            forms.push(Block::Form(Form::of(lang, "invite-approve", lang.say(&zh, &en), hidden(), &deed)));
        } else if line["state"] == "open" {
            let (zh, en) =
                (format!("收回 {} 的邀请", word(line, "code")), format!("Take back {}", word(line, "code")));
            let deed = Deed::RevokeInvite(code);
            forms.push(Block::Form(Form::of(lang, "invite-revoke", lang.say(&zh, &en), hidden(), &deed)));
        }
    }
    let level = |level: Level| (level.as_str().to_owned(), lang.say(level.zh(), level.as_str()).to_owned());
    let levels = Level::ALL.into_iter().skip(1).map(level).collect();
    let fields = vec![
        Field::of("level", lang.say("层级", "Level"), Kind::Choice(levels), ""),
        Field::of(
            "code",
            lang.say("区划代码", "Division code"),
            Kind::Line,
            lang.say("6 位或 9 位", "6 or 9 digits"),
        ),
        Field::of("name", lang.say("单位名称", "Name"), Kind::Line, ""),
    ];
    forms.push(Block::Form(Form {
        action: lang.to("/do/invite"),
        fields,
        button: lang.say("发出邀请", "Invite").to_owned(),
        command: "gongshi invite --level LEVEL --code CODE --name NAME".to_owned(),
        typed_back: None,
        takes_file: false,
    }));
    sheet.put("invite", lang.say("处理邀请", "Invite and approve"), forms);
    Ok(sheet)
}

/// `/keys`
pub(super) fn keys(source: &dyn ConsoleSource, asked: &Asked) -> Result<Sheet, Refused> {
    let lang = asked.lang;
    let document = source.look(&Look::Keys)?;
    let lead = lang.say(
        "已授权的全部密钥及其到期日。到期前 60 天起提示更换。",
        "Every key that was delegated and when it ends; from 60 days before, it is time to rotate.",
    );
    let mut sheet = Sheet::new(lang, "/keys", lang.say("密钥", "Keys"), lead, "gongshi keys list");
    let row = |line: &Value| {
        let state = word(line, "state");
        let weight = match state.as_str() {
            "live" => "good",
            "expiring" => "warn",
            "expired" | "revoked" => "bad",
            _ => "",
        };
        let own = if line["own"] == true { lang.say("本节点", "own") } else { "" };
        vec![
            Cell::text(format!("{} {}", word(line, "code"), word(line, "name"))).noted(own),
            Cell::text(word(line, "key")),
            Cell::text(lang.state(&state)).weighing(weight),
            Cell::text(word(line, "not_after")),
            Cell::text(word(line, "days_left")),
        ]
    };
    let heads = [
        ("节点", "Node", false),
        ("密钥", "Key", false),
        ("状态", "State", false),
        ("到期", "Ends", false),
        ("剩余天数", "Days left", true),
    ];
    let rows = lines(&document, "keys").iter().map(row).collect();
    let table = grid(
        lang,
        lang.say("密钥", "Keys"),
        &heads,
        rows,
        lang.say("还不知道任何密钥。", "No key is known yet."),
    );
    sheet.put("all", lang.say("全部密钥", "All keys"), vec![Block::Grid(table)]);
    let rotate = Form::of(
        lang,
        "keys-rotate",
        lang.say("更换本节点密钥", "Rotate this node's key"),
        Vec::new(),
        &Deed::Rotate,
    );
    let fields = vec![
        Field::of(
            "code",
            lang.say("区划代码", "Division code"),
            Kind::Line,
            lang.say(
                "要吊销其密钥的节点；确认处再输入一次",
                "The node whose key is revoked; type it again to confirm",
            ),
        ),
        reason(lang, true),
        Field::of(
            "typed",
            lang.say("再次输入区划代码以确认，不能撤销", "The code again, to confirm: it cannot be undone"),
            Kind::Line,
            "",
        ),
    ];
    let revoke = Form {
        action: lang.to("/do/keys-revoke"),
        fields,
        button: lang.say("吊销密钥", "Revoke").to_owned(),
        command: "gongshi keys revoke CODE --reason REASON".to_owned(),
        typed_back: None,
        takes_file: false,
    };
    sheet.put(
        "change",
        lang.say("更换与吊销", "Rotate and revoke"),
        vec![Block::Form(rotate), Block::Form(revoke)],
    );
    Ok(sheet)
}

fn mib(bytes: &Value) -> String {
    let bytes = bytes.as_u64().unwrap_or(0);
    format!("{}.{} MiB", bytes >> 20, ((bytes & 0xf_ffff) * 10) >> 20)
}

/// `/storage`
pub(super) fn storage(source: &dyn ConsoleSource, asked: &Asked) -> Result<Sheet, Refused> {
    let lang = asked.lang;
    let (stats, audit) = (source.look(&Look::Storage)?, source.look(&Look::Audit)?);
    let lead = lang.say(
        "磁盘上有什么、还剩多少、最近一次备份。",
        "What lies on the disk, what is left, and the newest backup.",
    );
    let mut sheet = Sheet::new(
        lang,
        "/storage",
        lang.say("存储与备份", "Storage and backups"),
        lead,
        "gongshi store stats",
    );
    let fact = |zh, en, value: String| (lang.say(zh, en).to_owned(), value);
    let facts = vec![
        fact(
            "记录",
            "Record",
            format!("{} · {}", mib(&stats["record"]["bytes"]), word(&stats["record"], "segments")),
        ),
        fact("索引", "Index", mib(&stats["index"]["bytes"])),
        fact("隔离的损坏文件", "Set aside as damaged", mib(&stats["set_aside"]["bytes"])),
        fact("剩余空间", "Free", mib(&stats["free_bytes"])),
        fact("数据目录", "Data directory", word(&stats, "directory")),
    ];
    let check = Block::Notice(
        "good",
        lang.say("逐字节核对记录与索引：", "Check record and index from the bytes:").to_owned(),
        "gongshi store check".to_owned(),
    );
    sheet.put("disk", lang.say("磁盘", "The disk"), vec![Block::Facts(facts), check]);
    let newest = lines(&audit, "lines").iter().find(|line| word(line, "what") == "backup");
    let (weight, text) = match newest {
        Some(line) => (
            "good",
            format!(
                "{} {} {}",
                lang.say("最近一次备份：", "Newest backup:"),
                word(line, "at"),
                word(line, "about")
            ),
        ),
        None => (
            "warn",
            lang.say(
                "审计日志中没有备份记录。备份不含密钥，请把目录放在另一台机器上。",
                "The audit log knows of no backup. A backup holds no keys; put it on another machine.",
            )
            .to_owned(),
        ),
    };
    sheet.put(
        "backups",
        lang.say("备份", "Backups"),
        vec![Block::Notice(weight, text, "gongshi backup DIR".to_owned())],
    );
    Ok(sheet)
}

/// `/settings`
pub(super) fn settings(source: &dyn ConsoleSource, asked: &Asked) -> Result<Sheet, Refused> {
    let lang = asked.lang;
    let document = source.look(&Look::Settings)?;
    let lead = lang.say("启动时生效的每项设置及其来源。修改请编辑配置文件后重启服务。", "Every setting in force since the start, and where it came from. To change one, edit the file and restart.");
    let mut sheet = Sheet::new(lang, "/settings", lang.say("设置", "Settings"), lead, "gongshi config show");
    let row = |line: &Value| {
        let origin = word(line, "origin");
        vec![Cell::text(word(line, "key")), Cell::text(word(line, "value")), Cell::text(origin)]
    };
    let heads = [("配置项", "Key", false), ("值", "Value", false), ("来源", "From", false)];
    let rows = lines(&document, "settings").iter().map(row).collect();
    let table = grid(lang, lang.say("设置", "Settings"), &heads, rows, "");
    sheet.put("all", lang.say("全部设置", "All settings"), vec![Block::Grid(table)]);
    Ok(sheet)
}

/// `/audit`
pub(super) fn audit(source: &dyn ConsoleSource, asked: &Asked) -> Result<Sheet, Refused> {
    let lang = asked.lang;
    let document = source.look(&Look::Audit)?;
    let lead = lang.say(
        "谁在何时从何处做了什么，新的在前。逐行相连，改动、删除、插入都会被发现。",
        "Who did what, when and from where, the newest first. Lines are chained: changes are noticed.",
    );
    let mut sheet = Sheet::new(lang, "/audit", lang.say("审计日志", "Audit log"), lead, "gongshi audit show");
    let whole = document["broken"].is_null();
    let (weight, text) = match whole {
        true => (
            "good",
            format!(
                "{} {} · {}",
                lang.say("审计链完整，共至第", "The chain is whole, up to line"),
                word(&document["head"], "seq"),
                word(&document["head"], "hash")
            ),
        ),
        false => ("bad", word(&document, "broken")),
    };
    let row = |line: &Value| {
        let done = word(line, "result");
        vec![
            Cell::text(word(line, "at")),
            Cell::text(word(line, "who")).noted(word(line, "from")),
            Cell::text(word(line, "what")),
            Cell::text(word(line, "about")),
            Cell::text(done.clone()).weighing(if done.starts_with("done") { "" } else { "warn" }),
        ]
    };
    let heads = [
        ("时间", "When", false),
        ("谁", "Who", false),
        ("操作", "What", false),
        ("对象", "About", false),
        ("结果", "Result", false),
    ];
    let rows = lines(&document, "lines").iter().map(row).collect();
    let table = grid(
        lang,
        lang.say("最近的操作", "The newest"),
        &heads,
        rows,
        lang.say("还没有任何操作。", "Nothing yet."),
    );
    let notice = Block::Notice(weight, text, "gongshi audit verify".to_owned());
    sheet.put("lines", lang.say("操作记录", "Acts"), vec![notice, Block::Grid(table)]);
    Ok(sheet)
}
