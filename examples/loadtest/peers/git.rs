//! git: one commit of all files, pushed to an empty repository beside it.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn git(at: &Path, words: &[&str]) -> Option<()> {
    let mut git = Command::new("git");
    git.arg("-C").arg(at).args(["-c", "user.name=loadtest", "-c", "user.email=loadtest@example.cn"]);
    // Durable on both sides, as ours is.
    git.args(["-c", "core.fsync=all", "-c", "gc.auto=0"]).args(words);
    let ended = git.stdout(Stdio::null()).stderr(Stdio::null()).status().ok()?;
    ended.success().then_some(())
}

/// How long the commit takes, and the push; none when there is no git.
pub(crate) fn push(folder: &Path, dir: &Path) -> Option<(Duration, Duration)> {
    let (source, target) = (dir.join("git-source"), dir.join("git-target"));
    for (place, kind) in [(&source, "--quiet"), (&target, "--bare")] {
        std::fs::create_dir_all(place).ok()?;
        git(place, &["init", "--quiet", kind])?;
    }
    git(&target, &["config", "core.fsync", "all"])?;
    for entry in std::fs::read_dir(folder).ok()?.flatten() {
        std::fs::copy(entry.path(), source.join(entry.file_name())).ok()?;
    }
    let begun = Instant::now();
    git(&source, &["add", "--all"])?;
    git(&source, &["commit", "--quiet", "--message", "reports"])?;
    let committed = begun.elapsed();
    let begun = Instant::now();
    git(&source, &["push", "--quiet", &target.display().to_string(), "HEAD:refs/heads/main"])?;
    Some((committed, begun.elapsed()))
}
