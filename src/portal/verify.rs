//! `/verify`: how a stranger verifies a report, by commands and in the browser.

use super::folio::{Asked, Block, Folio, Form, Link};
use super::reply::Problem;
use super::source::Source;
use super::turn::Ask;
use crate::digest::Digest;

/// The steps: heading, what is checked, what is typed.
const STEPS: [(&str, &str, &str, &str); 5] = [
    (
        "v1",
        "一、摘要对应声明",
        "日志条目由两个 8 字节的时间（进入日志、最初收到）和 171 字节的签名声明组成。声明的 SHA-256 就是报告的摘要，应与 $D 相同。",
        "curl -s $A/statement | tail -c 171 | sha256sum",
    ),
    (
        "v2",
        "二、声明对应卡片",
        "声明的倒数第 96 至 65 字节是卡片的摘要，最后 64 字节是报送节点的 Ed25519 签名。卡片写明机关、年度、版次和正文摘要。两行结果应当相同。",
        "curl -s $A/statement | tail -c 96 | head -c 32 | xxd -p -c 32\ncurl -s $A/card | sha256sum",
    ),
    (
        "v3",
        "三、卡片对应数字",
        "正文是 32 字节随机盐加 JSON 原文，数字就在其中。不超过 64 KiB 的正文，其摘要是在盐与原文之前加一个零字节后的 SHA-256；较长的正文按 64 KiB 分块，以 RFC 6962 的方法合并。这个摘要应当出现在卡片里：第二行应为 1，第三行是数字原文。",
        "B=$( (printf '\\000'; curl -s $A/body) | sha256sum | cut -c1-64 )\ncurl -s $A/card | xxd -p | tr -d '\\n' | grep -c $B\ncurl -s $A/body | tail -c +33",
    ),
    (
        "v4",
        "四、条目在日志之中",
        "证明文件采用 C2SP tlog-proof 格式：条目序号、一列兄弟哈希和一份检查点。先算叶哈希，再按 RFC 6962 第 2.1.1 节自下而上合并，应得到检查点第三行的根哈希。日志的全部条目和哈希以 C2SP tlog-tiles 格式放在 /tile/ 之下，可以用通用的透明日志工具整份下载、重算。",
        "(printf '\\000'; curl -s $A/statement) | sha256sum\ncurl -s $A/proof\ncurl -s $P/checkpoint",
    ),
    (
        "v5",
        "五、检查点由谁签署",
        "检查点带有省级根节点的签名和本节点的副署，公钥在节点身份文件中。请把它与另一个节点、最好是另一级节点公布的公钥和检查点对照：条数相同而根哈希不同，就是日志被改动的证据。",
        "curl -s $P/.well-known/gongshi.json\ncurl -s $P/api/v1/rollcall",
    ),
];

/// `/verify?digest=`
pub(super) fn page(source: &dyn Source, ask: &Ask) -> Result<Folio, Problem> {
    let lang = ask.lang;
    let newest = source.overview().newest.first().map(|package| package.digest);
    let asked = ask.query("digest").to_ascii_lowercase();
    let given: Option<Digest> = asked.parse().ok();
    let example = given.or(newest);
    let lead = "核验只用到 SHA-256 和 Ed25519 两种公开算法。下面的命令在任何一台装有 curl、xxd 和 sha256sum 的计算机上都能运行，不需要本系统的软件，也不需要相信本站。";
    let mut folio = Folio::new(lang.say("如何自行核验一份报告"), lang.say(lead), "");
    folio.checks = true;
    let mut blocks = vec![
        Block::Text(lang.words("输入一份报告的 64 位摘要，由本页的小程序（约 10 KB，来自本站）在您的浏览器里重算哈希、核对包含证明，并与另一级节点的门户对照。")),
        Block::Form(Form {
            action: "/verify".to_owned(),
            fields: vec![Asked {
                name: "digest",
                label: lang.words("报告摘要（64 位十六进制）"),
                value: example.map(|digest| digest.hex()).unwrap_or_default(),
                wide: true,
            }],
            button: lang.words("选定"),
        }),
    ];
    if !asked.is_empty() && given.is_none() {
        blocks.push(Block::Notice(lang.words("这不是一个摘要：应为 64 位十六进制数字。")));
    }
    match example {
        Some(digest) => {
            let code = source.node().code;
            let others = ask.known().iter().filter(|known| known.code != code);
            blocks.push(Block::Check {
                digest: digest.hex(),
                api: format!("/api/v1/packages/{digest}"),
                others: others.map(|known| Link::new(known.shown_name(), known.url.clone())).collect(),
            });
        }
        None => blocks.push(Block::Text(lang.words("本站还没有公开的报告，没有可以核验的例子。"))),
    }
    blocks.push(Block::Notice(lang.words("它不能证明什么：小程序和页面都由本站给出，若本站作假，小程序也可能作假。因此它会向您所选的另一级门户取同一份证明；要完全不依赖本站，请在自己的计算机上运行下面的命令，或从另一级门户打开本页。")));
    folio.put("browser", lang.say("在浏览器里核验"), blocks);
    let example = example.map_or_else(|| lang.words("报告摘要"), |digest| digest.hex());
    let setup =
        format!("P=http://{}{}\nD={example}\nA=$P/api/v1/packages/$D", lang.say("本站地址"), ask.base());
    folio.put(
        "v0",
        lang.say("用命令核验：准备"),
        vec![
            Block::Text(lang.words("记下报告页“核验凭据”一栏的 64 位摘要，并写出本站地址。")),
            Block::Code(lang.words("命令"), setup),
        ],
    );
    for (id, title, about, command) in STEPS {
        folio.put(
            id,
            lang.say(title),
            vec![Block::Text(lang.words(about)), Block::Code(lang.words("命令"), command.to_owned())],
        );
    }
    folio.put(
        "more",
        lang.say("接着看"),
        vec![Block::Links(vec![
            Link::new(lang.say("节点身份与公钥"), "/.well-known/gongshi.json"),
            Link::new(lang.say("节点点名"), "/rollcall"),
            Link::new(lang.say("数据接口"), "/api/"),
        ])],
    );
    Ok(folio)
}
