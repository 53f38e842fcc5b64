//! README.md as it stands: every ```sh block that is marked `<!-- run at: PLACE -->` is run, in order, against real
//! processes on loopback, and the ```text block that is marked `<!-- shown by: COMMAND -->` is compared line by line.
//!
//! What a reader replaces is replaced here: capital words by what they stand for ([`Reader::word`]), addresses by free
//! ports of loopback. A command must end with 0, or with 3 (done, with findings); `serve` must come up and stay. A block
//! of commands without a mark is a failure, so that nothing is added to README.md that nobody runs.

use crate::federation::Node;
use crate::program::{Ended, Process, command, finish, run, wait_until};
use crate::reports::report;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;

/// A block of README.md: how it is fenced, the mark above it, its lines.
#[derive(Debug)]
struct Block {
    fence: String,
    mark: Option<String>,
    lines: Vec<String>,
}

fn readme() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).expect("README.md")
}

fn blocks(text: &str) -> Vec<Block> {
    let (mut blocks, mut mark, mut open): (Vec<Block>, Option<String>, bool) = (Vec::new(), None, false);
    for line in text.lines() {
        match (open, line.strip_prefix("```")) {
            (false, Some(fence)) => {
                blocks.push(Block { fence: fence.to_owned(), mark: mark.take(), lines: Vec::new() });
                open = true;
            }
            (true, Some(_)) => open = false,
            (true, None) => blocks.last_mut().expect("a block").lines.push(line.to_owned()),
            (false, None) => {
                mark =
                    line.strip_prefix("<!-- ").and_then(|rest| rest.strip_suffix(" -->")).map(str::to_owned);
            }
        }
    }
    blocks
}

/// The commands of a block: lines that go on are joined, what stands behind ` #` is for people.
fn commands(block: &Block) -> Vec<Vec<String>> {
    let joined = block.lines.join("\n").replace("\\\n", " ");
    let plain = |line: &str| line.split_once(" #").map_or(line, |(words, _)| words).trim().to_owned();
    let lines = joined.lines().map(plain).filter(|line| !line.is_empty());
    lines.map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
}

/// Someone who follows README.md on two machines.
struct Reader {
    dir: TempDir,
    nodes: BTreeMap<&'static str, Node>,
    token: String,
    /// Digests in the order in which they were published; the last with an attachment.
    digests: Vec<String>,
    attached: String,
    files: usize,
    /// Agencies that reported.
    agencies: usize,
}

impl Reader {
    fn new() -> Self {
        let dir = TempDir::new().expect("a directory");
        let node = |code: &str| Node::new(&dir.path().join(code), code);
        let nodes = BTreeMap::from([("province", node("440000")), ("city", node("440100"))]);
        Self {
            nodes,
            dir,
            token: String::new(),
            digests: Vec::new(),
            attached: String::new(),
            files: 0,
            agencies: 0,
        }
    }

    fn node(&self, place: &str) -> &Node {
        self.nodes.get(place).unwrap_or_else(|| panic!("README.md runs something at `{place}`"))
    }

    /// A path that nothing is at yet.
    fn path(&mut self, name: &str) -> PathBuf {
        self.files += 1;
        self.dir.path().join(format!("{}-{name}", self.files))
    }

    fn file(&mut self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, text).expect("a file");
        path.to_str().expect("a plain path").to_owned()
    }

    /// What a reader writes in the place of a word.
    fn word(&mut self, place: &str, words: &[String], at: usize) -> String {
        let does = |verb: &str| words.iter().any(|word| word == verb);
        let node = self.node(place);
        let (data, listen, parent) = (node.path().to_owned(), node.listen.clone(), "440000".to_owned());
        let digest = |back: usize| self.digests.iter().rev().nth(back).cloned().expect("a digest");
        match words[at].as_str() {
            "D" => data,
            "TOKEN" => self.token.clone(),
            "@TOKEN" => {
                let token = self.token.clone();
                format!("@{}", self.file("token", &token))
            }
            "DIGEST" if does("attachment") => self.attached.clone(),
            "DIGEST" | "B" => digest(0),
            "A" => digest(1),
            "R" => "填报有误".to_owned(),
            "NAME" => "市某局".to_owned(),
            "USER" => "reviewer".to_owned(),
            "P" => self.file("password", "a long password\n"),
            "Y" => "2024".to_owned(),
            "CODE" if does("explain") => "locked".to_owned(),
            "CODE" => parent,
            "http://PORTAL" => format!("http://{}", self.node("province").portal),
            "FILE.xlsx" => {
                let blank = self.path("blank.xlsx").to_str().expect("a plain path").to_owned();
                let of = ["--agency", "市某局", "--year", "2024", "-o", &blank];
                self.node(place).run(&[&["template", "xlsx"], &of[..]].concat()).expect_exit(0);
                blank
            }
            "F" | "F.xlsx" | "BACK.xlsx" | "DIR" | "NEW" => {
                let name = words[at].to_lowercase();
                self.path(&name).to_str().expect("a plain path").to_owned()
            }
            "BACKUP" => {
                let backup = self.path("backup").to_str().expect("a plain path").to_owned();
                self.node("city").run(&["backup", &backup]).expect_exit(0);
                backup
            }
            "ROSTER.csv" => self.file("roster.csv", "区划,机关,截止日期\n440100,市某局,01-31\n"),
            "台账.xlsx" => self.file("台账.xlsx", "an original"),
            // A report of its own each time; a correction is of the one before, with another figure.
            "report.json" => {
                let again = does("correct");
                self.agencies += usize::from(!again);
                let agency = format!("第{}局", self.agencies);
                let report = report(&agency, "440100", 2024, if again { 2 } else { 1 });
                self.file("report.json", &report.to_string())
            }
            "0.0.0.0:4701" | "sync.example.gov.cn:4701" => listen,
            time if words.get(at.wrapping_sub(1)).is_some_and(|before| before == "--at") => next_year(time),
            other => other.to_owned(),
        }
    }

    fn replace(&mut self, place: &str, words: &[String]) -> Vec<String> {
        assert_eq!(words[0], "gongshi", "README.md runs {words:?}");
        let mut replaced: Vec<String> = (1..words.len()).map(|at| self.word(place, words, at)).collect();
        if ["init", "join"].contains(&replaced[0].as_str()) {
            // Two machines have two loopbacks; one machine has ports.
            let [listen, at, rest @ ..] = self.node(place).address_flags();
            let listens = replaced.iter().any(|word| word == "--listen");
            let more = if listens { Vec::new() } else { vec![listen, at] };
            replaced.extend(more.into_iter().chain(rest).map(str::to_owned));
        }
        replaced
    }

    /// Runs a command as it stands in README.md.
    fn runs(&mut self, place: &str, words: &[String]) {
        // A node that joins by files is a new one: it lies beside, and its parent invites it.
        if words.iter().any(|word| word == "--request") {
            return self.joins_by_files(words);
        }
        let replaced = self.replace(place, words);
        match replaced[0].as_str() {
            "serve" => {
                self.nodes
                    .values_mut()
                    .find(|node| replaced.contains(&node.path().to_owned()))
                    .expect("a node")
                    .serve();
            }
            "join" => self.joins(&replaced),
            _ => {
                let ended = ends_well(words, self.run(&replaced));
                self.notes(&replaced, &ended);
            }
        }
    }

    /// Runs a command where the reader stands: what is written without a path lies there.
    fn run(&self, words: &[String]) -> Ended {
        let mut command = command();
        command.args(words).current_dir(self.dir.path());
        finish(command, Duration::from_secs(40))
    }

    /// Keeps what later commands speak of.
    fn notes(&mut self, words: &[String], ended: &Ended) {
        if words[0] == "invite" {
            let token = ended.stdout.split_whitespace().find(|word| word.starts_with("gs1"));
            self.token = token.unwrap_or_else(|| panic!("invite prints a token: {ended:#?}")).to_owned();
        }
        if ["publish", "correct"].contains(&words[0].as_str()) {
            let hex = |word: &&str| word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
            let digest = ended.stdout.split_whitespace().find(hex);
            let digest = digest.unwrap_or_else(|| panic!("{words:?} prints a digest: {ended:#?}")).to_owned();
            if words.iter().any(|word| word == "--attach") {
                self.attached.clone_from(&digest);
            }
            self.digests.push(digest);
        }
    }

    /// `join` waits until a person approves, with the command that the text names.
    fn joins(&mut self, words: &[String]) {
        let approve = "gongshi invite approve 440100 --data D";
        assert!(readme().contains(&format!("`{approve}`")), "README.md names {approve}");
        let approve: Vec<String> = approve.split(' ').map(str::to_owned).collect();
        let approve = self.replace("province", &approve);
        std::thread::scope(|scope| {
            let joining = scope.spawn(|| {
                let mut join = command();
                join.args(words);
                finish(join, Duration::from_secs(60))
            });
            wait_until("the request is approved", 40, || (run(&approve).exit == 0).then_some(()));
            ends_well(words, joining.join().expect("join"));
        });
    }

    fn joins_by_files(&mut self, words: &[String]) {
        let token = self.path("token-file").to_str().expect("a plain path").to_owned();
        let invite = ["invite", "--level", "district", "--code", "440103", "--name", "荔湾区", "-o", &token];
        self.node("city").run(&invite).expect_exit(0);
        let kept = std::mem::replace(&mut self.token, std::fs::read_to_string(&token).expect("a token"));
        self.nodes.insert("district", Node::new(&self.dir.path().join("440103"), "440103"));
        let replaced = self.replace("district", words);
        ends_well(words, self.run(&replaced));
        self.token = kept;
    }
}

fn ends_well(words: &[String], ended: Ended) -> Ended {
    // A workbook whose cells are to be marked has something to mark.
    let marks = words.iter().any(|word| word == "--marked") && ended.exit == 5;
    assert!(
        matches!(ended.exit, 0 | 3) || marks,
        "README.md has `{}`, which ends so: {ended:#?}",
        words.join(" ")
    );
    ended
}

/// The same day of the year that follows this one: a time in README.md is over one day, and no longer can be set.
fn next_year(time: &str) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock");
    let year = 1971 + now.as_secs() / 31_556_952;
    format!("{year}{}", time.get(4..).expect("an RFC 3339 time"))
}

#[test]
fn every_command_of_the_readme_runs_as_it_stands() {
    let mut reader = Reader::new();
    let mut ran = 0;
    for block in blocks(&readme()).iter().filter(|block| block.fence == "sh") {
        let mark = block.mark.as_deref().and_then(|mark| mark.strip_prefix("run at: "));
        match mark.unwrap_or_else(|| panic!("no `run at` above {block:#?}")) {
            // The repository itself: how it is built and tested.
            "the repository" => {}
            place => {
                for words in commands(block) {
                    // At the root alone, and so it says beside them.
                    let line = block.lines.iter().find(|line| line.starts_with(&words.join(" ")));
                    let at_root = line.is_some_and(|line| line.contains("(province)"));
                    reader.runs(if at_root { "province" } else { place }, &words);
                    ran += 1;
                }
            }
        }
    }
    println!("{ran} commands of README.md ran");
    assert!(ran > 30, "{ran}");
}

/// A line with what differs from run to run taken out: digests, ports, milliseconds, the password of the user demo.
fn shape(line: &str) -> String {
    let word = |before: &str, word: &str| match word {
        word if word.len() == 44 && word.ends_with('=') => "<root>".to_owned(),
        word if word.starts_with("http://127.0.0.1:") => "<url>".to_owned(),
        word if before == "demo" => format!("<password of {}>", word.len()),
        word => word.to_owned(),
    };
    let line = line.split_once("  (").map_or(line, |(line, ms)| if ms.ends_with(" ms)") { line } else { ms });
    let befores = std::iter::once("").chain(line.split(' '));
    befores.zip(line.split(' ')).map(|(before, at)| word(before, at)).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_demo_shows_what_the_readme_says_that_it_shows() {
    let all = blocks(&readme());
    let shown =
        all.iter().find(|block| block.mark.as_deref() == Some("shown by: demo")).expect("a marked block");
    let dir = TempDir::new().expect("a directory");
    let mut demo = command();
    demo.args(["demo", "--dir"]).arg(dir.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = Process(demo.spawn().expect("the demo starts"));
    let (sender, lines) = std::sync::mpsc::channel();
    let (stdout, stderr) =
        (process.0.stdout.take().expect("stdout"), process.0.stderr.take().expect("stderr"));
    let other = sender.clone();
    let told = std::thread::spawn(move || {
        BufReader::new(stderr).lines().map_while(Result::ok).for_each(|line| drop(other.send((0, line))));
    });
    let said = std::thread::spawn(move || {
        BufReader::new(stdout).lines().map_while(Result::ok).for_each(|line| drop(sender.send((1, line))));
    });
    // What is told on stderr comes before what is said on stdout; in a terminal they stand under each other.
    let mut seen = Vec::new();
    while seen.len() < shown.lines.len() {
        let line = lines.recv_timeout(Duration::from_secs(60));
        seen.push(line.unwrap_or_else(|_| panic!("only this was shown: {seen:#?}")));
    }
    process.kill();
    told.join().expect("stderr");
    said.join().expect("stdout");
    seen.sort_by_key(|(stream, _)| *stream);
    let seen: Vec<String> = seen.iter().map(|(_, line)| shape(line)).collect();
    let shown: Vec<String> = shown.lines.iter().map(|line| shape(line)).collect();
    assert_eq!(seen, shown, "the demo, and README.md");
}

#[test]
fn a_command_that_the_program_does_not_know_fails_the_reading() {
    let text = "<!-- run at: city -->\n```sh\ngongshi levitate D \\\n    --high  # up\n```\n";
    let [block] = &blocks(text)[..] else { panic!("one block") };
    assert_eq!(block.mark.as_deref(), Some("run at: city"));
    let words = commands(block);
    assert_eq!(words, [["gongshi", "levitate", "D", "--high"]]);
    assert_eq!(run(&words[0][1..]).exit, 2);
    assert_eq!(
        shape("四级一致  25  842R8bEDBSsHn9g+28/Nsms77sjb7khk4b8DMwxESow=  (1 ms)"),
        "四级一致  25  <root>"
    );
}
