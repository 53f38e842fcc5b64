//! The program: runs a command to its end, or keeps a process that ends with its owner.

use serde_json::Value;
use std::ffi::OsStr;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How often a poll looks.
const POLL: Duration = Duration::from_millis(5);

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) exit: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) took: Duration,
}

impl Ended {
    /// The one JSON document on stdout.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("stdout is not one JSON document: {error}\n{self:#?}"))
    }

    /// Fails with all that was said unless the exit code is this one.
    pub(crate) fn expect_exit(self, exit: i32) -> Self {
        assert_eq!(self.exit, exit, "{self:#?}");
        self
    }

    /// Everything said, on both streams.
    pub(crate) fn said(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

/// The binary, with a clean environment of its own and no terminal.
pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gongshi"));
    for name in ["GONGSHI_DATA", "GONGSHI_LANG", "LANG", "LC_ALL"] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

/// Runs a command; it must end within 40 s.
pub(crate) fn run<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Ended {
    let mut command = command();
    command.args(arguments);
    finish(command, Duration::from_secs(40))
}

/// Runs a prepared command to its end.
pub(crate) fn finish(mut command: Command, within: Duration) -> Ended {
    let begun = Instant::now();
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = Process(command.spawn().expect("the program starts"));
    let stdout = drain(process.0.stdout.take());
    let stderr = drain(process.0.stderr.take());
    let status = loop {
        if let Some(status) = process.0.try_wait().expect("wait") {
            break Some(status);
        }
        if begun.elapsed() > within {
            break None;
        }
        std::thread::sleep(POLL);
    };
    let took = begun.elapsed();
    if status.is_none() {
        process.kill();
    }
    let (stdout, stderr) = (stdout.join().expect("stdout"), stderr.join().expect("stderr"));
    let Some(status) = status else {
        panic!("{command:?} did not end within {within:?}\n{stdout}\n{stderr}");
    };
    Ended { exit: status.code().unwrap_or(-1), stdout, stderr, took }
}

fn drain(stream: Option<impl Read + Send + 'static>) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream {
            let _ = stream.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// A process that is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Process(pub(crate) Child);

impl Process {
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// kill -9, and waits for the end.
    pub(crate) fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }

    /// SIGTERM, and waits for the end; its exit code.
    pub(crate) fn terminate(&mut self) -> i32 {
        let pid = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("a signal");
        wait_until("the process ends on SIGTERM", 10, || {
            self.0.try_wait().ok().flatten().map(|status| status.code().unwrap_or(-1))
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Polls until there is something, at most for so many seconds.
pub(crate) fn wait_until<T>(what: &str, seconds: u64, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(seconds), "not within {seconds} s: {what}");
        std::thread::sleep(POLL);
    }
}
