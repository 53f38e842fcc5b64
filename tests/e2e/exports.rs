//! The portal as static files: every file is what the server answers.

use crate::federation::Federation;
use crate::reports::published_file;
use std::fs;

/// A text without its digits: what tells the age of something differs from one moment to the next.
fn without_digits(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let units = ["秒", "分钟", "小时", " s ", " min "];
    let text = units.iter().fold(text.into_owned(), |text, unit| text.replace(unit, ""));
    text.chars().filter(|c| !c.is_ascii_digit()).collect()
}

#[test]
fn every_exported_file_is_what_the_server_answers() {
    let federation = Federation::province();
    let node = &federation.nodes[0];
    let digest = node.publish(&published_file("zj-xinchang-zhzf-2022.json"));
    federation.wait_for(std::slice::from_ref(&digest), 10);
    let dir = federation.write("marker", "").with_file_name("site");
    let ended = node.run(&["portal", "export", dir.to_str().unwrap(), "--no-large"]).expect_exit(0);
    let document = ended.json();
    assert_eq!(document["schema"], "gongshi.export/1");
    let files = document["files"].as_array().unwrap();
    assert!(files.len() > 60, "{} files", files.len());
    for own in files {
        let (url, file) = (own["url"].as_str().unwrap(), own["file"].as_str().unwrap());
        let written = fs::read(dir.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        let answer = node.get(url);
        assert_eq!(answer.status, 200, "{url}");
        // The checkpoint is cosigned anew from time to time, and pages say how old it is.
        let is_cosigned = url.ends_with("/checkpoint") || url.ends_with("/proof");
        // A workbook carries the time at which it was made.
        if written != answer.body && !is_cosigned && !url.ends_with(".xlsx") {
            assert_eq!(without_digits(&written), without_digits(&answer.body), "{url}");
        }
    }
    let has = |url: &str| files.iter().any(|own| own["url"] == url);
    for url in [
        "/",
        "/en/",
        "/330624/2022",
        "/330624/2022.csv",
        "/openapi.json",
        "/checkpoint",
        "/tile/entries/000.p/16",
    ] {
        let partial = url.starts_with("/tile/");
        assert!(
            has(url)
                || partial
                    && files.iter().any(|own| own["url"].as_str().unwrap().starts_with("/tile/entries/")),
            "{url}"
        );
    }
    let page = format!("p/{digest}/index.html");
    assert!(fs::read_to_string(dir.join(page)).unwrap().contains("新昌"));
    // A second export into what is there is refused, and nothing is lost.
    node.run(&["portal", "export", dir.to_str().unwrap()]).expect_exit(6);
}
