//! Attachments: always a download under a harmless name, chunk by chunk as they are here, so that a hundred megabytes
//! pass through two chunks of memory.
//!
//! What is not here is being fetched from an ancestor meanwhile; the first chunk is waited for a little, then the answer
//! is 503 with `Retry-After`. A download that then stalls, or whose attachment is withdrawn meanwhile, breaks off.

#![allow(
    clippy::disallowed_methods,
    reason = "an edge: sockets, tasks and timers live here and nowhere below"
)]

use super::Portal;
use super::reply::{ERASABLE, Problem, content, here};
use super::source::{AttachmentHead, Found};
use crate::digest::Digest;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::response::Response;
use http_body_util::channel::Channel;
use std::io;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long the first chunk of what is not here is waited for: a round trip to the root and back on bad lines, and
/// shorter than a proxy's patience.
const FIRST_WITHIN: Duration = Duration::from_secs(15);
/// How long each further chunk may take: 64 KiB at 2 KB/s.
const NEXT_WITHIN: Duration = Duration::from_secs(32);
/// How often it is looked for.
const LOOK: Duration = Duration::from_millis(100);
/// Chunks read ahead of the reader.
const CHUNKS_AHEAD: usize = 1;

/// The salt of the body, for whoever checks it against the card.
const SALT: HeaderName = HeaderName::from_static("gongshi-salt");

/// `GET /api/v1/packages/{digest}/attachments/{body}`: the file itself.
pub(super) async fn attachment(
    State(portal): State<Portal>,
    Path((package, body)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let package: Digest = package.parse().map_err(|_| Problem::NotFound)?;
    let body: Digest = body.parse().map_err(|_| Problem::NotFound)?;
    let waiting = portal.waits.clone().try_acquire_owned().map_err(|_| Problem::BodyMissing)?;
    let head = here(portal.read(move |source| source.attachment(&package, &body)).await?)?;
    let first = chunk(&portal, package, body, 0, FIRST_WITHIN).await?;
    drop(waiting);
    let (mut sender, stream) = Channel::<Bytes, io::Error>::new(CHUNKS_AHEAD);
    let mut response = content(Body::new(stream), "application/octet-stream", ERASABLE);
    set_headers(&mut response, &head);
    tokio::spawn(async move {
        let mut next = Ok(first);
        for at in 1.. {
            let Ok(bytes) = next else { return sender.abort(io::ErrorKind::TimedOut.into()) };
            // An error means that nobody reads any more.
            if sender.send_data(bytes.into()).await.is_err() {
                return;
            }
            if at >= head.chunks {
                return;
            }
            next = chunk(&portal, package, body, at, NEXT_WITHIN).await;
        }
    });
    Ok(response)
}

/// A chunk, when it is here.
async fn chunk(
    portal: &Portal,
    package: Digest,
    body: Digest,
    at: u32,
    within: Duration,
) -> Result<Vec<u8>, Problem> {
    let give_up = Instant::now() + within;
    loop {
        let found = portal.read(move |source| source.attachment_chunk(&package, &body, at)).await?;
        if found == Found::BodyMissing && Instant::now() < give_up {
            sleep(LOOK).await;
            continue;
        }
        return here(found);
    }
}

fn set_headers(response: &mut Response, head: &AttachmentHead) {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, head.bytes.into());
    if let Ok(salt) = HeaderValue::from_str(&data_encoding::HEXLOWER.encode(&head.salt)) {
        headers.insert(SALT, salt);
    }
    if let Ok(value) = HeaderValue::from_str(&disposition(&head.name)) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
}

/// `Content-Disposition` of a download (RFC 6266, RFC 8187): the name in UTF-8, and an ASCII one for old programs.
fn disposition(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let ascii: String = name
        .chars()
        .map(|letter| if letter.is_ascii() && plain(letter as u8) { letter } else { '_' })
        .collect();
    let encoded: String = name
        .bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect();
    format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attack_49_no_name_leaves_its_header() {
        for name in
            ["附表 1.xlsx", "a\"; filename=\"b.html", "x\r\nSet-Cookie: y", "\u{202e}gpj.exe", "100%.pdf"]
        {
            let value = disposition(name);
            assert!(HeaderValue::from_str(&value).is_ok_and(|value| value.to_str().is_ok()), "{value}");
            assert_eq!(value.matches('"').count(), 2, "{value}");
        }
        assert_eq!(
            disposition("附表 1.xlsx"),
            "attachment; filename=\"___1.xlsx\"; filename*=UTF-8''%E9%99%84%E8%A1%A8%201.xlsx"
        );
    }
}
