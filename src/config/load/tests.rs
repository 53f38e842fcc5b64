//! What the loader accepts, what it refuses, and what it says then.

use super::*;

fn parse(text: &str, env: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Loaded::parse(Path::new("D/gongshi.toml"), text, env)
}

fn refusal(text: &str, env: &[(&str, &str)]) -> String {
    parse(text, env).unwrap_err().to_string()
}

#[test]
fn later_layers_win_and_are_remembered() {
    let file = "[listen]\npeer = \"host:1\"\nportal = \"host:2\"\nconsole = \"host:3\"\n";
    let env =
        [("GONGSHI_LISTEN__PORTAL", "host:22"), ("GONGSHI_LISTEN__CONSOLE", "host:33"), ("HOME", "/x__y")];
    let mut loaded = parse(file, &env).unwrap();
    loaded.set([("--console", "listen.console", "host:333")]).unwrap();
    let shown: Vec<String> =
        loaded.settings().map(|s| format!("{} = {} ({})", s.key, s.value, s.origin)).collect();
    for line in [
        r#"listen.peer = "host:1" (D/gongshi.toml:2)"#,
        r#"listen.portal = "host:22" (GONGSHI_LISTEN__PORTAL)"#,
        r#"listen.console = "host:333" (--console)"#,
        r#"log.level = "info" (默认值 / default)"#,
    ] {
        assert!(shown.iter().any(|shown| shown == line), "{line} not in {shown:#?}");
    }
    assert_eq!(loaded.config().listen.console.to_string(), "host:333");
}

#[test]
fn lists_come_from_the_environment_with_commas() {
    let loaded = parse("", &[("GONGSHI_PORTAL__TRUSTED", "10.0.0.0/8, ::1")]).unwrap();
    assert_eq!(loaded.config().portal.trusted.len(), 2);
    let loaded = parse("", &[("GONGSHI_PORTAL__TRUSTED", ""), ("GONGSHI_LANG", "zh")]).unwrap();
    assert!(loaded.config().portal.trusted.is_empty());
}

#[test]
fn unknown_names_are_refused_with_the_nearest() {
    for (text, place, meant) in [
        ("[listen]\n\nportl = 'a:1'\n", "D/gongshi.toml:3:listen.portl:", "listen.portal?"),
        ("\n[lisen]\npeer = 'a:1'\n", "D/gongshi.toml:2:lisen:", "listen?"),
        ("peer = 'a:1'\n", "D/gongshi.toml:1:peer:", "listen.peer?"),
        ("site.ownr = ''\n", "D/gongshi.toml:1:site.ownr:", "site.owner?"),
    ] {
        let said = refusal(text, &[]);
        assert!(said.starts_with(place) && said.contains(meant), "{said}");
    }
    let said = refusal("", &[("GONGSHI_LISTEN__PEAR", "a:1")]);
    assert!(said.starts_with("GONGSHI_LISTEN__PEAR:listen.pear:") && said.contains("listen.peer?"), "{said}");
    assert!(refusal("[zzzzzzzz]\n", &[]).contains("gongshi config show"));
}

#[test]
fn refused_values_name_their_line() {
    for (text, place) in [
        ("# 注\n[listen]\npeer = 'nowhere'\n", "D/gongshi.toml:3:listen.peer: 值不可用"),
        ("[listen]\npeer = 4701\n", "D/gongshi.toml:2:listen.peer: 值不可用"),
        ("[log]\nformat = 'xml'\n", "D/gongshi.toml:2:log.format: 值不可用"),
        ("[listen.peer]\nport = 1\n", "D/gongshi.toml:1:listen.peer: 值不可用"),
        ("[announce]\naddresses = ['0.0.0.0:4701']\n", "D/gongshi.toml:2:announce.addresses: 值不可用"),
        (
            "[announce]\naddresses = ['a:1','b:1','c:1','d:1','e:1']\n",
            "D/gongshi.toml:2:announce.addresses: 值",
        ),
        ("[upstream]\naddress = 'parent:0'\n", "D/gongshi.toml:2:upstream.address: 值不可用"),
        ("listen = 3\n", "D/gongshi.toml:1:listen: 值不可用"),
        ("[listen]\npeer = 'a:1'\npeer = 'a:2'\n", "D/gongshi.toml:3: 不是有效的 TOML"),
        ("[listen\n", "D/gongshi.toml:1: 不是有效的 TOML"),
    ] {
        let said = refusal(text, &[]);
        assert!(said.starts_with(place), "{said}");
        assert!(!said.contains('\n'), "{said}");
    }
}

#[test]
fn the_console_never_shares_the_portals_port() {
    let said = refusal("[listen]\nportal = '0.0.0.0:4790'\n", &[]);
    assert!(said.starts_with("D/gongshi.toml:2:listen.portal:"), "{said}");
    assert!(parse("[listen]\nportal = '127.0.0.1:0'\nconsole = '127.0.0.1:0'\n", &[]).is_ok());
    let mut loaded = parse("", &[]).unwrap();
    assert!(loaded.set([("--console", "listen.console", "127.0.0.1:4780")]).is_err());
}

#[test]
fn a_missing_file_says_to_initialise() {
    let error = Config::load(Path::new("no/such/gongshi.toml"), std::iter::empty()).unwrap_err();
    assert!(matches!(error, ConfigError::Missing { .. }));
    assert!(error.to_string().contains("gongshi init"), "{error}");
    let directory = Config::load(Path::new("src"), std::iter::empty());
    assert!(matches!(directory, Err(ConfigError::Unreadable { .. })));
}

#[test]
fn the_samples_of_all_levels_are_understood() {
    let samples = [
        ("province", include_str!("../../../config/province.toml")),
        ("city", include_str!("../../../config/city.toml")),
        ("district", include_str!("../../../config/district.toml")),
        ("town", include_str!("../../../config/town.toml")),
    ];
    for (level, text) in samples {
        let loaded = Loaded::parse(Path::new(level), text, std::iter::empty());
        let loaded = loaded.unwrap_or_else(|error| panic!("config/{level}.toml: {error}"));
        assert_eq!(loaded.config().upstream.address.is_none(), level == "province", "{level}");
        assert!(
            !loaded.config().announced().is_empty() || level == "town",
            "{level}: children need an address"
        );
        assert!(text.lines().count() < 60, "{level}: {} lines", text.lines().count());
    }
}

#[test]
fn edits_are_counted() {
    for (a, b, count) in
        [("", "", 0), ("a", "", 1), ("", "ab", 2), ("peer", "pear", 1), ("kitten", "sitting", 3)]
    {
        assert_eq!(edits(a, b), count, "{a} {b}");
    }
}
