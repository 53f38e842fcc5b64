//! The audit log of real nodes: every act with who did it, with a daemon and without, and a chain that notices changes.

use crate::federation::Federation;
use crate::reports::report;

#[test]
fn every_act_is_in_the_audit_log_and_a_changed_line_is_noticed() {
    let mut federation = Federation::pair();
    let file = federation.write("a.json", &report("宁波市城管局", "330200", 2024, 3).to_string());
    let digest = federation.nodes[1].publish(&file);
    federation.nodes[1].run(&["withdraw", &digest, "--reason", "重复"]).expect_exit(0);
    let other = federation.write("b.json", &report("杭州市城管局", "330100", 2024, 3).to_string());
    federation.nodes[1].run(&["publish", other.to_str().expect("a plain path")]).expect_exit(6);
    federation.nodes[1].stop();
    let third = federation.write("c.json", &report("宁波市交通局", "330200", 2024, 3).to_string());
    federation.nodes[1].publish(&third);
    let city = &federation.nodes[1];
    let shown = city.run(&["audit", "show"]).expect_exit(0).json();
    let lines = shown["lines"].as_array().expect("lines");
    let acts: Vec<(&str, &str)> = lines
        .iter()
        .map(|line| (line["what"].as_str().expect("what"), line["result"].as_str().expect("result")))
        .collect();
    assert_eq!(
        acts.iter().map(|(what, _)| *what).collect::<Vec<_>>(),
        ["join", "publish", "withdraw", "publish", "publish"]
    );
    assert!(acts[1].1.contains(&digest) && acts[2].1 == "done", "{acts:?}");
    assert_eq!(acts[3].1, "foreign_division");
    for line in lines {
        assert_eq!(line["from"], "command line");
        assert!(!line["who"].as_str().expect("who").is_empty());
    }
    let invited = federation.nodes[0].run(&["audit", "show", "--what", "invite"]).expect_exit(0).json();
    assert!(invited["lines"][0]["about"].as_str().expect("about").contains("330200"), "{invited}");
    let whole = city.run(&["audit", "verify"]).expect_exit(0).json();
    assert_eq!(whole["lines"], 5);
    let exported = federation.dir.path().join("audit.jsonl");
    city.run(&["audit", "export", "-o", exported.to_str().expect("a plain path")]).expect_exit(0);
    let text = std::fs::read_to_string(&exported).expect("a file");
    assert_eq!(text.lines().count(), 5);
    let kept = std::fs::read_dir(city.data.join("audit")).expect("a directory").next().expect("a month");
    let kept = kept.expect("an entry").path();
    std::fs::write(&kept, text.replace("重复", "更正")).expect("a file");
    assert_eq!(city.run(&["audit", "verify"]).expect_exit(4).json()["code"], "audit_broken");
}
