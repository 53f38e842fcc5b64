//! A verifier in another language, which knows the formats and nothing of the program.

use crate::demo::{portal, running_demo};
use crate::program::finish;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// A script of the verifier.
pub(crate) fn script(name: &str) -> Command {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/verifier").join(name);
    let mut command = Command::new(std::env::var_os("GONGSHI_PYTHON").unwrap_or_else(|| "python3".into()));
    command.arg(path);
    command
}

#[test]
fn the_python_verifier_accepts_all_four_portals_of_a_demo_and_refuses_every_lie() {
    let dir = TempDir::new().expect("a directory");
    let (_demo, document) = running_demo(&dir);
    let urls: Vec<String> = document["nodes"]
        .as_array()
        .expect("nodes")
        .iter()
        .map(|node| format!("http://{}", portal(node)))
        .collect();
    for name in ["verify.py", "mutations.py"] {
        let mut command = script(name);
        command.args(&urls);
        let ended = finish(command, Duration::from_secs(120)).expect_exit(0);
        println!("{name}: {}", ended.stdout.lines().last().unwrap_or_default());
    }
}
