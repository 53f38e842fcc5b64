//! Bodies as the record has them: put together frame by frame, and checked.

use super::body::{BODY_FRAME, PackedBody};
use super::outline::{OUTLINE_FRAME, Outline};
use crate::digest::Digest;
use crate::record::{FRAME_BYTES_MAX, Frame};
use crate::wire;
use serde_bytes::ByteBuf;
use std::collections::BTreeMap;

/// Puts bodies together from the frames of a record, in the order in which they were written.
#[derive(Debug, Default)]
pub struct Assembly {
    /// A body that came whole, and how many chunks it has.
    whole: Option<(Digest, u32, PackedBody)>,
    /// Outlines of bodies that come by the chunk, between the frames of others.
    outlines: BTreeMap<Digest, Outline>,
}

/// What a frame made of an [`Assembly`].
#[derive(Debug)]
pub enum Assembled {
    /// More is to come.
    Part,
    /// A whole body that has its digest.
    Whole(Digest, PackedBody),
    /// It does not fit, or the body does not have its digest.
    Bad,
    /// No body's: it was erased.
    Blank,
}

impl Assembly {
    /// Takes the next frame.
    pub fn take(&mut self, frame: &Frame) -> Assembled {
        type Fields = (Digest, [u8; 32], u64, u32, u32, ByteBuf);
        match frame.kind {
            OUTLINE_FRAME => return self.take_outline(frame),
            BODY_FRAME => {}
            _ => {
                self.whole = None;
                return Assembled::Blank;
            }
        }
        let Ok(fields) = wire::decode::<Fields>(&frame.payload, FRAME_BYTES_MAX) else {
            return Assembled::Bad;
        };
        let (digest, salt, bytes, count, at, chunk) = fields;
        if let Some(outline) = self.outlines.get(&digest) {
            let good = (salt, bytes) == (outline.salt, outline.bytes) && outline.unpack(at, &chunk).is_some();
            if at + 1 == count {
                self.outlines.remove(&digest);
            }
            return if good { Assembled::Part } else { Assembled::Bad };
        }
        if at == 0 {
            self.whole = Some((digest, count, PackedBody { salt, bytes, chunks: Vec::new() }));
        }
        let fits = self
            .whole
            .as_ref()
            .is_some_and(|(of, _, body)| *of == digest && body.chunks.len() == at as usize);
        let Some((digest, count, mut body)) = self.whole.take().filter(|_| fits) else {
            return Assembled::Bad;
        };
        body.chunks.push(chunk);
        if body.chunks.len() < count as usize {
            self.whole = Some((digest, count, body));
            return Assembled::Part;
        }
        match body.unpack(&digest, body.bytes) {
            Ok(_) => Assembled::Whole(digest, body),
            Err(_) => Assembled::Bad,
        }
    }

    fn take_outline(&mut self, frame: &Frame) -> Assembled {
        let fields: Result<(Digest, Outline), _> = wire::decode(&frame.payload, FRAME_BYTES_MAX);
        match fields {
            Ok((digest, outline)) if outline.digest() == Some(digest) => {
                self.outlines.insert(digest, outline);
                Assembled::Part
            }
            _ => Assembled::Bad,
        }
    }
}
