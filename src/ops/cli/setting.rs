//! `gongshi config explain`: what each setting means, offline.

use super::args::Global;
use super::{Outcome, usage};
use crate::config::Loaded;
use crate::ops::service::Failure;
use serde_json::json;

/// Key, and for each language what it means.
type Row = (&'static str, &'static str, &'static str);

const SETTINGS: &[Row] = &[
    (
        "listen.peer",
        "节点之间同步的监听地址，QUIC（UDP）；防火墙须放行",
        "where other nodes are listened to, QUIC over UDP; firewalls must let it pass",
    ),
    (
        "listen.portal",
        "公示门户的监听地址，HTTP；前面可放反向代理",
        "where the public portal listens, HTTP; a proxy may stand in front",
    ),
    (
        "listen.console",
        "控制台、指标与探针的监听地址，HTTP；默认只对本机",
        "where console, metrics and probes listen, HTTP; this machine alone unless changed",
    ),
    (
        "announce.addresses",
        "写进邀请码、供下级拨入的地址，最多四个；空则用 listen.peer",
        "what children dial, part of every invitation, at most four; empty: listen.peer",
    ),
    (
        "upstream.address",
        "上级的地址，先于其授权书中的地址；根节点留空",
        "where the parent is, tried before the addresses of its delegation; empty at the root",
    ),
    (
        "sync.up_bytes_per_s",
        "每条链路向外的限速，字节/秒；0 为不限",
        "limit of each link outwards, bytes a second; 0: none",
    ),
    (
        "sync.down_bytes_per_s",
        "每条链路向内的限速，字节/秒；0 为不限",
        "limit of each link inwards, bytes a second; 0: none",
    ),
    (
        "portal.base_path",
        "代理把门户挂在哪个路径下；独立域名留空",
        "the path under which a proxy mounts the portal; empty on a host of its own",
    ),
    (
        "portal.trusted",
        "前置代理的网段，不按地址限流；本机总是不限",
        "networks of proxies, exempt from limits by address; loopback always is",
    ),
    (
        "portal.url",
        "门户对外的协议与主机，用于订阅源、网站地图与搜索引擎；不知道则留空",
        "scheme and host of the site, for feeds, site maps and search engines; empty where it is not known",
    ),
    (
        "portal.known",
        "其他各级门户的网址（区划代码=网址），报告页据此链接到他处的同一摘要",
        "portals of other levels (CODE=URL), to which a report's page links for the same digest",
    ),
    ("site.owner", "页脚的主办单位", "who runs the site, in the footer"),
    ("site.contact", "页脚的联系方式", "how to reach them, in the footer"),
    ("site.icp", "页脚的 ICP 备案号", "the ICP filing number, in the footer"),
    ("site.gongan", "页脚的公安备案号", "the public-security filing number, in the footer"),
    (
        "site.identification_code",
        "页脚的政府网站标识码",
        "the government site's identification code, in the footer",
    ),
    (
        "bundle.inbox",
        "自动导入数据包的目录；空则没有",
        "a directory whose bundles are imported by themselves; empty: none",
    ),
    (
        "bundle.outbox",
        "自动写出数据包的目录；空则没有",
        "a directory that bundles are written to by themselves; empty: none",
    ),
    ("bundle.peers", "为哪些区划的节点写出数据包", "divisions of the nodes that bundles are written for"),
    (
        "store.free_mib_min",
        "剩余空间低于此值（MiB）时不接收新内容，查询照常；0 为 64，小磁盘为其八分之一",
        "below so much free space (MiB) nothing new is taken, reading goes on; 0: 64, or an eighth of a small disk",
    ),
    (
        "store.check_at_start_mib",
        "正文不超过此值（MiB）时启动即核对，超过则运行中慢慢核对",
        "up to so much (MiB) the bodies are checked at the start, more while the node serves, slowly",
    ),
    (
        "review.mode",
        "下级报送：automatic 只列模板校验出的问题，manual 逐份人工审核",
        "reports from below: automatic lists what the templates find, manual lists each for a person",
    ),
    ("log.format", "日志：text 给人看，json 给程序看", "the log: text for people, json for programs"),
    (
        "log.level",
        "日志详略：error、warn、info、debug、trace",
        "how much is logged: error, warn, info, debug, trace",
    ),
    (
        "console.hosts",
        "除地址和 localhost 外，控制台可用的主机名",
        "names besides addresses and localhost under which the console is reached",
    ),
    (
        "console.idle_minutes",
        "控制台无操作多少分钟后须重新登录，1 至 240",
        "minutes without use after which one logs in to the console again, 1 to 240",
    ),
    (
        "console.https",
        "控制台经由代理以 HTTPS 提供（Cookie 只走 HTTPS）",
        "a proxy serves the console by HTTPS: its cookies travel no other way",
    ),
    (
        "console.proxy_header",
        "代理写入已登录用户名的请求头；留空表示不用",
        "the header in which a proxy names the user that it let in; empty for none",
    ),
    (
        "console.proxy_trusted",
        "可以写入该请求头的代理的网段",
        "networks of the proxies whose header is believed",
    ),
    ("log.audit_days", "审计日志保留天数，不少于 180", "days for which the audit log is kept, at least 180"),
];

/// One setting, or all of them; a node need not be here.
pub(super) fn explain(
    global: &Global,
    loaded: Option<&Loaded>,
    key: Option<&str>,
) -> Result<Outcome, Failure> {
    let chosen: Vec<&Row> = SETTINGS.iter().filter(|row| key.is_none_or(|key| row.0 == key)).collect();
    if chosen.is_empty() {
        let key = key.unwrap_or_default();
        let section = key.split('.').next().unwrap_or_default();
        let near: Vec<&str> = SETTINGS
            .iter()
            .map(|row| row.0)
            .filter(|name| name.split('.').any(|part| part == section || key.ends_with(part)))
            .collect();
        let near = if near.is_empty() { "gongshi config explain".to_owned() } else { near.join(", ") };
        return Err(usage(&format!("没有配置项 {key}；可参考：{near} / no setting {key}: see {near}")));
    }
    let in_force = |key: &str| {
        let found = loaded?.settings().find(|setting| setting.key == key)?;
        Some((found.value.clone(), found.origin.to_string()))
    };
    let mut settings = Vec::new();
    let mut lines = Vec::new();
    for (key, zh, en) in chosen {
        let (value, origin) = in_force(key).unzip();
        lines.push(match (&value, &origin) {
            (Some(value), Some(origin)) => format!("{key} = {value}  ({origin})"),
            _ => (*key).to_owned(),
        });
        lines.push(format!("  {}", global.words(zh, en)));
        settings.push(json!({"key": key, "zh": zh, "en": en, "value": value, "origin": origin}));
    }
    Ok(Outcome::done(json!({"schema": "gongshi.config.explain/1", "settings": settings}), lines.join("\n")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn every_setting_is_explained_and_nothing_else() {
        let loaded = Loaded::parse(Path::new("gongshi.toml"), "", std::iter::empty()).unwrap();
        let mut known: Vec<String> = loaded.settings().map(|setting| setting.key).collect();
        let mut explained: Vec<&str> = SETTINGS.iter().map(|row| row.0).collect();
        known.sort();
        explained.sort_unstable();
        assert_eq!(known, explained);
        for (key, zh, en) in SETTINGS {
            assert!(!zh.is_ascii() && en.is_ascii(), "{key}");
        }
    }
}
