//! The house rules that the compiler does not know: layers, sizes, names, cages, top level, service units.
//!
//! Every check is a function from texts to offences, each with its place; here the checks meet the tree, and beside
//! each stands a test in which a planted offence is found.

mod deploy;
mod layers;
mod monitoring;
mod packaging;
mod rules;
mod source;
mod supply;

use source::File;
use std::path::Path;

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Fails with every offence on a line of its own.
fn none(offences: Vec<String>) -> Outcome {
    if offences.is_empty() { Ok(()) } else { Err(format!("\n  {}\n", offences.join("\n  ")).into()) }
}

fn each(dirs: &[&str], check: impl Fn(&File) -> Vec<String>) -> Outcome {
    let files = source::read(root(), dirs)?;
    if files.is_empty() {
        return Err("no source files found".into());
    }
    none(files.iter().flat_map(check).collect())
}

const SRC: &[&str] = &["src"];
const ALL: &[&str] = &["src", "tests", "benches", "examples"];

#[test]
fn arrows_point_down_only() -> Outcome {
    each(SRC, layers::offences)
}

#[test]
fn every_module_has_a_layer() -> Outcome {
    none(layers::unranked(&source::read(root(), SRC)?))
}

#[test]
fn files_are_short() -> Outcome {
    each(ALL, rules::length)
}

#[test]
fn every_file_says_what_it_is() -> Outcome {
    each(ALL, rules::opening)
}

#[test]
fn third_party_names_stay_in_their_cages() -> Outcome {
    each(SRC, rules::cages)
}

#[test]
fn no_module_is_a_drawer() -> Outcome {
    each(SRC, rules::drawers)
}

#[test]
fn nothing_is_left_for_later() -> Outcome {
    each(SRC, rules::leftovers)
}

#[test]
fn panics_are_never_a_way_out() -> Outcome {
    let files = source::read(root(), SRC)?;
    let test_only = source::test_only(&files);
    none(files.iter().filter(|file| !test_only.contains(&file.path)).flat_map(rules::unwraps).collect())
}

#[test]
fn no_test_is_ignored() -> Outcome {
    each(ALL, rules::ignored)
}

#[test]
fn the_top_level_is_what_was_agreed() -> Outcome {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(root())? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    none(rules::top_level(&names))
}

#[test]
fn the_readme_is_true_on_any_machine() -> Outcome {
    let mut offences = Vec::new();
    for name in ["README.md", "CHANGELOG.md", "deny.toml", "tests/run", ".ci/run"] {
        offences.extend(rules::machine_bound(name, &std::fs::read_to_string(root().join(name))?));
    }
    none(offences)
}

#[test]
fn attack_58_service_units_are_hardened() -> Outcome {
    let mut offences = Vec::new();
    for (name, data) in deploy::UNITS {
        let text = std::fs::read_to_string(root().join("deploy/systemd").join(name))?;
        offences.extend(deploy::offences(name, &text, data));
    }
    none(offences)
}

#[test]
fn attack_58_systemd_itself_scores_the_units_where_it_is_installed() -> Outcome {
    none(deploy::ask_systemd(root())?)
}

#[test]
fn attack_56_every_part_comes_from_one_registry_with_its_checksum_and_runs_no_script_that_nobody_read()
-> Outcome {
    let read = |name: &str| std::fs::read_to_string(root().join(name));
    let mut offences = supply::lock(&read("Cargo.lock")?);
    offences.extend(supply::manifest(&read("Cargo.toml")?));
    for name in ["tests/run", ".ci/run"] {
        offences.extend(supply::unlocked(name, &read(name)?));
    }
    offences.extend(supply::build_scripts(&supply::metadata()?));
    none(offences)
}

#[test]
fn attack_05_what_signs_is_few_and_puts_its_own_words_first() -> Outcome {
    let test_only = source::test_only(&source::read(root(), SRC)?);
    each(SRC, |file| if test_only.contains(&file.path) { Vec::new() } else { rules::signs(file) })
}

#[test]
fn alerts_have_an_action_that_exists() -> Outcome {
    none(monitoring::rules(root())?)
}

#[test]
fn dashboards_read_as_dashboards() -> Outcome {
    none(monitoring::dashboards(root())?)
}

#[test]
fn the_service_starts_a_command_that_exists() -> Outcome {
    none(deploy::ask_program(root())?)
}

#[test]
fn both_packages_carry_the_same_files_and_every_one_of_them_is_there() -> Outcome {
    none(packaging::offences(root())?)
}
