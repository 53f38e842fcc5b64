//! A province by itself, with as many reports as it is asked for: how long it takes to start, what it holds in memory and on
//! the disk, and how fast it reads. A million leaves are ten years of a province like Guangdong's several times over.

use crate::bed::{self, Node, free_address, program, until};
use crate::figures::{bytes_below, resident, say, spread, time};
use crate::{Size, http, reports};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// Reports published by one command.
const BATCH: usize = 20_000;

pub(crate) fn run(size: Size) {
    let dir = tempfile::tempdir().expect("a directory");
    let node = Node {
        code: "330000".to_owned(),
        data: dir.path().join("data"),
        portal: free_address(),
        console: free_address(),
    };
    let words = ["init", "--level", "province", "--code", &node.code, "--name", "浙江省"];
    let listening = ["--listen", "127.0.0.1:0", "--portal", &node.portal, "--console", &node.console];
    bed::run(&[words.as_slice(), &listening].concat(), &node.data);
    let (mut bytes, mut published, mut done) = (0, std::time::Duration::ZERO, 0);
    while done < size.packages {
        let count = BATCH.min(size.packages - done);
        let (folder, written) = reports::write_small(dir.path(), done, &node.code, count);
        let begun = Instant::now();
        bed::run(&["publish", &folder.display().to_string()], &node.data);
        published += begun.elapsed();
        std::fs::remove_dir_all(folder).expect("its files");
        (bytes, done) = (bytes + written, done + count);
        eprintln!("{done} of {}, {}", size.packages, time(published));
    }
    let (record, index) = (bytes_below(&node.data.join("record")), bytes_below(&node.data.join("index")));
    let held = |size: u64| format!("{size} ({:.2} a byte of reports)", size as f64 / bytes as f64);
    say(
        "alone",
        "reports, bytes; signed, sequenced and folded in",
        &format!("{done}, {bytes}; {}", time(published)),
    );
    say("alone", "P9 bytes of the record; of the index", &format!("{}; {}", held(record), held(index)));
    let mut child = None;
    for (what, signal) in
        [("after offline work", None), ("after kill -9", Some("-9")), ("after a clean stop", Some("-TERM"))]
    {
        end(child.take(), signal);
        child = Some(start(&node, what));
    }
    query(&node, size.rounds);
    end(child.take(), Some("-9"));
    std::fs::remove_dir_all(node.data.join("index")).expect("the index");
    end(Some(start(&node, "its index gone")), Some("-9"));
}

fn end(child: Option<Child>, signal: Option<&str>) {
    if let (Some(mut child), Some(signal)) = (child, signal) {
        let sent = Command::new("kill").args([signal, &child.id().to_string()]).status();
        assert!(sent.is_ok_and(|sent| sent.success()));
        child.wait().expect("its end");
    }
}

fn start(node: &Node, what: &str) -> Child {
    let begun = Instant::now();
    let mut serve = program();
    serve.arg("serve").arg("--data").arg(&node.data).stdin(Stdio::null()).stderr(Stdio::null());
    let child = serve.spawn().expect("a process");
    until("an answer", || http::try_get(&node.portal, "/api/v1/node").is_ok());
    let figure = format!("{}; {:.0} MiB", time(begun.elapsed()), resident(child.id()));
    say("alone", &format!("P10 {} leaves, {what}: answers; resident", node.size()), &figure);
    child
}

fn query(node: &Node, rounds: usize) {
    let leaves = node.size();
    for more in ["scope=all", "scope=own", "scope=all&by=child"] {
        let mut times = Vec::new();
        for round in 0..rounds {
            let begun = Instant::now();
            // Another address each time, so that no answer is one that was kept.
            let answer = node.get(&format!("/api/v1/view/{}/2020?{more}&round={round}", node.code));
            times.push(begun.elapsed());
            assert_eq!(answer.status, 200);
        }
        let what = format!("P7 {} 2020 {more} among {leaves} leaves, a connection each", node.code);
        say("alone", &what, &spread(&mut times));
    }
}
