//! The control socket: the command line talks to the running daemon. File permissions are the password.
//!
//! Frames are a u32 little-endian length and an encoded [`Request`] or [`Reply`]; answers come in the order of the
//! requests, so a client may send many before it reads.

use super::service::{Reply, Request};
use crate::wire;
use serde::{Serialize, de::DeserializeOwned};
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

/// Longest frame: a report at its longest, and room around it.
const FRAME_BYTES_MAX: usize = 16 << 20;
/// Requests a client has in flight: keeps the daemon's group commit busy, bounds what waits in memory.
const IN_FLIGHT_MAX: usize = 512;

/// Socket paths are limited to 108 bytes and data directories are not: the directory is opened and the socket is
/// named through it.
fn through(dir: &File, name: &str) -> String {
    format!("/proc/self/fd/{}/{name}", dir.as_raw_fd())
}

/// Listens in `dir`, in place of a stale socket. The caller holds the directory's lock.
pub(super) fn listen(dir: &Path, name: &str) -> io::Result<UnixListener> {
    let held = File::open(dir)?;
    match std::fs::remove_file(dir.join(name)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(through(&held, name))?;
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(dir.join(name), permissions)?;
    Ok(listener)
}

/// Connects to the daemon of `dir`; none when none listens.
pub(super) async fn connect(dir: &Path, name: &str) -> Option<UnixStream> {
    let held = File::open(dir).ok()?;
    UnixStream::connect(through(&held, name)).await.ok()
}

/// Writes one frame.
pub(super) async fn write<T: Serialize>(
    stream: &mut (impl AsyncWriteExt + Unpin),
    value: &T,
) -> io::Result<()> {
    let bytes = wire::encode(value);
    let length = u32::try_from(bytes.len()).map_err(|_| io::Error::other("frame too long"))?;
    stream.write_all(&length.to_le_bytes()).await?;
    stream.write_all(&bytes).await
}

/// Reads one frame; none at a clean end.
pub(super) async fn read<T: Serialize + DeserializeOwned>(
    stream: &mut (impl AsyncReadExt + Unpin),
) -> io::Result<Option<T>> {
    let mut length = [0; 4];
    match stream.read_exact(&mut length).await {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    };
    let length = u32::from_le_bytes(length) as usize;
    if length > FRAME_BYTES_MAX {
        return Err(io::Error::other("frame too long"));
    }
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await?;
    wire::decode(&bytes, FRAME_BYTES_MAX).map(Some).map_err(io::Error::other)
}

/// Sends one request and waits for its reply.
pub(super) async fn call(stream: &mut UnixStream, request: &Request) -> io::Result<Reply> {
    write(stream, request).await?;
    read(stream).await?.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))
}

/// Sends requests, many in flight, and hands each reply on in order.
pub(super) async fn calls(
    stream: &mut UnixStream,
    requests: Vec<Request>,
    mut on_reply: impl FnMut(Reply),
) -> io::Result<()> {
    let (mut input, mut output) = stream.split();
    let window = tokio::sync::Semaphore::new(IN_FLIGHT_MAX);
    let count = requests.len();
    let send = async {
        for request in requests {
            if let Ok(permit) = window.acquire().await {
                permit.forget();
            }
            write(&mut output, &request).await?;
        }
        Ok::<(), io::Error>(())
    };
    let receive = async {
        for _ in 0..count {
            let reply = read(&mut input).await?;
            on_reply(reply.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?);
            window.add_permits(1);
        }
        Ok::<(), io::Error>(())
    };
    tokio::try_join!(send, receive).map(|_| ())
}
