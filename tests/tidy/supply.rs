//! Where the program's parts come from (attack 56): one registry, each with its checksum, and no code that runs while
//! they are built but what was looked at.

use std::process::Command;

/// Crates that run a script when they are built. A new name here means that its script was read.
const BUILD_SCRIPTS: [&str; 33] = [
    "borsh",
    "constant_time_eq",
    "crc32fast",
    "crossbeam-epoch",
    "crossbeam-utils",
    "curve25519-dalek",
    "encoding_rs",
    "getrandom",
    "httparse",
    "libc",
    "libm",
    "multer",
    "num-traits",
    "parking_lot_core",
    "portable-atomic",
    "proc-macro2",
    "prometheus-client",
    "quinn",
    "quinn-udp",
    "quote",
    "ring",
    "rust_decimal",
    "rustix",
    "rustls",
    "rustversion",
    "serde",
    "serde_core",
    "serde_json",
    "thiserror",
    "zerocopy",
    "zmij",
    "zstd-safe",
    "zstd-sys",
];

/// Most crates that the program names itself; one more is a decision, recorded where the others are.
const DIRECT_COUNT_MAX: usize = 49;

/// Packages of a lock file that are not from the one registry, or without a checksum.
pub(crate) fn lock(text: &str) -> Vec<String> {
    let field = |package: &str, name: &str| {
        let start = format!("{name} = \"");
        package.lines().find_map(|line| line.strip_prefix(&start)?.strip_suffix('"')).map(str::to_owned)
    };
    let packages: Vec<&str> = text.split("[[package]]\n").skip(1).collect();
    let sources = packages.iter().filter_map(|package| field(package, "source"));
    // Which registry it is, the file says itself: there is one.
    let registry = sources.filter(|source| source.starts_with("registry+")).min().unwrap_or_default();
    let mut offences = Vec::new();
    for package in packages {
        let name = field(package, "name").unwrap_or_default();
        let source = field(package, "source");
        let own = name == env!("CARGO_PKG_NAME") && source.is_none();
        if !own && source.as_ref() != Some(&registry) {
            offences.push(format!("Cargo.lock: {name} comes from {source:?}, not from {registry}"));
        }
        if !own && field(package, "checksum").is_none_or(|sum| sum.len() != 64) {
            offences.push(format!("Cargo.lock: {name} has no checksum"));
        }
    }
    offences
}

/// What in a manifest names another place than the registry, or any version, or more crates than were decided on.
pub(crate) fn manifest(text: &str) -> Vec<String> {
    let (mut section, mut direct, mut offences) = ("", 0, Vec::new());
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        if line.starts_with('[') {
            section = line;
            if ["[patch", "[replace", "[source"].iter().any(|other| section.starts_with(other)) {
                offences.push(format!("Cargo.toml: {section}"));
            }
            continue;
        }
        if !section.contains("dependencies") || line.is_empty() {
            continue;
        }
        direct += usize::from(section == "[dependencies]");
        let elsewhere = ["git =", "path =", "registry =", "branch =", "\"*\""];
        let found = elsewhere.iter().find(|word| line.contains(*word));
        offences.extend(found.map(|word| format!("Cargo.toml: {word} in {line}")));
    }
    if direct > DIRECT_COUNT_MAX {
        offences.push(format!("Cargo.toml: {direct} crates, at most {DIRECT_COUNT_MAX} were decided on"));
    }
    offences
}

/// Calls of cargo, in what continuous integration runs, that may take other versions than the lock file's.
pub(crate) fn unlocked(name: &str, text: &str) -> Vec<String> {
    let builds = ["build", "test", "clippy", "doc", "run"].map(|verb| format!("cargo {verb}"));
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with('#'));
    let called = lines.filter(|(_, line)| builds.iter().any(|call| line.contains(call.as_str())));
    let loose = called.filter(|(_, line)| !line.contains("--locked"));
    loose.map(|(at, line)| format!("{name}:{}: without --locked: {}", at + 1, line.trim())).collect()
}

/// Crates that run a script when they are built here and are not known to, by what cargo says of them.
pub(crate) fn build_scripts(metadata: &serde_json::Value) -> Vec<String> {
    let packages = metadata["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let runs = |package: &&serde_json::Value| package["targets"].to_string().contains("\"custom-build\"");
    let names = packages.iter().filter(runs).filter_map(|package| package["name"].as_str());
    let unknown = names.filter(|name| !BUILD_SCRIPTS.contains(name));
    unknown.map(|name| format!("{name} runs a script when it is built: read it, then list it")).collect()
}

/// What cargo says of all crates that are built for this machine; asks no network.
pub(crate) fn metadata() -> Result<serde_json::Value, Box<dyn std::error::Error>> {
    let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let words =
        ["metadata", "--locked", "--offline", "--format-version", "1", "--filter-platform", &platform];
    let answer = Command::new(env!("CARGO")).args(words).current_dir(env!("CARGO_MANIFEST_DIR")).output()?;
    if !answer.status.success() {
        return Err(String::from_utf8_lossy(&answer.stderr).into());
    }
    Ok(serde_json::from_slice(&answer.stdout)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, more: &str) -> String {
        format!("[[package]]\nname = \"{name}\"\nversion = \"1.0.0\"\n{more}\n")
    }

    #[test]
    fn planted_sources_are_found() {
        let sum = format!("checksum = \"{}\"", "a".repeat(64));
        let good = package("a", &format!("source = \"registry+one\"\n{sum}"));
        let own = package(env!("CARGO_PKG_NAME"), "");
        assert_eq!(lock(&format!("{own}{good}")), Vec::<String>::new());
        for (planted, count) in [
            (package("b", "source = \"git+https://example.com/b#abc\""), 2),
            (package("b", &format!("source = \"registry+two\"\n{sum}")), 1),
            (package("b", "source = \"registry+one\""), 1),
            (package("b", ""), 2),
        ] {
            assert_eq!(lock(&format!("{own}{good}{planted}")).len(), count, "{planted}");
        }
        let manifest = |line: &str| manifest(&format!("[dependencies]\na = \"1\"\n{line}\n")).len();
        assert_eq!(manifest("b = { version = \"1\" }"), 0);
        for line in [
            "b = { git = \"x\" }",
            "b = { path = \"x\" }",
            "b = \"*\"",
            "[patch.one]",
            "[dev-dependencies.b]\npath = \"x\"",
        ] {
            assert_eq!(manifest(line), 1, "{line}");
        }
        assert_eq!(unlocked("f", "cargo test\ncargo test --locked\n# cargo test\ncargo fmt\n").len(), 1);
    }

    #[test]
    fn planted_build_scripts_are_found() {
        let package =
            |name: &str, kind: &str| serde_json::json!({"name": name, "targets": [{"kind": [kind]}]});
        let all = [package("ring", "custom-build"), package("a", "lib"), package("b", "custom-build")];
        let found = build_scripts(&serde_json::json!({ "packages": all }));
        assert!(matches!(found.as_slice(), [one] if one.starts_with("b ")), "{found:?}");
    }
}
