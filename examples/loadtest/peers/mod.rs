//! Programs that a user would pick instead, where they are installed.

pub(crate) mod git;
pub(crate) mod nats;
pub(crate) mod syncthing;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// True when the program can be started.
pub(crate) fn is_installed(program: &str) -> bool {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    found.is_ok() || Command::new(program).arg("-v").stderr(Stdio::null()).status().is_ok()
}

/// `rsync -a`, durable when it ends, from one directory to another; none when there is no rsync, or an old one.
pub(crate) fn rsync(from: &Path, to: &Path) -> Option<Duration> {
    let begun = Instant::now();
    let mut source = from.as_os_str().to_owned();
    source.push("/");
    let ended =
        Command::new("rsync").args(["-a", "--fsync"]).arg(source).arg(to).stderr(Stdio::null()).status();
    ended.is_ok_and(|status| status.success()).then(|| begun.elapsed())
}

/// A program that ends when it is no longer asked for.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
