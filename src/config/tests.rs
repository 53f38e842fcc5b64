//! The configuration as written and read back.

use super::*;

#[test]
fn a_written_file_reads_back_and_names_every_key() {
    let mut config = Config::default();
    assert_eq!(toml::from_str::<Config>(&config.to_toml()).unwrap(), config);
    config.listen.peer = Address::try_from("[2001:db8::1]:1".to_owned()).unwrap();
    config.upstream.address = Some(Address::try_from("parent:4701".to_owned()).unwrap());
    config.announce.addresses = vec![Address::try_from("root:4701".to_owned()).unwrap()];
    config.portal.trusted = vec![Network::try_from("10.0.0.0/8".to_owned()).unwrap()];
    config.portal.known = vec![KnownPortal::try_from("330000=https://a.example.cn".to_owned()).unwrap()];
    config.sync = SyncRate { up_bytes_per_s: 8_000, down_bytes_per_s: 1_000_000 };
    config.console.hosts = vec!["ops.example.cn".to_owned()];
    config.console.proxy_trusted = config.portal.trusted.clone();
    config.site.owner = "引号\"与\\反斜杠\n换行 {brace} # '".to_owned();
    config.log = Log { format: LogFormat::Json, level: LogLevel::Trace, audit_days: 180 };
    let text = config.to_toml();
    assert_eq!(toml::from_str::<Config>(&text).unwrap(), config, "{text}");
    let written = text.parse::<toml::Table>().unwrap();
    assert_eq!(written, toml::Table::try_from(&config).unwrap());
    assert!(text.lines().count() < 97);
}

#[test]
fn the_announced_address_is_never_a_wildcard() {
    let mut config = Config::default();
    assert!(config.listen.peer.is_wildcard() && config.announced().is_empty());
    config.listen.peer = Address::loopback(4701);
    assert_eq!(config.announced(), [Address::loopback(4701)]);
    config.announce.addresses = vec![Address::try_from("public:1".to_owned()).unwrap()];
    assert_eq!(config.announced(), config.announce.addresses);
}
