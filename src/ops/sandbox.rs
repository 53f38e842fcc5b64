//! Files of strangers, read in a process of their own.
//!
//! What somebody uploads is bounded before it is parsed (`intake`), and then parsed where it can cost nothing but
//! itself: the program starts itself again as `gongshi read-apart`, hands the file over by a pipe, and takes findings
//! and the report back by another. The child bounds itself before it reads a byte: memory, processor time, no file and
//! no socket it could open, no core. The parent bounds what it waits for and what it takes. A child that is stopped
//! by a limit is a finding like any other; the parent's memory grows by the file and the answer, never by what the
//! file unpacks to.

use crate::division::DivisionCode;
use crate::intake::{self, Given};
use crate::package::body;
use crate::package::finding::Finding;
use crate::package::report::Report;
use crate::package::report_file::ReadOptions;
use crate::sync::publish::Submission;
use crate::template::{Template, Templates};
use crate::wire;
use rustix::process::{Resource, Rlimit, setrlimit};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// Address space of the child in bytes: the worst workbooks that pass the walk of `intake` were seen to take 150 MiB,
/// and the program itself is mapped too.
const MEMORY_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Processor time of the child in seconds; a workbook of a report takes a hundredth of one.
const CPU_SECONDS_MAX: u64 = 10;
/// How long the parent waits in all: the child may have to share its processor.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// Longest question in bytes: a file, the templates, names.
const QUESTION_BYTES_MAX: usize = intake::FILE_BYTES_MAX + 4 * 1024 * 1024;
/// Longest answer in bytes: a package's content is at most as long as a report file in JSON, findings are 500.
const ANSWER_BYTES_MAX: usize = 32 * 1024 * 1024;

/// This very program, also after another was put in its place on the disk.
pub(in crate::ops) const OWN_PROGRAM: &str = "/proc/self/exe";

/// A file to be read, and what a reader knows beside it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::ops) struct Upload {
    /// The file's name, which decides nothing but words.
    pub(in crate::ops) name: String,
    /// The file, at most [`intake::FILE_BYTES_MAX`] bytes.
    #[serde(with = "serde_bytes")]
    pub(in crate::ops) bytes: Vec<u8>,
    /// The division that takes the place of the file's.
    pub(in crate::ops) division: Option<DivisionCode>,
    /// The division of the node that publishes: a file that names none is about it.
    pub(in crate::ops) own_division: Option<DivisionCode>,
    /// The agency, where the file does not name it.
    pub(in crate::ops) agency_name: Option<String>,
    /// The year, where the file does not say it.
    pub(in crate::ops) year: Option<u16>,
    /// The current calendar year in China.
    pub(in crate::ops) current_year: u16,
    /// Ids and texts of the templates in force, as [`template_texts`] takes them from `gongshi.templates/1`.
    pub(in crate::ops) templates: Vec<(String, String)>,
}

/// What a file became. The submission is there exactly when no finding must be fixed.
#[derive(Clone, Debug, Default)]
pub(in crate::ops) struct ReadReport {
    /// What can be published.
    pub(in crate::ops) submission: Option<Submission>,
    /// What was found, in the order in which it was found.
    pub(in crate::ops) findings: Vec<Finding>,
}

impl ReadReport {
    /// A report as it is handed to a node.
    pub(in crate::ops) fn of(report: Option<Report>, findings: Vec<Finding>) -> Self {
        let submission = report.map(|report| Submission {
            content: body::encode(&report),
            template: report.main_template().to_owned(),
            division: report.division,
            agency_name: report.agency_name,
            agency_code: report.agency_code.map(|code| code.as_str().to_owned()).unwrap_or_default(),
            year: report.year,
            scope: report.scope,
            status: report.status,
            as_printed: report.as_printed.is_some(),
            attachments: Vec::new(),
        });
        Self { submission, findings }
    }

    fn refused(finding: Finding) -> Self {
        Self { submission: None, findings: vec![finding] }
    }
}

/// What the child says: bincode cannot leave members out as findings do, so they go as JSON.
#[derive(Serialize, Deserialize)]
struct Answer {
    submission: Option<Submission>,
    findings: String,
}

/// Ids and texts of the templates of a `gongshi.templates/1` document.
pub(in crate::ops) fn template_texts(document: &Value) -> Vec<(String, String)> {
    let text = |row: &Value| Some((row["id"].as_str()?.to_owned(), row["text"].as_str()?.to_owned()));
    document["templates"].as_array().into_iter().flatten().filter_map(text).collect()
}

/// Reads a file in a child process of `program` (that is [`OWN_PROGRAM`] except in tests). Blocks for at most 30 s:
/// call it where blocking is allowed. Never fails: what stops the child is a finding (`reading_stopped`,
/// `reading_failed`).
pub(in crate::ops) fn read_apart(program: &Path, upload: &Upload) -> ReadReport {
    if upload.bytes.len() > intake::FILE_BYTES_MAX {
        return ReadReport::refused(stopped("文件超过 20 MB", "the file has more than 20 MB"));
    }
    // The child needs nothing of the surroundings, least of all secrets that may stand there.
    let spawned = Command::new(program)
        .arg("read-apart")
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    match spawned {
        Ok(mut child) => {
            let answer = converse(&mut child, upload);
            // Whatever became of it, it is not left behind; a child that has ended is only collected.
            let _ = child.kill();
            let _ = child.wait();
            answer
        }
        Err(error) => ReadReport::refused(failed(&error.to_string())),
    }
}

fn converse(child: &mut Child, upload: &Upload) -> ReadReport {
    let (Some(mut question), Some(answer)) = (child.stdin.take(), child.stdout.take()) else {
        return ReadReport::refused(failed("no pipe"));
    };
    let (send, receive) = mpsc::channel();
    let encoded = wire::encode(upload);
    // The child reads all before it writes anything; a child that died closes both pipes, and both ends here return.
    #[allow(clippy::disallowed_methods, reason = "two pipes need two readers; the child ends the thread")]
    std::thread::spawn(move || {
        let said = question.write_all(&encoded).and_then(|()| question.flush());
        drop((question, encoded));
        let mut bytes = Vec::new();
        let read = answer.take(ANSWER_BYTES_MAX as u64 + 1).read_to_end(&mut bytes);
        let _ = send.send(said.and(read).map(|_| bytes));
    });
    let bytes = match receive.recv_timeout(WAIT_MAX) {
        Ok(Ok(bytes)) => bytes,
        // The child was stopped while it read; or it took too long.
        Ok(Err(_)) | Err(_) => return ReadReport::refused(stopped_by_limit()),
    };
    let answer = wire::decode::<Answer>(&bytes, ANSWER_BYTES_MAX).ok();
    let taken = answer.and_then(|answer| {
        let findings = serde_json::from_str(&answer.findings).ok()?;
        Some(ReadReport { submission: answer.submission, findings })
    });
    taken.unwrap_or_else(|| ReadReport::refused(stopped_by_limit()))
}

/// The child: bounds itself, reads a question from `input`, writes the answer to `output`.
///
/// # Errors
/// When a limit cannot be set or the pipe does not hold a question: the parent takes no answer as a finding.
pub(in crate::ops) fn answer(input: &mut dyn Read, output: &mut dyn Write) -> std::io::Result<()> {
    let bound = |most: u64| Rlimit { current: Some(most), maximum: Some(most) };
    for (resource, most) in [
        (Resource::As, MEMORY_BYTES_MAX),
        (Resource::Cpu, CPU_SECONDS_MAX),
        (Resource::Core, 0),
        (Resource::Fsize, 0),
        (Resource::Nproc, 0),
        // The two pipes and standard error are open already; nothing more can be.
        (Resource::Nofile, 3),
    ] {
        setrlimit(resource, bound(most))?;
    }
    let mut question = Vec::new();
    input.take(QUESTION_BYTES_MAX as u64 + 1).read_to_end(&mut question)?;
    let malformed = |error: wire::WireError| std::io::Error::other(error.to_string());
    let upload: Upload = wire::decode(&question, QUESTION_BYTES_MAX).map_err(malformed)?;
    drop(question);
    let ReadReport { submission, findings } = upload.read();
    let findings = serde_json::to_string(&findings)?;
    output.write_all(&wire::encode(&Answer { submission, findings }))?;
    output.flush()
}

impl Upload {
    /// Reads it in this process.
    fn read(&self) -> ReadReport {
        let parsed = self.templates.iter().map(|(id, text)| Template::parse(id, text.as_bytes()));
        // A template that this program cannot read makes its tables extra tables, as everywhere.
        let templates: Templates = parsed.filter_map(Result::ok).collect();
        let options = ReadOptions {
            division_override: self.division.as_ref(),
            own_division: self.own_division.as_ref(),
            current_year: self.current_year,
            templates: &templates,
        };
        let given = Given { agency_name: self.agency_name.as_deref(), year: self.year };
        let (report, findings) = intake::read(&self.bytes, &self.name, given, &options);
        ReadReport::of(report, findings)
    }
}

fn stopped_by_limit() -> Finding {
    stopped(
        "读取这份文件超过了内存或时间上限",
        "reading the file took more memory or time than any report needs",
    )
}

fn stopped(zh: &str, en: &str) -> Finding {
    let zh = format!("{zh}，已停止；明细请作为附件，报送的文件只留统计表");
    let en = format!("{en}, and was stopped; attach item lists, keep only the tables");
    Finding::must_fix("reading_stopped", &zh, &en)
}

fn failed(what: &str) -> Finding {
    let zh = format!("无法启动读取文件的子进程（{what}）；请稍后再试，或在服务器上用 gongshi check");
    let en =
        format!("the process that reads files cannot be started ({what}); try again, or use gongshi check");
    Finding::must_fix("reading_failed", &zh, &en)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upload(bytes: Vec<u8>) -> Upload {
        let own = Some("330282108".parse().unwrap());
        Upload {
            name: "a.csv".into(),
            bytes,
            division: None,
            own_division: own,
            agency_name: None,
            year: Some(2024),
            current_year: 2026,
            templates: Vec::new(),
        }
    }

    #[test]
    fn a_child_that_says_nothing_or_nonsense_is_a_finding_and_is_not_left_behind() {
        for (program, code) in [
            ("/bin/true", "reading_stopped"),
            ("/bin/echo", "reading_stopped"),
            ("/no/such", "reading_failed"),
        ] {
            // More than a pipe holds: the parent must not wait for a child that never reads.
            let read = read_apart(Path::new(program), &upload(vec![b'x'; 1 << 20]));
            assert!(read.submission.is_none());
            assert_eq!(read.findings[0].code, code, "{program}");
        }
        let read = read_apart(Path::new("/bin/true"), &upload(vec![0; intake::FILE_BYTES_MAX + 1]));
        assert_eq!(read.findings[0].code, "reading_stopped");
    }

    #[test]
    fn question_and_answer_survive_the_pipe() {
        let text = "机关名称,慈溪市附海镇人民政府\n\n表名,案件\n部门,案件\n甲科,1\n";
        let asked = upload(text.as_bytes().to_vec());
        let back: Upload = wire::decode(&wire::encode(&asked), QUESTION_BYTES_MAX).unwrap();
        assert_eq!(back.bytes, asked.bytes);
        let ReadReport { submission, findings } = back.read();
        let answer =
            Answer { submission: submission.clone(), findings: serde_json::to_string(&findings).unwrap() };
        let heard: Answer = wire::decode(&wire::encode(&answer), ANSWER_BYTES_MAX).unwrap();
        assert_eq!(heard.submission, submission);
        assert!(submission.is_some(), "{findings:?}");
    }

    #[test]
    fn templates_come_from_the_document_of_the_node() {
        let document = serde_json::json!({"templates": [
            {"id": "a", "text": "x"}, {"id": "not here yet", "text": null}, {"id": "b", "text": "y"},
        ]});
        assert_eq!(
            template_texts(&document),
            [("a".to_owned(), "x".to_owned()), ("b".to_owned(), "y".to_owned())]
        );
    }
}
