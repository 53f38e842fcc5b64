//! An empty node joins late.

use crate::Size;
use crate::bed::{self, Bed, Node, program, until};
use crate::figures::{say, time};
use crate::http;
use std::net::TcpListener;
use std::process::Stdio;
use std::time::Instant;

/// An address that nobody listens at.
fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").to_string()
}

pub(crate) fn run(bed: &mut Bed, _: Size) {
    let held = bed.province().size();
    let words = ["invite", "--level", "town", "--code", "330282109", "--name", "桥头镇", "--auto"];
    let token = bed::run(&words, &bed.nodes[2].data)["token"].as_str().expect("a token").to_owned();
    let (portal, console) = (free_address(), free_address());
    let data = bed.dir.path().join("late");
    let begun = Instant::now();
    let addresses = ["join", &token, "--listen", "127.0.0.1:0", "--portal", &portal, "--console", &console];
    bed::run(&addresses, &data);
    let enrolled = begun.elapsed();
    let mut serve = program();
    serve.arg("serve").arg("--data").arg(&data).stdin(Stdio::null()).stderr(Stdio::null());
    bed.more.push(serve.spawn().expect("a process"));
    let late = Node { code: "330282109".to_owned(), data, portal, console };
    until("an answer", || http::try_get(&late.portal, "/api/v1/node").is_ok());
    until("the same view", || {
        let (shown, wanted) = (late.document(), bed.province().document());
        shown["view_root"] == wanted["view_root"] && shown["root_log"] == wanted["root_log"]
    });
    let figure = format!("{}; {}", time(enrolled), time(begun.elapsed()));
    say("late", &format!("P11 an empty town with {held} leaves to come: enrolled; shows the same"), &figure);
}
