//! The configuration as the text of a new file: every key with its value and a comment in both languages.

use super::Config;
use serde::Serialize;

impl Config {
    /// The text of a new file: every key with its value and a comment in both languages. It reads back as `self`.
    pub fn to_toml(&self) -> String {
        let Self { listen, announce, upstream, sync, portal, console, site, bundle, store, review, log } =
            self;
        let parent = upstream.address.as_ref().map(ToString::to_string).unwrap_or_default();
        format!(
            "\
# 公示节点配置。命令行参数 > 环境变量 GONGSHI_节__键 > 本文件 > 默认值。
# A Gongshi node. Command line > environment GONGSHI_SECTION__KEY > this file > defaults.
# 查看生效值 / what is in force: gongshi config show

[listen]
# 上下级节点，QUIC（UDP） / other nodes, QUIC over UDP
peer = {peer}
# 公开门户，HTTP / the public portal, HTTP
portal = {listen_portal}
# 控制台、指标、健康检查，仅限本机 / console, metrics, health; this machine only
console = {listen_console}

[announce]
# 下级拨入的地址，初始化或加入时写入授权；留空即 listen.peer
# What children dial; goes into the delegation at init or join; empty: listen.peer
addresses = {addresses}

[upstream]
# 上级节点地址，省级（根）留空 / the parent; empty at the root
address = {parent}

[sync]
# 每条链路的限速，字节/秒，0 为不限；至少 1000 / limit of each link in bytes a second, 0: none; at least 1000
up_bytes_per_s = {up}
down_bytes_per_s = {down}

[portal]
# 反向代理挂载路径，如 /gongshi / path under a proxy, such as /gongshi
base_path = {base_path}
# 不限流的代理网段 / proxies exempt from per-address limits
trusted = {trusted}
# 本站网址（协议与主机名），供订阅、站点地图使用 / scheme and host of this site, for feeds and site maps
url = {url}
# 其他节点的门户，写作 区划代码=网址，供读者对照 / portals of other nodes, CODE=URL, where readers compare
known = {known}

[console]
# 除地址和 localhost 外访问控制台所用的名称 / names, besides addresses and localhost, under which the console is reached
hosts = {console_hosts}
# 闲置多少分钟后须重新登录，1 至 240 / minutes without use after which one logs in again, 1 to 240
idle_minutes = {idle_minutes}
# 前置代理以 HTTPS 提供时设为 true，Cookie 只经加密连接 / true behind a proxy that serves it by HTTPS
https = {console_https}
# 由前置代理认证时：写明用户名的请求头，及可信代理的网段 / a proxy that logs users in: its header, and its networks
proxy_header = {proxy_header}
proxy_trusted = {proxy_trusted}

[site]
# 页脚：主办单位、联系方式、ICP 备案号、公安备案号、网站标识码
# Footer: owner, contact, ICP filing, public-security filing, site identification code
owner = {owner}
contact = {contact}
icp = {icp}
gongan = {gongan}
identification_code = {identification_code}

[bundle]
# 数据包目录：导入 inbox 中的文件，为 peers 各节点写到 outbox；留空不用
# Drop folders for bundles: inbox is imported, outbox is written for each of peers; empty: none
inbox = {inbox}
outbox = {outbox}
peers = {peers}

[store]
# 剩余空间低于此值（MiB）时不接收新内容，查询照常；0 为 64，小磁盘为其八分之一
# Below so much free space (MiB) nothing new is taken; 0: 64, or an eighth of a small disk
free_mib_min = {free_mib_min}
# 正文不超过此值（MiB）时启动即核对，否则运行中核对 / bodies up to so much (MiB) are checked at the start, else while serving
check_at_start_mib = {check_at_start_mib}

[review]
# 审核下级报送：automatic 只看模板校验出的问题，manual 逐份人工审核
# Reports from below: automatic (what the templates find) or manual (people look at each)
mode = {review_mode}

[log]
# text | json；error | warn | info | debug | trace
format = {format}
level = {level}
# 审计日志保留天数，不少于 180 / days the audit log is kept, at least 180
audit_days = {audit_days}
",
            peer = toml_text(&listen.peer),
            listen_portal = toml_text(&listen.portal),
            listen_console = toml_text(&listen.console),
            addresses = toml_text(&announce.addresses),
            parent = toml_text(&parent),
            up = sync.up_bytes_per_s,
            down = sync.down_bytes_per_s,
            base_path = toml_text(&portal.base_path),
            trusted = toml_text(&portal.trusted),
            url = toml_text(&portal.url),
            known = toml_text(&portal.known),
            console_hosts = toml_text(&console.hosts),
            idle_minutes = console.idle_minutes,
            console_https = console.https,
            proxy_header = toml_text(&console.proxy_header),
            proxy_trusted = toml_text(&console.proxy_trusted),
            owner = toml_text(&site.owner),
            contact = toml_text(&site.contact),
            icp = toml_text(&site.icp),
            gongan = toml_text(&site.gongan),
            identification_code = toml_text(&site.identification_code),
            inbox = toml_text(&bundle.inbox),
            outbox = toml_text(&bundle.outbox),
            peers = toml_text(&bundle.peers),
            free_mib_min = store.free_mib_min,
            check_at_start_mib = store.check_at_start_mib,
            review_mode = toml_text(&review.mode.as_str()),
            format = toml_text(&log.format),
            level = toml_text(&log.level),
            audit_days = log.audit_days,
        )
    }
}

/// A value as TOML writes it. The values here are texts and lists of texts, which TOML can always write.
fn toml_text<T: Serialize>(value: &T) -> String {
    toml::Value::try_from(value).map_or_else(|_| "\"\"".to_owned(), |value| value.to_string())
}
