//! Files of strangers are read in a process of their own, which bounds itself before it reads a byte.

use crate::program::{Process, command, finish, run, wait_until};
use crate::reports::published_file;
use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// Most that the parent may hold more than for an honest file: the file and the answer.
const GROWTH_KIB_MAX: u64 = 16 * 1024;

const HEAD: &str =
    r#"<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>"#;

/// A workbook whose one sheet holds these rows.
fn workbook(path: &Path, rows: impl IntoIterator<Item = Vec<u8>>) {
    let mut zip = ZipWriter::new(std::fs::File::create(path).expect("a file"));
    let kind = "http://schemas.openxmlformats.org";
    let mut put = |name: &str, text: &str| {
        zip.start_file(name, SimpleFileOptions::default()).expect("an entry");
        zip.write_all(text.as_bytes()).expect("content");
    };
    put(
        "[Content_Types].xml",
        &format!(
            r#"<Types xmlns="{kind}/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/></Types>"#
        ),
    );
    let rels = |target: &str, what: &str| {
        format!(
            r#"<Relationships xmlns="{kind}/package/2006/relationships"><Relationship Id="rId1" Type="{kind}/officeDocument/2006/relationships/{what}" Target="{target}"/></Relationships>"#
        )
    };
    put("_rels/.rels", &rels("xl/workbook.xml", "officeDocument"));
    put("xl/_rels/workbook.xml.rels", &rels("worksheets/sheet1.xml", "worksheet"));
    put(
        "xl/workbook.xml",
        &format!(
            r#"<workbook xmlns="{kind}/spreadsheetml/2006/main" xmlns:r="{kind}/officeDocument/2006/relationships"><sheets><sheet name="表" sheetId="1" r:id="rId1"/></sheets></workbook>"#
        ),
    );
    put("xl/worksheets/sheet1.xml", HEAD);
    for row in rows {
        zip.write_all(&row).expect("rows");
    }
    zip.write_all(b"</sheetData></worksheet>").expect("the end");
    zip.finish().expect("an archive");
}

/// Reads a file apart; the codes of its findings, and the most that the parent ever held in KiB.
fn read_apart(path: &Path) -> (i32, Vec<String>, u64) {
    let mut command = command();
    command
        .args(["check", "--apart", "--json", "--division", "330282108", "--data", "/nonexistent"])
        .arg(path);
    let mut process = Process(command.stdout(Stdio::piped()).spawn().expect("the program starts"));
    let mut most = 0;
    let status = wait_until("the file is read", 60, || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap_or_default();
        let held = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        most =
            held.and_then(|held| held.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(most).max(most);
        process.0.try_wait().expect("wait")
    });
    let document: Value = serde_json::from_reader(process.0.stdout.take().expect("stdout")).expect("JSON");
    let findings = document["checked"][0]["findings"].as_array().expect("findings").clone();
    let code = |finding: &Value| finding["code"].as_str().expect("a code").to_owned();
    (status.code().unwrap_or(-1), findings.iter().map(code).collect(), most)
}

#[test]
fn attack_39_what_a_bomb_unpacks_to_costs_the_reader_nothing() {
    let dir = TempDir::new().expect("a directory");
    let honest = published_file("zj-qingyuan-county-2024.json");
    let (exit, codes, base) = read_apart(&honest);
    assert_eq!(exit, 0, "{codes:?}");
    let bomb: PathBuf = dir.path().join("bomb.xlsx");
    let spaces = vec![b' '; 1 << 20];
    workbook(&bomb, (0..70).map(|_| spaces.clone()));
    let (exit, codes, held) = read_apart(&bomb);
    assert_eq!((exit, codes), (5, vec!["workbook_too_large".to_owned()]));
    assert!(held < base + GROWTH_KIB_MAX, "{held} KiB, {base} KiB for an honest file");
    // Within every limit of the walk, and 27 MB once it is unpacked.
    let heavy = dir.path().join("heavy.xlsx");
    let mut seed = 7_u64;
    let rows = (1..=26_000).map(|row| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let word = format!("{seed:020}").repeat(50);
        format!(r#"<row r="{row}"><c r="A{row}" t="inlineStr"><is><t>{word}</t></is></c></row>"#).into_bytes()
    });
    workbook(&heavy, rows);
    let (exit, codes, held) = read_apart(&heavy);
    assert_eq!(exit, 5);
    assert!(codes.iter().any(|code| code == "reading_stopped" || code == "empty_report"), "{codes:?}");
    assert!(held < base + GROWTH_KIB_MAX, "{held} KiB, {base} KiB for an honest file");
}

#[test]
fn attack_39_the_child_is_bounded_before_it_reads() {
    let mut command = command();
    command.arg("read-apart").stdin(Stdio::piped()).stdout(Stdio::piped());
    let process = Process(command.spawn().expect("the program starts"));
    wait_until("the limits are set", 10, || {
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", process.id())).ok()?;
        let hard = |name: &str| {
            let line = limits.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().nth(1)?.parse::<u64>().ok()
        };
        let bounded = hard("Max address space")? <= 1 << 30
            && hard("Max cpu time")? <= 10
            && hard("Max open files")? == 3
            && hard("Max file size")? == 0;
        bounded.then_some(())
    });
}

#[test]
fn a_file_read_apart_is_found_the_same_as_one_read_here() {
    for name in ["zj-qingyuan-county-2024.json", "tj-baodi-district-2024.json"] {
        let path = published_file(name);
        let path = path.to_str().expect("a path");
        let here = run(["check", path, "--json", "--data", "/nonexistent"]);
        let apart = run(["check", "--apart", path, "--json", "--data", "/nonexistent"]);
        assert_eq!((here.exit, here.json()), (apart.exit, apart.json()), "{name}");
    }
    let mut nonsense = command();
    nonsense.arg("read-apart").env("LANG", "C");
    assert_eq!(finish(nonsense, Duration::from_secs(20)).exit, 1, "it is no command for people");
}
