//! Damage that is met while a node serves: its process stays, nothing wrong is shown, and all of it comes back.

use crate::attachments::{address, files, noise, publish};
use crate::damage::{listed, verify};
use crate::federation::{Federation, Node};
use crate::http;
use crate::program::wait_until;
use crate::reports::report;
use serde_json::Value;
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Chinese text of so many characters that hardly compresses.
fn prose(characters: usize) -> String {
    let letter =
        |pair: &[u8]| char::from_u32(0x4e00 + u32::from(u16::from_le_bytes([pair[0], pair[1]])) % 0x5000);
    noise(11, 2 * characters).chunks(2).filter_map(letter).collect()
}

/// Turns a bit over in every so many bytes of a file that may be in use.
fn rot(path: &Path, places: impl Iterator<Item = u64>) {
    let file = OpenOptions::new().read(true).write(true).open(path).expect("a file");
    for at in places {
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).expect("read");
        file.write_all_at(&[byte[0] ^ 0x10], at).expect("written");
    }
}

fn set_aside(node: &Node) -> String {
    node.run(&["doctor"]).json().to_string()
}

#[test]
fn fault_08_an_index_that_rots_under_a_serving_node_shows_nothing_wrong_and_is_built_again() {
    let mut federation = Federation::pair();
    let mut made = report("某局", "330200", 2023, 3);
    made["narrative"] = Value::String(prose(30_000));
    let long = federation.nodes[1].publish(&federation.write("long.json", &made.to_string()));
    let content = noise(12, 3 << 20);
    let file = federation.write("with.json", &report("附件局", "330200", 2024, 3).to_string());
    let attachment = federation.dir.path().join("台账.xlsx");
    std::fs::write(&attachment, &content).expect("a file");
    let ended = publish(&federation.nodes[1], &file, &attachment).expect_exit(0);
    let attached = ended.json()["published"][0]["digest"].as_str().expect("a digest").to_owned();
    federation.wait_for(&[long.clone(), attached.clone()], 20);
    let agreed = federation.wait_agreement(20);
    let node = &mut federation.nodes[1];
    let (document, bytes) = (format!("/api/v1/packages/{long}"), address(node, &attached));
    let (whole, right, pid) = (listed(node), node.api(&document), node.pid());
    assert_eq!(node.get(&bytes).body, content);
    let index = node.data.join("index/long");
    let size = std::fs::metadata(&index).expect("long values").len();
    assert!(size > 3 << 20, "{size}");
    rot(&index, (1_000..size).step_by(4_096));
    // Whoever looks meets it; until all is well again there is the right answer or none.
    let mut none = 0;
    wait_until("everything is back", 60, || {
        let answers = [http::try_get(&node.portal, &document), http::try_get(&node.portal, &bytes)];
        let [Ok(page), Ok(file)] = answers else {
            none += 1;
            return None;
        };
        for (answer, is_right) in [
            (&page, page.status == 200 && page.json() == right),
            (&file, file.status == 200 && file.body == content),
        ] {
            none += u32::from(!is_right);
            assert!(
                is_right || matches!(answer.status, 404 | 503),
                "{}: {:?}",
                answer.status,
                answer.headers
            );
        }
        (page.status == 200 && file.status == 200).then_some(())
    });
    println!("{none} answers were none");
    assert!(none > 0 && node.log().contains("damage was met"), "it was met: {}", node.log());
    assert_eq!(node.pid(), pid);
    assert!(
        node.process.as_mut().expect("running").0.try_wait().expect("waited").is_none(),
        "the same process"
    );
    assert!(set_aside(node).contains("index.damaged-"));
    assert_eq!(listed(node), whole);
    verify(node).expect_exit(0);
    assert_eq!(federation.wait_agreement(20), agreed);
    let after = federation.write("after.json", &report("愈后局", "330200", 2024, 1).to_string());
    let digest = federation.nodes[1].publish(&after);
    federation.wait_for(&[digest], 20);
}

#[test]
fn fault_08_bodies_too_many_to_be_read_at_the_start_are_read_while_the_node_serves() {
    let mut federation = Federation::province();
    // More than a segment: the last one is looked at whenever a record is opened.
    let content = noise(13, 66 << 20);
    let (file, attachment) = files(&federation, "附件局", "台账.xlsx", &content);
    let ended = publish(&federation.nodes[0], &file, &attachment).expect_exit(0);
    let digest = ended.json()["published"][0]["digest"].as_str().expect("a digest").to_owned();
    let node = &mut federation.nodes[0];
    node.stop();
    let config = node.data.join("gongshi.toml");
    let text = std::fs::read_to_string(&config).expect("a configuration");
    let set = text.replace("check_at_start_mib = 256", "check_at_start_mib = 0");
    assert_ne!(set, text);
    std::fs::write(&config, set).expect("written");
    rot(&node.data.join("record/bodies/00000000000000000000.seg"), [1 << 20, 3 << 20].into_iter());
    node.serve();
    let pid = node.pid();
    wait_until("the damage is met and healed", 60, || {
        set_aside(node).contains("record.damaged-").then_some(())
    });
    let bytes = address(node, &digest);
    wait_until("the attachment is whole", 60, || {
        let answer = http::try_get(&node.portal, &bytes).ok().filter(|answer| answer.status == 200)?;
        assert!(answer.body == content, "the right bytes or none");
        Some(())
    });
    assert_eq!(node.pid(), pid);
    assert!(
        node.process.as_mut().expect("running").0.try_wait().expect("waited").is_none(),
        "the same process"
    );
    verify(node).expect_exit(0);
    node.stop();
}
