//! Promoting: a mirror's backup becomes the directory of the root, whose machine is lost.

use super::restore::{lay_beside, made, manifest_of, stop};
use crate::ops::bundle::file_failure;
use crate::ops::data_dir::DataDir;
use crate::ops::heal::Sink;
use crate::ops::service::Failure;
use crate::record::{FileRecord, RecordError, Stream, inspect, sync_dir};
use crate::statement::Entry;
use crate::sync::promote::{Promotion, Standby, root_by};
use crate::sync::salvage::Salvaged;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

/// What the backup in `from` says of the root.
pub(in crate::ops) fn standby(from: &Path) -> Result<Standby, Failure> {
    let manifest = manifest_of(from)?;
    let mut standby = Standby::default();
    let record = from.join(manifest.generation.to_string()).join("record");
    let found = inspect(&record, &mut |sound| {
        if sound.stream == Stream::Facts {
            standby.take(&sound.frame);
        }
        ControlFlow::Continue(())
    });
    let sound = found.map_err(|error| unreadable(&record, error))?.damages.is_empty();
    if sound && standby.root().is_some() { Ok(standby) } else { Err(super::damaged(&record)) }
}

/// Gives `data`, which has the keys that `grant` names, the root's record, made of the mirror's in the backup.
pub(in crate::ops) fn promote(from: &Path, data: &DataDir, grant: Entry) -> Result<Salvaged, Failure> {
    let standby = standby(from)?;
    let keys =
        (data.key("keys/signing.pem", false)?.public(), data.key("keys/transport.pem", false)?.public());
    let root = standby.root().and_then(|(anchor, _)| root_by(&grant, anchor, keys.0, keys.1));
    let root = root.ok_or_else(|| {
        let message = "不是本联邦锚密钥对此目录中密钥的授权，未建立任何内容；请在生成请求的目录执行 / it is not the anchor's delegation of the keys in this directory; nothing was made: do it where the request was made";
        Failure::new(4, "not_our_anchor", message)
    })?;
    if grant.statement.index() != standby.next_index() {
        let message = "备份中锚日志的长度与授权不符；请用生成请求时的同一份备份，或重新生成请求 / the anchor's log in the backup does not end where the delegation begins: use the backup that the request was made of, or make a new request";
        return Err(Failure::new(6, "anchor_not_next", message));
    }
    let (place, manifest) = (data.path(), manifest_of(from)?);
    let part = lay_beside(from, &manifest, place)?;
    let new = part.join("promoted");
    let record = part.join("record");
    let filled = || -> Result<Salvaged, RecordError> {
        let mut fresh = FileRecord::create(&new)?;
        let mut sink = Sink::new(&mut fresh);
        let mut promotion = None;
        sink.take(true, |out| promotion = Some(Promotion::new(root, grant, out)));
        inspect(&record, &mut |sound| {
            if let Some(promotion) = &mut promotion {
                sink.take(sound.stream == Stream::Facts, |out| {
                    promotion.take(sound.stream, &sound.frame, out);
                });
            }
            ControlFlow::Continue(())
        })?;
        let mut salvaged = Salvaged::default();
        if let Some(promotion) = promotion {
            sink.take(true, |out| salvaged = promotion.finish(out));
        }
        sink.finish().map(|()| salvaged)
    };
    let salvaged = filled().map_err(|error| unreadable(&new, error)).inspect_err(|_| stop(&part))?;
    fs::rename(&new, place.join("record"))
        .and_then(|()| sync_dir(place))
        .map_err(|error| made(place, error))?;
    stop(&part);
    Ok(salvaged)
}

fn unreadable(path: &Path, error: RecordError) -> Failure {
    match error {
        RecordError::Io(error) => file_failure(path, &error),
        _ => super::damaged(path),
    }
}
