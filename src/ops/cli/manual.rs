//! What manual pages say beside the options: `manual.txt`, a section a command, put behind its `--help` and on its page.

use super::args::Args;
use clap::{Command, CommandFactory};

const TEXT: &str = include_str!("manual.txt");
const HEADING: &str = "\n## ";

/// The program's commands with their manual.
pub(super) fn command() -> Command {
    sections().fold(Args::command(), |root, (words, text)| {
        let words: Vec<&str> = words.split(' ').collect();
        with(root, &words, text)
    })
}

/// The words of a command and what its page says.
fn sections() -> impl Iterator<Item = (&'static str, &'static str)> {
    TEXT.split(HEADING).skip(1).filter_map(|section| {
        let (words, text) = section.split_once('\n')?;
        Some((words, text.trim_end()))
    })
}

fn with(command: Command, words: &[&str], text: &'static str) -> Command {
    match words {
        [] => command.after_long_help(text),
        [word, below @ ..] => match command.find_subcommand(word) {
            Some(_) => command.mut_subcommand(word, |found| with(found, below, text)),
            None => command,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Every command that does something, by its words.
    fn doing() -> Vec<(String, Command)> {
        let mut open = vec![(String::new(), command())];
        let mut doing = Vec::new();
        while let Some((words, command)) = open.pop() {
            let below = command.get_subcommands().filter(|below| !below.is_hide_set());
            open.extend(below.map(|below| (format!("{words} {}", below.get_name()), below.clone())));
            if !words.is_empty() && !command.is_subcommand_required_set() {
                doing.push((words.trim().to_owned(), command));
            }
        }
        doing
    }

    fn examples(text: &str) -> impl Iterator<Item = &str> {
        text.lines().filter(|line| line.starts_with("  gongshi"))
    }

    #[test]
    fn every_command_has_an_example_and_every_example_is_understood() {
        let (mut seen, mut pages) = (0, BTreeSet::new());
        for (words, command) in doing() {
            let text = command.get_after_long_help().map(ToString::to_string).unwrap_or_default();
            assert!(text.contains("gongshi "), "gongshi {words}: no example");
            pages.insert(words);
        }
        for (words, text) in sections() {
            assert!(pages.contains(words), "{words}: no such command");
            for example in examples(text) {
                let line = example.split_whitespace();
                let parsed = command().try_get_matches_from(line);
                assert!(
                    parsed.is_ok(),
                    "{example}: {}",
                    parsed.err().map(|error| error.to_string()).unwrap_or_default()
                );
                seen += 1;
            }
        }
        assert!(seen >= pages.len(), "{seen} examples for {} pages", pages.len());
    }

    #[test]
    fn sections_speak_both_languages() {
        for (words, text) in sections() {
            let prose: Vec<&str> = text.lines().filter(|line| !line.starts_with("  ")).collect();
            let chinese = prose.iter().any(|line| !line.is_ascii());
            let english = prose
                .iter()
                .any(|line| line.chars().filter(char::is_ascii_lowercase).count() > line.len() / 2);
            assert_eq!(chinese, english, "{words}");
        }
    }
}
