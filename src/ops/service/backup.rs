//! What is to be backed up, at one moment between two turns.

use super::{Failure, Reply};
use crate::ops::backup::{Inventory, Standing};
use crate::ops::data_dir::DataDir;
use crate::store::{StoreError, layout};
use crate::sync::{Node, Turn};
use std::fs;
use std::io;
use std::path::Path;

/// The files of the record and their lengths: what earlier turns made durable, since this one has written nothing yet.
pub(super) fn inventory(node: &Node, turn: &Turn<'_>, data: &DataDir) -> Result<Reply, StoreError> {
    let files = match files(data.path()) {
        Ok(files) => files,
        Err(error) => {
            return Ok(Reply::Failure(Failure::new(
                1,
                "file",
                format!("{}：{error}", data.path().display()),
            )));
        }
    };
    let erasures = turn.get(layout::ERASURES)?.and_then(|count| count.try_into().ok());
    let identity = node.identity();
    let standing = Standing {
        code: identity.division.to_string(),
        name: identity.name.clone(),
        federation: node.federation(),
        key: *node.own_key(),
        created_at: turn.now.wall,
        root_log: node.root_log().0,
        own_log: node.own_size(),
        erasures: erasures.map_or(0, u64::from_be_bytes),
    };
    Ok(Reply::Inventory(Box::new(Inventory { standing, files })))
}

fn files(data: &Path) -> io::Result<Vec<(String, u64)>> {
    let mut files = Vec::new();
    for stream in ["record/facts", "record/bodies"] {
        for entry in fs::read_dir(data.join(stream))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.ends_with(".seg") {
                files.push((format!("{stream}/{name}"), entry.metadata()?.len()));
            }
        }
    }
    let config = crate::config::FILE_NAME;
    if let Ok(found) = fs::metadata(data.join(config)) {
        files.push((config.to_owned(), found.len()));
    }
    files.sort();
    Ok(files)
}
