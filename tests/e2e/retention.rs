//! How long reports stay public: what is due is listed, and goes only when somebody says so.

use crate::federation::Federation;
use crate::program::wait_until;
use crate::reports::report;

/// So many years from now, in the middle of the year.
fn in_years(years: u64) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock");
    format!("{}-06-30T00:00:00Z", 1970 + now.as_secs() / 31_556_952 + years)
}

#[test]
fn what_is_due_is_listed_by_rule_and_withdrawn_only_when_asked() {
    let federation = Federation::pair();
    let city = &federation.nodes[1];
    let general = federation.write("a.json", &report("市司法局", "330200", 2019, 1).to_string());
    let mut named = report("市民政局", "330200", 2019, 1);
    named["narrative"] = "合成示例：联系人电话 13800138000。".into();
    let named = federation.write("b.json", &named.to_string());
    let general = city.publish(&general);
    let named = city.publish(&named);
    federation.wait_for(&[general.clone(), named.clone()], 10);
    let due = |words: &[&str]| {
        let ended = city.run(&[&["retention", "list"], words].concat());
        let document = ended.json();
        let due = document["packages"].as_array().expect("a list").iter().filter(|line| line["due"] == true);
        let digests: Vec<String> =
            due.map(|line| line["digest"].as_str().expect("a digest").to_owned()).collect();
        assert_eq!(ended.exit, if digests.is_empty() { 0 } else { 3 }, "{ended:#?}");
        digests
    };
    assert!(due(&[]).is_empty(), "today nothing is");
    assert_eq!(due(&["--on", &in_years(3)]), std::slice::from_ref(&named), "two years for natural persons");
    assert_eq!(due(&["--on", &in_years(6)]).len(), 2, "five for the rest");
    assert!(due(&["--on", &in_years(6), "--years", "9", "--person-years", "9"]).is_empty());
    // Another node's reports are its own to decide on.
    let other = federation.nodes[0].run(&["retention", "list", "--on", &in_years(9)]).expect_exit(0).json();
    assert_eq!(other["due"], 0);
    // Nothing goes by itself, by a date of the future, or by a rehearsal.
    city.run(&["retention", "withdraw", "--due", "--dry-run"]).expect_exit(0);
    city.run(&["retention", "withdraw", "--due", "--on", &in_years(6)]).expect_exit(2);
    city.run(&["retention", "withdraw"]).expect_exit(2);
    let nothing = city.run(&["retention", "withdraw", "--due"]).expect_exit(0).json();
    assert_eq!(nothing["due"], 0);
    assert!(city.has(&general) && city.has(&named));
}

#[test]
fn what_is_withdrawn_after_its_time_is_gone_everywhere_and_every_proof_still_verifies() {
    let federation = Federation::pair();
    let city = &federation.nodes[1];
    let file = federation.write("a.json", &report("市司法局", "330200", 2019, 1).to_string());
    let digest = city.publish(&file);
    federation.wait_for(std::slice::from_ref(&digest), 10);
    // The clock of a test cannot be moved by years: the command is the one that --due runs for each of them.
    let words = ["withdraw", &digest, "--erase", "--reason", "公示期满", "--wait", "sequenced"];
    city.run(&words).expect_exit(0);
    for node in &federation.nodes {
        wait_until("it is gone", 10, || {
            (node.get(&format!("/api/v1/packages/{digest}")).status == 410).then_some(())
        });
        node.run(&["verify", "--all"]).expect_exit(0);
        assert_eq!(node.get(&format!("/api/v1/packages/{digest}/proof")).status, 200);
    }
    let list = city.run(&["retention", "list", "--on", &in_years(9)]).expect_exit(0).json();
    assert_eq!(list["due"], 0, "what is gone is not due");
}
