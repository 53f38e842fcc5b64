//! `gongshi verify URL`: asks another portal what it shows, and its tiles where its tree is the larger one.

use super::args::Global;
use super::link::ask;
use super::{UNREACHABLE, runtime};
use crate::digest::Digest;
use crate::log::checkpoint::Checkpoint;
use crate::log::note::Note;
use crate::log::tile::{TileId, TileKind, TilePath, TileSubtrees};
use crate::log::tree;
use crate::ops::query::{Query, Shown};
use crate::ops::service::{Failure, Request};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::cell::RefCell;
use std::time::Duration;

/// Longest answer taken, in bytes: a checkpoint with the cosignatures of a province, or a tile of 8 KiB.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// Longest wait for one answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// True for what is asked of a portal, not read from a file.
pub(super) fn is_url(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://")
}

/// The document of the comparison.
pub(super) fn compare(global: &Global, url: &str) -> Result<Value, Failure> {
    let portal = Portal::new(url)?;
    let bytes = portal.fetch("/checkpoint")?;
    let note = String::from_utf8_lossy(&bytes).into_owned();
    let mut shown = Shown { note, ours_there: None };
    let first = ask(global, Request::Query(Query::Compare(shown.clone())))?;
    let Some(ours) = first["larger"].as_u64() else { return Ok(first) };
    shown.ours_there = Some(portal.tree_at(&shown.note, ours)?);
    ask(global, Request::Query(Query::Compare(shown)))
}

/// Another node's portal.
struct Portal {
    address: String,
    host: String,
    base: String,
    runtime: tokio::runtime::Runtime,
}

impl Portal {
    fn new(url: &str) -> Result<Self, Failure> {
        let Some(rest) = url.strip_prefix("http://") else {
            let message = "只支持 http:// 地址；https 站点请先下载其 /checkpoint / only http:// is spoken: for https, \
                           point at the node's own portal behind the proxy";
            return Err(Failure::new(2, "https_url", message));
        };
        let (host, base) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let address = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
        let base = base.trim_end_matches('/').to_owned();
        Ok(Self { address, host: host.to_owned(), base, runtime: runtime()? })
    }

    /// What its tree was at `size` leaves, and the proof from there to its checkpoint.
    fn tree_at(&self, note: &str, size: u64) -> Result<(Digest, Vec<Digest>), Failure> {
        let unreadable = || self.failure("/checkpoint", "not a checkpoint");
        let note = Note::parse(note).map_err(|_| unreadable())?;
        let checkpoint = Checkpoint::parse(&note.text).map_err(|_| unreadable())?;
        let failed: RefCell<Option<Failure>> = RefCell::new(None);
        let tile = |id: TileId| {
            let at_level = checkpoint.size.checked_shr(8 * u32::from(id.level)).unwrap_or(0);
            let width = at_level.saturating_sub(id.index.saturating_mul(256)).min(256);
            let partial = u16::try_from(width).ok().filter(|width| *width < 256);
            let path = TilePath { kind: TileKind::Hash(id.level), index: id.index, width: partial };
            self.fetch(&format!("/tile/{path}"))
                .map_err(|failure| failed.borrow_mut().get_or_insert(failure).exit)
                .ok()
        };
        let subtrees = TileSubtrees::new(tile);
        let root = tree::root_at(&subtrees, size);
        let proof = tree::consistency_proof(&subtrees, size, checkpoint.size);
        match (root, proof) {
            (Ok(root), Ok(proof)) => Ok((root, proof)),
            (Err(error), _) | (_, Err(error)) => {
                let failure = failed.borrow_mut().take();
                Err(failure.unwrap_or_else(|| self.failure("/tile", &error.to_string())))
            }
        }
    }

    fn failure(&self, path: &str, why: &str) -> Failure {
        let message =
            format!("http://{}{}{path}: 无法取得：{why} / cannot be fetched: {why}", self.host, self.base);
        Failure::new(UNREACHABLE, "portal_unreachable", message)
    }

    #[allow(clippy::disallowed_methods, reason = "an edge: how long a portal is waited for")]
    fn fetch(&self, path: &str) -> Result<Vec<u8>, Failure> {
        let asked = async { tokio::time::timeout(ANSWER_WITHIN, self.ask(path)).await };
        match self.runtime.block_on(asked) {
            Ok(Ok(bytes)) => Ok(bytes),
            Ok(Err(why)) => Err(self.failure(path, &why)),
            Err(_) => Err(self.failure(path, "no answer in 10 s")),
        }
    }

    #[allow(clippy::disallowed_methods, reason = "an edge: the connection of one request")]
    async fn ask(&self, path: &str) -> Result<Vec<u8>, String> {
        let words = |error: &dyn std::fmt::Display| error.to_string();
        let stream = tokio::net::TcpStream::connect(&self.address).await.map_err(|e| words(&e))?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|e| words(&e))?;
        let task = tokio::spawn(connection);
        let request = hyper::Request::get(format!("{}{path}", self.base))
            .header("host", &self.host)
            .body(Empty::<Bytes>::new())
            .map_err(|e| words(&e))?;
        let answer = sender.send_request(request).await.map_err(|e| words(&e))?;
        if !answer.status().is_success() {
            return Err(answer.status().to_string());
        }
        let body =
            Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await.map_err(|e| words(&e))?;
        task.abort();
        Ok(body.to_bytes().to_vec())
    }
}
