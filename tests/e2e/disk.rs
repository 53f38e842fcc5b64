//! A disk that is full: new work is refused, reading goes on, a restart is survived, and it resumes by itself.

use crate::federation::{Federation, Node};
use crate::program::wait_until;
use crate::reports::report;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file system of its own; unmounted in the end.
struct Small(PathBuf);

impl Small {
    /// None where mounting is not allowed.
    fn mount(at: &Path, options: &str) -> Option<Self> {
        fs::create_dir_all(at).expect("a directory");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(at).output();
        mount.is_ok_and(|ended| ended.status.success()).then(|| Self(at.to_owned()))
    }

    /// Writes until nothing goes in any more.
    fn fill(&self) -> PathBuf {
        let path = self.0.join("filler");
        let mut file = File::options().create(true).append(true).open(&path).expect("a file");
        for size in [1 << 16, 1 << 10, 1] {
            while file.write_all(&vec![7; size]).is_ok() {}
        }
        path
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// A city under a province, its directory on the small file system.
fn pair_on(small: &Path) -> Federation {
    let mut federation = Federation::province();
    let mut node = Node::new(&small.join("330200"), "330200");
    let token = federation.nodes[0].invite("city", "330200", "宁波市", &["--auto"]);
    node.join(&token).expect_exit(0);
    node.serve();
    federation.nodes.push(node);
    federation
}

fn refuses(federation: &Federation, year: u16) {
    let made = federation.write("refused.json", &report("满盘局", "330200", year, 1).to_string());
    let ended = federation.nodes[1].run(&["publish", made.to_str().expect("a path")]);
    assert_eq!(ended.exit, 6, "{ended:#?}");
    assert!(
        ended.said().contains("disk_full") || ended.json().to_string().contains("disk_full"),
        "{ended:#?}"
    );
}

fn publishes(federation: &Federation, agency: &str, year: u16, at: usize) -> String {
    let code = federation.nodes[at].code.clone();
    let made = federation.write("made.json", &report(agency, &code, year, 1).to_string());
    federation.nodes[at].publish(&made)
}

#[test]
fn fault_07_disk_full() {
    let home = tempfile::TempDir::new().expect("a directory");
    let Some(small) = Small::mount(home.path(), "size=24m") else {
        println!("NOT ALLOWED TO MOUNT: a floor above the free space stands for a full disk");
        a_floor_above_the_free_space_refuses_and_reads();
        return;
    };
    let mut federation = pair_on(home.path());
    let first = publishes(&federation, "甲局", 2022, 1);
    federation.wait_for(std::slice::from_ref(&first), 20);
    let filler = small.fill();
    wait_until("the node notices", 10, || (federation.nodes[1].status()["state"] == "alarm").then_some(()));
    refuses(&federation, 2023);
    assert!(federation.nodes[1].has(&first), "reading goes on");
    // What comes from above waits there, with a pause that the node asked for.
    let second = publishes(&federation, "乙局", 2022, 0);
    assert!(federation.nodes[1].api("/api/v1/node")["root_log"]["size"].is_u64());
    // Filled again, since what was set aside was given back, and restarted inside the full state.
    small.fill();
    federation.nodes[1].kill();
    let took = federation.nodes[1].serve();
    println!("restarted on a full disk in {} ms", took.as_millis());
    assert!(federation.nodes[1].has(&first), "reading goes on after a restart");
    refuses(&federation, 2023);
    let found = federation.nodes[1].run(&["doctor"]).json().to_string();
    assert!(found.contains("disk_full"), "{found}");
    // Room again: nothing has to be done.
    fs::remove_file(filler).expect("removed");
    let third = wait_until("new work is taken again", 20, || {
        let made = federation.write("third.json", &report("丙局", "330200", 2022, 1).to_string());
        let ended = federation.nodes[1].run(&["publish", made.to_str().expect("a path")]);
        (ended.exit == 0)
            .then(|| ended.json()["published"][0]["digest"].as_str().expect("a digest").to_owned())
    });
    federation.wait_for(&[first, second, third], 40);
    federation.wait_agreement(20);
    federation.nodes[1].run(&["verify", "--all"]).expect_exit(0);
    federation.nodes[1].stop();
    federation.nodes[1].run(&["store", "check"]).expect_exit(0);
}

#[test]
fn a_disk_without_inodes_refuses_and_reads() {
    let home = tempfile::TempDir::new().expect("a directory");
    let Some(small) = Small::mount(home.path(), "size=64m,nr_inodes=200") else {
        println!("NOT ALLOWED TO MOUNT: a disk without inodes cannot be made here");
        return;
    };
    let mut federation = pair_on(home.path());
    let first = publishes(&federation, "甲局", 2022, 1);
    federation.wait_for(std::slice::from_ref(&first), 20);
    let spent: Vec<PathBuf> = (0..400)
        .map(|n| small.0.join(format!("n{n}")))
        .take_while(|path| File::create(path).is_ok())
        .collect();
    wait_until("the node notices", 10, || (federation.nodes[1].status()["state"] == "alarm").then_some(()));
    refuses(&federation, 2023);
    assert!(federation.nodes[1].has(&first), "reading goes on");
    spent.iter().for_each(|path| fs::remove_file(path).expect("removed"));
    wait_until("the node resumes", 20, || (federation.nodes[1].status()["state"] == "ok").then_some(()));
    federation.nodes[1].stop();
}

fn a_floor_above_the_free_space_refuses_and_reads() {
    let mut federation = Federation::pair();
    let first = publishes(&federation, "甲局", 2022, 1);
    federation.wait_for(std::slice::from_ref(&first), 20);
    let config = federation.nodes[1].data.join("gongshi.toml");
    let text = fs::read_to_string(&config).expect("a configuration");
    for (floor, is_full) in [("4000000000", true), ("0", false)] {
        federation.nodes[1].stop();
        fs::write(&config, text.replace("free_mib_min = 0", &format!("free_mib_min = {floor}")))
            .expect("written");
        federation.nodes[1].serve();
        assert!(federation.nodes[1].has(&first), "reading goes on");
        if is_full {
            refuses(&federation, 2023);
        }
    }
    let second = publishes(&federation, "乙局", 2022, 1);
    federation.wait_for(&[first, second], 20);
}

#[test]
fn a_floor_set_above_the_free_space_is_a_full_disk() {
    a_floor_above_the_free_space_refuses_and_reads();
}
