//! `gongshi man`: manual pages from the same words as `--help`.

use super::Outcome;
use super::args::Global;
use super::manual;
use crate::ops::service::Failure;
use clap::{Args as ClapArgs, Command};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Arguments of `man`.
#[derive(ClapArgs)]
pub(super) struct Man {
    /// 子命令，如 publish 或 release set；不写则为总页 / a command; the program's page without one
    pub(super) command: Vec<String>,
    /// 将全部手册页写入目录 / write every page into a directory
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    pub(super) dir: Option<PathBuf>,
}

pub(super) fn run(global: &Global, man: &Man) -> Result<Outcome, Failure> {
    let mut root = manual::command();
    root.build();
    if let Some(dir) = &man.dir {
        let mut pages = Vec::new();
        write_all(&root, "gongshi", dir, &mut pages)?;
        let text =
            global.words("已写入", "written").to_owned() + &format!(" {}: {}", dir.display(), pages.len());
        return Ok(Outcome::done(json!({"schema": "gongshi.man/1", "pages": pages}), text));
    }
    let (mut found, mut name) = (&root, "gongshi".to_owned());
    for word in &man.command {
        let Some(next) = found.find_subcommand(word) else {
            let message =
                format!("没有命令 {word:?}；gongshi --help 列出全部 / no such command: see gongshi --help");
            return Err(Failure::new(2, "usage", message));
        };
        name = format!("{name}-{}", next.get_name());
        found = next;
    }
    let page = page(found, &name).map_err(|error| Failure::new(1, "io", error.to_string()))?;
    Ok(Outcome::done(Value::Null, page))
}

/// One page, in roff.
fn page(command: &Command, name: &str) -> std::io::Result<String> {
    let mut page = Vec::new();
    let command = command.clone().display_name(name.to_owned());
    clap_mangen::Man::new(command).title(name).manual("Gongshi").render(&mut page)?;
    // The generator calls what stands behind the options so.
    Ok(String::from_utf8_lossy(&page).replace(".SH EXTRA", ".SH \"用法 / USE\""))
}

fn write_all(command: &Command, name: &str, dir: &Path, pages: &mut Vec<String>) -> Result<(), Failure> {
    let file = dir.join(format!("{name}.1"));
    let failed = |error: std::io::Error| Failure::new(1, "io", format!("{}: {error}", file.display()));
    std::fs::create_dir_all(dir).map_err(failed)?;
    std::fs::write(&file, page(command, name).map_err(failed)?).map_err(failed)?;
    pages.push(file.display().to_string());
    for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
        write_all(below, &format!("{name}-{}", below.get_name()), dir, pages)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_and_every_help_is_in_both_languages() {
        let mut root = manual::command();
        root.build();
        let mut open = vec![(root, "gongshi".to_owned())];
        let mut seen = 0;
        while let Some((command, name)) = open.pop() {
            let page = page(&command, &name).unwrap();
            assert!(page.contains(".TH") && page.contains(&name), "{name}");
            let both = |help: String, of: &str| {
                assert!(
                    help.contains("/ ") && !help.is_ascii(),
                    "{name} {of}: {help:?} is not in both languages"
                );
            };
            both(command.get_about().map(ToString::to_string).unwrap_or_default(), "about");
            let own =
                |arg: &&clap::Arg| !arg.is_hide_set() && !matches!(arg.get_id().as_str(), "help" | "version");
            for arg in command.get_arguments().filter(own) {
                let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
                // A list of words that are typed as they are needs no translation.
                if !help.contains(" | ") {
                    both(help, arg.get_id().as_str());
                }
            }
            seen += 1;
            let below = command.get_subcommands().filter(|below| below.get_name() != "help");
            open.extend(below.map(|below| (below.clone(), format!("{name}-{}", below.get_name()))));
        }
        assert!(seen > 30, "{seen}");
    }
}
