//! `/about` and `/accessibility`: who runs the site, what it shows, how it can be read and used by everybody.

use super::folio::{Block, Cell, Folio, Link, home};
use super::reply::Problem;
use super::source::Source;
use super::turn::Ask;

/// `/about`
pub(super) fn page(source: &dyn Source, ask: &Ask) -> Result<Folio, Problem> {
    let (lang, node, site) = (ask.lang, source.node(), ask.site());
    let lead = "本站公示本级和下级行政执法机关的年度执法数据。数据由各机关自行报送并签名，省、市、区县、镇街四级节点保存同一份记录，本站照录，不作改动。";
    let mut folio = Folio::new(lang.say("关于本站"), lang.say(lead), "");
    folio.crumbs = vec![home(lang)];
    let not_given = || lang.words("未填写");
    let given = |text: &str| if text.is_empty() { not_given() } else { text.to_owned() };
    folio.put(
        "site",
        lang.say("主办与联系"),
        vec![Block::Facts(vec![
            (lang.words("节点"), vec![Cell::Text(format!("{} {}", node.name, node.code))]),
            (lang.words("主办单位"), vec![Cell::Text(given(&site.owner))]),
            (lang.words("联系方式"), vec![Cell::Text(given(&site.contact))]),
            (lang.words("ICP 备案号"), vec![Cell::Text(given(&site.icp))]),
            (lang.words("公安备案号"), vec![Cell::Text(given(&site.gongan))]),
            (lang.words("网站标识码"), vec![Cell::Text(given(&site.identification_code))]),
        ])],
    );
    folio.put("unity", lang.say("四个统一"), vec![
        Block::Text(lang.words("统一时间：同一年度在各级节点于同一时刻公开。统一范围：谁应当报送由签名的名册列明。统一模板：表式签名公布，能校验、能折算。统一平台：每个节点提供同样的门户、接口和证明。")),
        Block::Links(vec![
            Link::new(lang.say("公开日历"), "/calendar"),
            Link::new(lang.say("报送情况"), "/coverage"),
            Link::new(lang.say("数据字典"), "/dictionary"),
            Link::new(lang.say("数据接口"), "/api/"),
        ]),
    ]);
    folio.put("trust", lang.say("为什么可以相信"), vec![
        Block::Text(lang.words("每份报告由报送节点签名，进入一份只增不改的公开日志；日志由根节点签名，由下级节点副署。任何人都可以证明一份报告在日志之中，也可以比较各级节点所展示的是否相同。更正和撤回都留有痕迹和理由。")),
        Block::Links(vec![
            Link::new(lang.say("如何核验"), "/verify"),
            Link::new(lang.say("节点点名"), "/rollcall"),
            Link::new(lang.say("更正与撤回"), "/corrections"),
        ]),
    ]);
    folio.put("use", lang.say("使用数据"), vec![Block::Text(lang.words("每一页的数据都可以下载为 CSV、XLSX 和 JSON，可以自由使用，请注明来源、年度、统计范围和下载日期。各地职责、人口和机构设置不同，引用和比较时请一并说明。"))]);
    folio.put("errors", lang.say("发现错误"), vec![Block::Text(lang.words("数字由报送机关负责。发现错误，请向报送机关提出；更正作为新的版本连同理由公开，旧版本保留。对本站的意见，请按上面的联系方式告知主办单位。"))]);
    folio.put("version", lang.say("软件"), vec![Block::Text(lang.fill(
        "公示 Gongshi {}，以 Apache-2.0 许可发布的开放源代码软件。本站不使用第三方资源，不设置 Cookie，不记录读者的行踪。",
        &[&node.version],
    ))]);
    Ok(folio)
}

/// `/accessibility`
pub(super) fn accessibility(_: &dyn Source, ask: &Ask) -> Result<Folio, Problem> {
    let lang = ask.lang;
    let lead =
        "本站按《Web 内容无障碍指南》（WCAG 2.2）AA 级和 GB/T 37668 的要求制作，力求人人可读、可用、可打印。";
    let mut folio = Folio::new(lang.say("无障碍说明"), lang.say(lead), "");
    folio.crumbs = vec![home(lang)];
    folio.put("read", lang.say("阅读"), vec![
        Block::Text(lang.words("大字版在每一页的右上角，选定后各页保持大字；也可以用浏览器放大到 400 %，内容自动重排，不需要左右滚动，宽表格在自己的框内滚动。")),
        Block::Text(lang.words("文字与背景的对比度不低于 4.5 : 1；任何信息都不只靠颜色表达，图旁都有同样内容的表格或数字。零、空白、不适用、未报、预报、更正和撤回都有各自的文字。")),
        Block::Links(vec![Link::new(lang.say("首页"), "/"), Link::new(lang.say("数据字典"), "/dictionary")]),
    ]);
    folio.put("keys", lang.say("键盘与读屏"), vec![
        Block::Text(lang.words("所有链接、表单和可滚动的表格都可以用 Tab 键到达，焦点有清楚的边框；每页第一个链接可以跳到正文。标题分级、表格有题注和表头，读屏软件可以按区域、标题和表格浏览。")),
        Block::Text(lang.words("不使用 JavaScript 也能阅读全部内容；唯一的小程序用于在浏览器中核验，同样的核验可以用命令完成。没有动画、弹窗、验证码，也没有时间限制。")),
    ]);
    folio.put("print", lang.say("打印与下载"), vec![Block::Text(lang.words("每一页都可以打印在 A4 纸上，页末印有日志的条数、根哈希和网址；每一页的数据都可以下载，供读屏软件或表格软件使用。"))]);
    folio.put("limits", lang.say("已知的不足"), vec![Block::Text(lang.words("报送机关上传的附件（如扫描件）可能不是无障碍的，本站照原样保存；表格中的数字以正文为准。使用中遇到困难，请按“关于本站”中的联系方式告知主办单位。")), Block::Links(vec![Link::new(lang.say("关于本站"), "/about")])]);
    Ok(folio)
}
