//! Syncthing: two of it on loopback that share a folder, one side full, one empty.

use super::Running;
use crate::bed::{free_address, until};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// How long until the empty side has all files, from starting both: scanned, and sent. None when there is no Syncthing.
pub(crate) fn sync(folder: &Path, dir: &Path) -> Option<Duration> {
    let names = ["syncthing-a", "syncthing-b"];
    let sides: Vec<Side> = names.iter().filter_map(|name| Side::new(dir, name)).collect();
    let [full, empty] = sides.as_slice() else { return None };
    for entry in std::fs::read_dir(folder).ok()?.flatten() {
        std::fs::copy(entry.path(), full.home.join("folder").join(entry.file_name())).ok()?;
    }
    let wanted = full.files();
    for side in &sides {
        std::fs::write(side.home.join("config.xml"), config(side, [full, empty])).ok()?;
    }
    let _running: Vec<Running> = sides.iter().filter_map(Side::run).collect();
    Some(until("Syncthing", || empty.files() == wanted))
}

/// One of the two.
struct Side {
    home: std::path::PathBuf,
    address: String,
    id: String,
}

impl Side {
    fn new(dir: &Path, name: &str) -> Option<Self> {
        let home = dir.join(name);
        std::fs::create_dir_all(home.join("folder").join(".stfolder")).ok()?;
        let quiet = |command: &mut Command| command.stdout(Stdio::null()).stderr(Stdio::null()).status().ok();
        quiet(Command::new("syncthing").arg("generate").arg("--home").arg(&home))?;
        // The word for it changed with version 2.
        let id = [&["device-id"][..], &["--device-id"]].into_iter().find_map(|words| {
            let said = Command::new("syncthing").arg("--home").arg(&home).args(words).output().ok()?;
            let id = String::from_utf8(said.stdout).ok()?.trim().to_owned();
            (id.len() == 63).then_some(id)
        })?;
        Some(Self { home, address: free_address(), id })
    }

    fn run(&self) -> Option<Running> {
        let mut command = Command::new("syncthing");
        command.args(["serve", "--no-browser", "--no-restart", "--no-upgrade", "--home"]).arg(&self.home);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().ok().map(Running)
    }

    /// Files that are wholly there.
    fn files(&self) -> usize {
        let names = std::fs::read_dir(self.home.join("folder")).into_iter().flatten().flatten();
        names.filter(|entry| !entry.file_name().to_string_lossy().starts_with('.')).count()
    }
}

/// Nothing but the two: no discovery, no relays, no reports, no pages.
fn config(own: &Side, sides: [&Side; 2]) -> String {
    let devices = sides.map(|side| format!("<device id=\"{}\"></device>", side.id)).concat();
    let known = sides.map(|side| {
        let (id, address) = (&side.id, &side.address);
        format!("<device id=\"{id}\" compression=\"metadata\"><address>tcp://{address}</address></device>")
    });
    let off =
        ["globalAnnounceEnabled", "localAnnounceEnabled", "relaysEnabled", "natEnabled", "startBrowser"];
    let off = off.map(|option| format!("<{option}>false</{option}>")).concat();
    format!(
        "<configuration version=\"35\"><folder id=\"bulk\" path=\"{}\" type=\"sendreceive\" \
         rescanIntervalS=\"3600\" fsWatcherEnabled=\"false\">{devices}</folder>{}<gui enabled=\"false\"></gui>\
         <options><listenAddress>tcp://{}</listenAddress>{off}<urAccepted>-1</urAccepted>\
         <crashReportingEnabled>false</crashReportingEnabled></options></configuration>",
        own.home.join("folder").display(),
        known.concat(),
        own.address,
    )
}
