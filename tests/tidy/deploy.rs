//! The shipped systemd units: hardened, and starting a command that exists.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::{fs, io};

/// The units and the data directory each serves.
pub(crate) const UNITS: [(&str, &str); 2] =
    [("gongshi.service", "/var/lib/gongshi"), ("gongshi@.service", "/var/lib/gongshi/%i")];

/// Highest exposure that `systemd-analyze security` may report, in tenths: attack 58 asks for 1.5.
const EXPOSURE_TENTHS_MAX: &str = "15";

/// What must be set, to exactly this (attack 58).
const REQUIRED: &[(&str, &str)] = &[
    ("AmbientCapabilities", ""),
    ("CapabilityBoundingSet", ""),
    ("DevicePolicy", "closed"),
    ("KeyringMode", "private"),
    ("LimitCORE", "0"),
    ("LockPersonality", "yes"),
    ("MemoryDenyWriteExecute", "yes"),
    ("NotifyAccess", "main"),
    ("NoNewPrivileges", "yes"),
    ("PrivateDevices", "yes"),
    ("PrivateTmp", "yes"),
    ("PrivateUsers", "yes"),
    ("ProcSubset", "pid"),
    ("ProtectClock", "yes"),
    ("ProtectControlGroups", "yes"),
    ("ProtectHome", "yes"),
    ("ProtectHostname", "yes"),
    ("ProtectKernelLogs", "yes"),
    ("ProtectKernelModules", "yes"),
    ("ProtectKernelTunables", "yes"),
    ("ProtectProc", "invisible"),
    ("ProtectSystem", "strict"),
    ("RemoveIPC", "yes"),
    ("Restart", "always"),
    ("RestrictAddressFamilies", "AF_INET AF_INET6 AF_UNIX"),
    ("RestrictNamespaces", "yes"),
    ("RestrictRealtime", "yes"),
    ("RestrictSUIDSGID", "yes"),
    ("StateDirectoryMode", "0700"),
    ("SystemCallArchitectures", "native"),
    ("SystemCallFilter", "@system-service ~@privileged @resources"),
    ("Type", "notify"),
    ("UMask", "0077"),
    ("User", "gongshi"),
];

/// What must be set, to whatever suits.
const PRESENT: &[&str] = &["MemoryMax", "TasksMax", "StateDirectory", "WatchdogSec"];

/// What must not be set: it runs something else, or with more rights.
const FORBIDDEN: &[&str] =
    &["ExecStartPre", "ExecStartPost", "PermissionsStartOnly", "EnvironmentFile", "ReadWritePaths"];

/// The keys of `[Service]`; repeated keys are joined by a space, as systemd adds lists up.
fn service(text: &str) -> BTreeMap<String, String> {
    let mut section = "";
    let mut keys: BTreeMap<String, String> = BTreeMap::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            section = line;
        } else if let Some((key, value)) =
            line.split_once('=').filter(|_| section == "[Service]" && !line.starts_with('#'))
        {
            let joined = keys.entry(key.to_owned()).or_default();
            *joined = format!("{joined} {value}").trim().to_owned();
        }
    }
    keys
}

/// What a unit lacks or has too much of.
pub(crate) fn offences(name: &str, text: &str, data: &str) -> Vec<String> {
    let keys = service(text);
    let mut offences = Vec::new();
    for (key, value) in REQUIRED {
        match keys.get(*key) {
            Some(set) if set == value => {}
            Some(set) => offences.push(format!("{name}: {key}={set}, must be {key}={value}")),
            None => offences.push(format!("{name}: {key}={value} is missing")),
        }
    }
    offences.extend(
        PRESENT.iter().filter(|key| !keys.contains_key(**key)).map(|key| format!("{name}: {key} is missing")),
    );
    offences.extend(
        FORBIDDEN.iter().filter(|key| keys.contains_key(**key)).map(|key| format!("{name}: {key} is set")),
    );
    let start = format!("/usr/bin/gongshi serve --data {data}");
    if keys.get("ExecStart") != Some(&start) {
        offences.push(format!("{name}: must start {start:?}, starts {:?}", keys.get("ExecStart")));
    }
    offences
}

/// Lets systemd itself judge the units, with this build's program in the place of the installed one. Where systemd is
/// not installed there is nothing to ask.
pub(crate) fn ask_systemd(root: &Path) -> io::Result<Vec<String>> {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("units");
    fs::create_dir_all(&dir)?;
    let mut offences = Vec::new();
    for (name, _) in UNITS {
        let text = fs::read_to_string(root.join("deploy/systemd").join(name))?;
        let unit = dir.join(name.replace('@', "@330282"));
        fs::write(&unit, text.replace("/usr/bin/gongshi", env!("CARGO_BIN_EXE_gongshi")))?;
        for words in [
            vec!["verify", "--man=no", "--recursive-errors=no"],
            vec!["security", "--offline=true", "--threshold", EXPOSURE_TENTHS_MAX],
        ] {
            let answer = match Command::new("systemd-analyze").args(&words).arg(&unit).output() {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
                answer => answer?,
            };
            let said = String::from_utf8_lossy(&answer.stderr).trim().to_owned();
            // `verify` reports a misspelt key as a warning and still ends 0.
            if !answer.status.success() || (words[0] == "verify" && said.contains(&*unit.to_string_lossy())) {
                offences.push(format!(
                    "{name}: systemd-analyze {} ended with {}: {said}",
                    words[0], answer.status
                ));
            }
        }
    }
    Ok(offences)
}

/// Asks the program for the subcommand and flag that the units use. Before there are commands there is nothing to ask.
pub(crate) fn ask_program(root: &Path) -> io::Result<Vec<String>> {
    if !root.join("src/ops").is_dir() {
        return Ok(Vec::new());
    }
    let answer = Command::new(env!("CARGO_BIN_EXE_gongshi")).args(["serve", "--help"]).output()?;
    let help = String::from_utf8_lossy(&answer.stdout);
    let known = answer.status.success() && help.contains("--data");
    Ok(if known {
        Vec::new()
    } else {
        vec![format!("gongshi serve --help ended with {}:\n{help}", answer.status)]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A unit that is in order.
    fn unit() -> String {
        let lines = REQUIRED.iter().map(|(key, value)| format!("{key}={value}\n"));
        let present = PRESENT.iter().map(|key| format!("{key}=1\n"));
        let start = "ExecStart=/usr/bin/gongshi serve --data D\n".to_owned();
        format!("[Unit]\n[Service]\n{}", lines.chain(present).chain([start]).collect::<String>())
    }

    #[test]
    fn planted_weaknesses_are_found() {
        assert_eq!(offences("u", &unit(), "D"), Vec::<String>::new());
        for (from, to) in [
            ("UMask=0077\n", ""),
            ("UMask=0077", "#UMask=0077"),
            ("UMask=0077", "UMask=0022"),
            ("CapabilityBoundingSet=\n", "CapabilityBoundingSet=\nCapabilityBoundingSet=CAP_NET_ADMIN\n"),
            ("MemoryMax=1\n", ""),
            ("[Service]\n", "[Service]\nExecStartPre=/bin/true\n"),
            ("serve --data D", "run --data D"),
            ("serve --data D", "serve --data E"),
        ] {
            assert_eq!(offences("u", &unit().replace(from, to), "D").len(), 1, "{from} -> {to}");
        }
    }

    #[test]
    fn keys_of_other_sections_do_not_count() {
        let keys = service("[Unit]\nUMask=1\n[Service]\nA=b=c\nA=d\n# B=1\n[Install]\nC=1\n");
        assert_eq!(keys.into_iter().collect::<Vec<_>>(), [("A".to_owned(), "b=c d".to_owned())]);
    }
}
