//! What is refused, with which exit code, and that nothing was signed.

use crate::federation::{Federation, Node};
use crate::program::Ended;
use crate::reports::{broken_report, report};
use serde_json::{Value, json};
use std::path::Path;

const AGENCY: &str = "宁波市示范执法局";

fn publish(node: &Node, path: &Path) -> Ended {
    node.run(&["publish", path.to_str().expect("a path")])
}

/// The findings of the only refused file; nothing was published.
fn only_refused(document: &Value) -> &Vec<Value> {
    assert_eq!(document["schema"], "gongshi.publish/1");
    assert_eq!(document["published"], json!([]), "{document}");
    let refused = document["refused"].as_array().expect("a list");
    assert_eq!(refused.len(), 1, "{document}");
    let findings = refused[0]["findings"].as_array().expect("findings");
    for finding in findings {
        for field in ["code", "table", "column", "message"] {
            assert!(finding[field].is_string(), "{field} of {finding}");
        }
        let grade = finding["grade"].as_str().expect("a grade");
        assert!(["must_fix", "confirm", "hint"].contains(&grade), "{finding}");
    }
    assert!(findings.iter().any(|finding| finding["grade"] == "must_fix"), "{document}");
    findings
}

fn log_size(node: &Node) -> u64 {
    node.status()["log"]["size"].as_u64().expect("a size")
}

#[test]
fn a_foreign_division_is_refused_with_exit_6_and_nothing_is_signed() {
    let federation = Federation::pair();
    let city = &federation.nodes[1];
    let before = log_size(city);
    for division in ["330282", "330000", "330100-xihu", "440100"] {
        let file = federation.write("foreign.json", &report(AGENCY, division, 2024, 1).to_string());
        let document = publish(city, &file).expect_exit(6).json();
        only_refused(&document);
        assert_eq!(document["refused"][0]["file"], file.to_str().expect("a path"));
    }
    let file = federation.write("own.json", &report(AGENCY, "330200", 2024, 1).to_string());
    let words = ["publish", file.to_str().expect("a path"), "--division", "330282"];
    only_refused(&city.run(&words).expect_exit(6).json());
    assert_eq!(log_size(city), before);
}

#[test]
fn the_same_again_changes_nothing_and_other_content_wants_a_correction() {
    let federation = Federation::pair();
    let city = &federation.nodes[1];
    let file = federation.write("a.json", &report(AGENCY, "330200", 2024, 1).to_string());
    let first = publish(city, &file).expect_exit(0).json();
    assert_eq!(first["published"][0]["revision"], 1);
    let size = log_size(city);
    let again = publish(city, &file).expect_exit(0).json();
    assert_eq!(again["published"], first["published"]);
    assert_eq!(log_size(city), size);
    let other = federation.write("b.json", &report(AGENCY, "330200", 2024, 2).to_string());
    let refused = publish(city, &other).expect_exit(6);
    let document = refused.json();
    let findings = only_refused(&document);
    assert!(
        findings.iter().any(|finding| finding["message"].as_str().unwrap_or_default().contains("correct"))
    );
    assert_eq!(log_size(city), size);
    // Once it is accepted as well, and at another agency or year it is no correction.
    federation.wait_for(&[first["published"][0]["digest"].as_str().expect("a digest").to_owned()], 10);
    publish(city, &other).expect_exit(6);
    assert_eq!(publish(city, &file).expect_exit(0).json()["published"], first["published"]);
    assert_eq!(log_size(city), size);
    let year = federation.write("c.json", &report(AGENCY, "330200", 2023, 2).to_string());
    publish(city, &year).expect_exit(0);
    assert_eq!(log_size(city), size + 1);
}

#[test]
fn a_broken_sum_is_refused_with_its_place_and_figures_and_published_as_printed_with_a_reason() {
    let federation = Federation::pair();
    let city = &federation.nodes[1];
    let mut broken = broken_report(AGENCY, "330200", 2024, 12);
    let file = federation.write("broken.json", &broken.to_string());
    for command in ["publish", "check"] {
        let document = city.run(&[command, file.to_str().expect("a path")]).expect_exit(5).json();
        let findings = only_refused(&document);
        let finding = findings.iter().find(|finding| finding["grade"] == "must_fix").expect("a finding");
        assert_eq!(finding["table"], "行政处罚实施情况统计表");
        assert_eq!(finding["column"], "合计（宗）");
        assert_eq!(finding["expected"], "42");
        assert_eq!(finding["found"], "43");
    }
    broken["as_printed"] = json!("原件如此");
    let file = federation.write("printed.json", &broken.to_string());
    let digest = city.publish(&file);
    federation.wait_for(std::slice::from_ref(&digest), 10);
    for node in &federation.nodes {
        let package = node.api(&format!("/api/v1/packages/{digest}"));
        assert_eq!(package["as_printed"], "原件如此", "the package says so: {package}");
        assert_eq!(package["tables"][0]["rows"][0][3]["printed"], "43");
        let page = node.get(&format!("/p/{digest}"));
        assert_eq!(page.status, 200);
        assert!(page.text().contains("原件如此"), "the page says so");
    }
}

#[test]
fn a_mixed_directory_publishes_the_good_lists_the_bad_and_exits_5() {
    let federation = Federation::pair();
    let city = &federation.nodes[1];
    let text = |report: Value| report.to_string();
    federation.write("mix/1-good.json", &text(report("甲局", "330200", 2024, 1)));
    federation.write("mix/2-broken.json", &text(broken_report("乙局", "330200", 2024, 1)));
    federation.write("mix/sub/3-good.json", &text(report("丙局", "330200", 2024, 1)));
    federation.write("mix/sub/4-foreign.json", &text(report("丁局", "330282", 2024, 1)));
    federation.write("mix/notes.txt", "not a report");
    let dir = federation.dir.path().join("mix");
    let check = city.run(&["check", dir.to_str().expect("a path")]).expect_exit(5).json();
    assert_eq!(check["published"], json!([]));
    assert_eq!(log_size(city), 0, "check signs nothing");
    let document = publish(city, &dir).expect_exit(5).json();
    let names = |list: &str| -> Vec<String> {
        let name = |row: &Value| {
            let file = Path::new(row["file"].as_str().expect("a file"));
            file.strip_prefix(&dir).expect("as found").display().to_string()
        };
        document[list].as_array().expect("a list").iter().map(name).collect()
    };
    assert_eq!(names("published"), ["1-good.json", "sub/3-good.json"]);
    assert_eq!(names("refused"), ["2-broken.json", "sub/4-foreign.json"]);
    assert_eq!(log_size(city), 2);
    std::fs::remove_file(dir.join("2-broken.json")).expect("removed");
    let document = publish(city, &dir).expect_exit(6).json();
    assert_eq!(document["published"].as_array().map(Vec::len), Some(2), "only an authority refusal is left");
}

#[test]
fn files_that_are_no_report_get_findings_never_a_panic() {
    let federation = Federation::pair();
    let city = &federation.nodes[1];
    let good = report(AGENCY, "330200", 2024, 1).to_string();
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let with = |key: &str, value: Value| {
        let mut report = report(AGENCY, "330200", 2024, 1);
        report[key] = value;
        report.to_string()
    };
    let files = [
        ("nothing", String::new()),
        ("syntax", good.replacen(':', "=", 1)),
        ("cut", good[..good.len() / 2].chars().collect()),
        ("trailing", format!("{good} x")),
        ("array", "[1, 2]".to_owned()),
        ("number", "7".to_owned()),
        ("deep", deep),
        ("exponent", good.replace("18.5", "1.85e1")),
        ("bool-cell", good.replace("18.5", "true")),
        ("object-cell", good.replace("18.5", "{}")),
        ("dash-cell", good.replace("[1,30", "[\"—\",30")),
        ("negative", good.replace("[1,30", "[-1,30")),
        ("year-word", with("year", json!("两千"))),
        ("year-old", with("year", json!(1948))),
        ("year-future", with("year", json!(2999))),
        ("tables-list", with("tables", json!([]))),
        ("agency-number", with("agency_name", json!(5))),
        ("agency-empty", with("agency_name", json!(""))),
        ("division-bad", with("division_code", json!("33"))),
        ("status-bad", with("status", json!("maybe"))),
        ("scope-bad", with("scope", json!("all"))),
    ];
    for (name, text) in files {
        let file = federation.write(&format!("{name}.json"), &text);
        for command in ["check", "publish"] {
            let ended = city.run(&[command, file.to_str().expect("a path")]);
            assert_eq!(ended.exit, 5, "{command} {name}: {ended:#?}");
            assert!(!ended.said().contains("panicked"), "{name}: {ended:#?}");
            only_refused(&ended.json());
        }
    }
    let file = federation.dir.path().join("latin.json");
    std::fs::write(&file, b"{\"agency_name\": \"\xff\xfe\"}").expect("a file");
    only_refused(&publish(city, &file).expect_exit(5).json());
    assert_eq!(log_size(city), 0);
}

#[test]
fn unknown_keys_are_hints_and_check_publishes_nothing() {
    let federation = Federation::pair();
    let city = &federation.nodes[1];
    let mut extra = report(AGENCY, "330200", 2024, 1);
    extra["colour"] = json!("red");
    extra["level"] = json!("whatever");
    extra["template"] = json!("2031");
    extra["division_name"] = json!("别处");
    let file = federation.write("extra.json", &extra.to_string());
    let document = city.run(&["check", file.to_str().expect("a path")]).expect_exit(0).json();
    assert_eq!(document["schema"], "gongshi.publish/1");
    assert_eq!((&document["published"], &document["refused"]), (&json!([]), &json!([])));
    assert_eq!(log_size(city), 0);
    let digest = city.publish(&file);
    federation.wait_for(&[digest], 10);
}

#[test]
fn wait_sequenced_returns_when_the_root_has_it() {
    let federation = Federation::chain();
    let file = federation.write("w.json", &report("附海镇人民政府", "330282108", 2024, 1).to_string());
    let digest = federation.nodes[3].publish_with(&file, &["--wait", "sequenced"]);
    assert!(federation.nodes[0].has(&digest), "the root has it at once");
}

/// Whatever opens `open`, a million times, and closes again.
fn nested(open: &str, close: &str) -> String {
    const LEVELS: usize = 1_000_000;
    format!("{}{}", open.repeat(LEVELS), close.repeat(LEVELS))
}

#[test]
fn attack_37_a_million_levels_are_refused_wherever_text_is_taken_apart() {
    let mut federation = Federation::pair();
    let city = &federation.nodes[1];
    let before = crate::load::usage(city.pid()).0;
    let files = [
        ("list.json", nested("[", "]")),
        ("object.json", nested("{\"a\":", "}")),
        ("open.json", "[".repeat(1_000_000)),
        ("tables.json", report(AGENCY, "330200", 2024, 1).to_string().replace("18.5", &nested("[", "]"))),
        ("table.toml", format!("id = \"a\"\nx = {}", nested("[", "]"))),
        ("inline.toml", format!("x = {}", nested("{a=", "}"))),
        ("keys.toml", format!("{} = 1", vec!["a"; 1_000_000].join("."))),
    ];
    for (name, text) in &files {
        let path = federation.write(name, text);
        let path = path.to_str().expect("a path");
        let commands: [&[&str]; 4] = match name.ends_with(".json") {
            true => [&["publish", path], &["check", path], &["roster", "import", path], &["verify", path]],
            false => {
                [&["template", "add", path], &["check", path], &["roster", "import", path], &["verify", path]]
            }
        };
        for words in commands {
            let ended = city.run(words);
            assert!((2..=10).contains(&ended.exit), "{words:?}: {}", ended.exit);
            assert!(!ended.said().contains("panicked") && ended.stdout.len() < 100_000, "{words:?}");
        }
    }
    let grown = crate::load::usage(city.pid()).0 - before;
    assert!(grown < 64.0, "{grown} MiB");
    assert_eq!(city.api("/api/v1/node")["log"]["size"], 0, "nothing was signed");
    let digest = city.publish(&federation.write("good.json", &report(AGENCY, "330200", 2024, 1).to_string()));
    federation.wait_for(&[digest], 20);
    // The configuration too, of which the process is made.
    federation.nodes[1].stop();
    let city = &federation.nodes[1];
    let path = city.data.join("gongshi.toml");
    let text = std::fs::read_to_string(&path).expect("a configuration");
    for (name, bomb) in &files[4..] {
        std::fs::write(&path, format!("{text}\n[x]\n{bomb}\n")).expect("written");
        let ended = city.run(&["serve"]);
        assert_eq!(ended.exit, 10, "{name}: {}", ended.stdout.len());
    }
    std::fs::write(&path, text).expect("written");
    federation.nodes[1].serve();
}
