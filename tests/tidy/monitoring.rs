//! The shipped alerts and dashboards: each alert has a severity, a sentence in both languages and a next command that
//! exists; each dashboard reads as one. Whether the metrics exist is a unit test beside them.

use std::path::Path;
use std::process::Command;
use std::{fs, io};

/// One alert of the rules file, as lines.
struct Alert<'a> {
    name: &'a str,
    lines: Vec<&'a str>,
}

fn alerts(rules: &str) -> Vec<Alert<'_>> {
    let mut alerts: Vec<Alert<'_>> = Vec::new();
    for line in rules.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("- alert: ") {
            alerts.push(Alert { name, lines: Vec::new() });
        } else if let Some(alert) = alerts.last_mut() {
            alert.lines.push(line);
        }
    }
    alerts
}

impl<'a> Alert<'a> {
    fn field(&self, key: &str) -> Option<&'a str> {
        self.lines.iter().find_map(|line| line.strip_prefix(key)?.strip_prefix(": "))
    }

    /// The program's commands that the action names: the words after `gongshi`, up to a flag or the end.
    fn commands(&self) -> Vec<Vec<&'a str>> {
        let action = self.field("action").unwrap_or_default();
        let commands = action.split(';').filter_map(|part| part.trim().strip_prefix("gongshi "));
        commands.map(|words| words.split_whitespace().collect()).collect()
    }
}

/// What an alert lacks.
fn lacks(alert: &Alert<'_>) -> Vec<String> {
    let mut offences = Vec::new();
    for key in ["expr", "labels", "summary", "action"] {
        if alert.field(key).is_none() {
            offences.push(format!("{}: no {key}", alert.name));
        }
    }
    let summary = alert.field("summary").unwrap_or_default();
    if !summary.contains(" / ") || summary.is_ascii() {
        offences.push(format!("{}: the summary must be in Chinese / English", alert.name));
    }
    if alert.commands().is_empty() {
        offences.push(format!("{}: the action names no gongshi command", alert.name));
    }
    offences
}

/// What is wrong with the rules file.
pub(crate) fn rules(root: &Path) -> io::Result<Vec<String>> {
    let rules = fs::read_to_string(root.join("deploy/monitoring/gongshi.rules.yml"))?;
    let alerts = alerts(&rules);
    let mut offences: Vec<String> = alerts.iter().flat_map(lacks).collect();
    if alerts.len() < 10 {
        offences.push(format!("only {} alerts", alerts.len()));
    }
    for alert in &alerts {
        for words in alert.commands() {
            offences.extend(ask(&words)?.map(|why| format!("{}: {why}", alert.name)));
        }
    }
    Ok(offences)
}

/// Asks the program whether it knows a command, and a code to explain.
fn ask(words: &[&str]) -> io::Result<Option<String>> {
    let plain =
        |word: &&&str| !word.starts_with('-') && !word.chars().any(|c| c.is_ascii_uppercase() || c == '{');
    let verbs: Vec<&str> = words.iter().take_while(plain).copied().collect();
    let mut command = Command::new(env!("CARGO_BIN_EXE_gongshi"));
    match verbs.as_slice() {
        ["explain", _] => command.args(&verbs),
        _ => command.args(&verbs).arg("--help"),
    };
    let answer = command.output()?;
    let wrong = format!("gongshi {} ended with {}", words.join(" "), answer.status);
    Ok((!answer.status.success()).then_some(wrong))
}

/// What is wrong with the dashboards.
pub(crate) fn dashboards(root: &Path) -> io::Result<Vec<String>> {
    let mut offences = Vec::new();
    for name in ["grafana-node.json", "grafana-federation.json"] {
        let text = fs::read_to_string(root.join("deploy/monitoring").join(name))?;
        match serde_json::from_str::<serde_json::Value>(&text) {
            Err(error) => offences.push(format!("{name}: {error}")),
            Ok(board) => {
                let panels = board["panels"].as_array().map_or(0, Vec::len);
                if panels < 8 || board["uid"].as_str().is_none() || board["title"].as_str().is_none() {
                    offences.push(format!("{name}: {panels} panels, uid and title must be there"));
                }
            }
        }
    }
    Ok(offences)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str =
        "- alert: A\n expr: x\n labels: {}\n summary: 一 / one\n action: gongshi status; df\n";

    #[test]
    fn planted_alerts_without_an_action_are_found() {
        assert!(alerts(SOUND).iter().flat_map(lacks).next().is_none());
        for (from, to) in [
            (" action: gongshi status; df\n", ""),
            ("gongshi status; df", "think"),
            ("一 / one", "one"),
            (" expr: x\n", ""),
        ] {
            let text = SOUND.replace(from, to);
            assert!(alerts(&text).iter().flat_map(lacks).next().is_some(), "{from} -> {to}");
        }
    }

    #[test]
    fn a_planted_command_that_is_none_is_found() -> io::Result<()> {
        assert!(ask(&["status", "--data", "D"])?.is_none());
        assert!(ask(&["explain", "stale"])?.is_none());
        assert!(ask(&["levitate"])?.is_some());
        assert!(ask(&["explain", "no-such-code"])?.is_some());
        Ok(())
    }
}
