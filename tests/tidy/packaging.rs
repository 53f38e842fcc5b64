//! The packages for dpkg and rpm as Cargo.toml describes them: the same files in both, and every source is there.

use std::path::Path;
use std::{fs, io};
use toml::{Table, Value};

/// A file of a package: its source, where it goes, its mode.
type Asset = (String, String, String);

/// The scripts that the packages run, and the sources that only a build makes.
const SCRIPTS: [&str; 2] = ["deploy/packages/postinst", "deploy/packages/prerm"];
const BUILT: [&str; 2] = ["target/release/gongshi", "target/man/*.1"];

/// What is wrong with the packages.
pub(crate) fn offences(root: &Path) -> io::Result<Vec<String>> {
    let text = fs::read_to_string(root.join("Cargo.toml"))?;
    let manifest: Table = text.parse().map_err(io::Error::other)?;
    let metadata = &manifest["package"]["metadata"];
    let deb: Vec<Asset> = list(&metadata["deb"]["assets"]).iter().filter_map(of_deb).collect();
    let rpm: Vec<Asset> = list(&metadata["generate-rpm"]["assets"]).iter().filter_map(of_rpm).collect();
    let mut offences = Vec::new();
    if deb != rpm || deb.len() < 10 {
        offences.push(format!("Cargo.toml: the packages differ: {deb:?} {rpm:?}"));
    }
    for (source, _, mode) in &deb {
        let (dir, name) = source.rsplit_once('/').unwrap_or((".", source));
        let there = match name.strip_prefix('*') {
            Some(end) => fs::read_dir(root.join(dir)).is_ok_and(|entries| {
                entries.flatten().any(|entry| entry.file_name().to_string_lossy().ends_with(end))
            }),
            None => root.join(source).is_file(),
        };
        if !there && !BUILT.contains(&source.as_str()) {
            offences.push(format!("Cargo.toml: {source} is in a package and not here"));
        }
        if !["644", "755"].contains(&mode.as_str()) {
            offences.push(format!("Cargo.toml: {source} has mode {mode}"));
        }
    }
    for unit in fs::read_dir(root.join("deploy/systemd"))? {
        let path = format!("deploy/systemd/{}", unit?.file_name().to_string_lossy());
        if !deb.iter().any(|(source, ..)| *source == path) {
            offences.push(format!("{path} is in no package"));
        }
    }
    for script in SCRIPTS {
        let text = fs::read_to_string(root.join(script))?;
        if !text.starts_with("#!/bin/sh\n") || !text.contains("set -e") {
            offences.push(format!("{script}: a shell script that stops at its first failure"));
        }
        if text.contains("rm -") {
            offences.push(format!("{script}: a package removes nobody's data"));
        }
    }
    Ok(offences)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn of_deb(value: &Value) -> Option<Asset> {
    let [source, to, mode] = list(value) else { return None };
    Some((source.as_str()?.to_owned(), format!("/{}", to.as_str()?), mode.as_str()?.to_owned()))
}

fn of_rpm(value: &Value) -> Option<Asset> {
    let text = |key: &str| Some(value.get(key)?.as_str()?.to_owned());
    Some((text("source")?, text("dest")?, text("mode")?))
}
