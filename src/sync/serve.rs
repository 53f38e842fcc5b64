//! Serving bodies by the chunk: what a neighbour wants and is here goes out after packs; what is on its way here is sent
//! on when it comes; of what is neither the neighbour is told so.

use super::body::PackedBody;
use super::chunk::{has_chunk, read_chunk};
use super::climb::Outcome;
use super::erase::erased_by;
use super::frame::Frame;
use super::limits::{CHUNKS_IN_FLIGHT_MAX, WANTS_COUNT_MAX};
use super::node::{ConnId, Node, Step};
use super::outline::Outline;
use super::turn::Turn;
use crate::digest::Digest;
use std::collections::{BTreeSet, VecDeque};

/// What a neighbour wants: the fields of [`Frame::WantChunks`].
struct Want {
    statement: Digest,
    body: Digest,
    from: u32,
    count: u32,
    outline: bool,
}

impl Node {
    /// A frame about bodies by the chunk, from an ancestor or a node below.
    pub(super) fn on_body_frame(&mut self, turn: &mut Turn<'_>, conn: ConnId, frame: Frame) -> Step<Outcome> {
        match frame {
            Frame::WantChunks { statement, body, from, count, outline } => {
                self.on_want_chunks(turn, conn, &Want { statement, body, from, count, outline })
            }
            Frame::Outline { body, outline } => self.on_outline(turn, conn, &body, &outline),
            Frame::Chunk { body, at, packed } => self.on_chunk(turn, conn, &body, at, &packed),
            Frame::Lack { body } => {
                self.on_lack(conn, &body);
                Ok(Ok(()))
            }
            _ => Ok(Err("wrong_direction")),
        }
    }

    fn on_want_chunks(&mut self, turn: &mut Turn<'_>, conn: ConnId, want: &Want) -> Step<Outcome> {
        if want.count > CHUNKS_IN_FLIGHT_MAX {
            return Ok(Err("too_much_wanted"));
        }
        let body = want.body;
        let Some((entry, named)) = self.named_body(turn, &want.statement, &body)? else {
            turn.send(conn, Frame::Lack { body });
            return Ok(Ok(()));
        };
        if erased_by(&turn.read(), &body)?.is_some() {
            turn.send(conn, Frame::Lack { body });
            return Ok(Ok(()));
        }
        let until = want.from.saturating_add(want.count).min(Outline::count_of(named.bytes));
        for at in want.from..until {
            if !has_chunk(&turn.read(), &body, at)? {
                self.mend(turn, &named)?;
            }
        }
        if !PackedBody::is_held(&turn.read(), &body)? {
            self.begin_fetch(turn, &entry, named, false)?;
            // Two that lack a body must not wait for each other.
            if !self.fetches.without(&body, conn, self.sessions.get(&conn)) {
                turn.send(conn, Frame::Lack { body });
                return Ok(Ok(()));
            }
        }
        if let Some(session) = self.sessions.get_mut(&conn) {
            let room = WANTS_COUNT_MAX.saturating_sub(session.chunk_wants.len());
            let outline = std::iter::once(None).filter(|_| want.outline);
            let wants = outline.chain((want.from..until).map(Some)).map(|at| (body, at));
            let new: Vec<_> = wants.filter(|want| !session.chunk_wants.contains(want)).take(room).collect();
            session.chunk_wants.extend(new);
        }
        Ok(Ok(()))
    }

    /// Sends what neighbours want and is here; what is on its way waits.
    pub(super) fn serve_wants(&mut self, turn: &mut Turn<'_>) -> Step {
        let waiting: Vec<ConnId> =
            self.sessions.iter().filter(|(_, s)| !s.chunk_wants.is_empty()).map(|(conn, _)| *conn).collect();
        for conn in waiting {
            let wants =
                self.sessions.get_mut(&conn).map(|s| std::mem::take(&mut s.chunk_wants)).unwrap_or_default();
            let (mut later, mut lacked) = (VecDeque::new(), BTreeSet::new());
            for (body, at) in wants {
                let frame = match at {
                    None => outline_of(turn, &body)?
                        .map(|outline| Frame::Outline { body, outline: Box::new(outline) }),
                    Some(at) => read_chunk(&turn.read(), &body, at)?.map(|packed| Frame::Chunk {
                        body,
                        at,
                        packed: packed.into(),
                    }),
                };
                match frame {
                    Some(frame) => turn.send(conn, frame),
                    None if self.fetches.awaits(&body) => later.push_back((body, at)),
                    None => {
                        if lacked.insert(body) {
                            turn.send(conn, Frame::Lack { body });
                        }
                    }
                }
            }
            if let Some(session) = self.sessions.get_mut(&conn) {
                session.chunk_wants = later;
            }
        }
        Ok(())
    }

    /// Nobody has it: those who wait for us are told.
    pub(super) fn lack_for_all(&mut self, turn: &mut Turn<'_>, body: &Digest) {
        for (conn, session) in &mut self.sessions {
            let waited = session.chunk_wants.len();
            session.chunk_wants.retain(|(wanted, _)| wanted != body);
            if session.chunk_wants.len() < waited {
                turn.send(*conn, Frame::Lack { body: *body });
            }
        }
    }
}

/// The outline of a body: kept with it, or worked out for one that came whole.
fn outline_of(turn: &Turn<'_>, body: &Digest) -> Step<Option<Outline>> {
    if let Some(outline) = Outline::read(&turn.read(), body)? {
        return Ok(Some(outline));
    }
    let Some(packed) = PackedBody::read(&turn.read(), body)? else { return Ok(None) };
    let content = packed.unpack(body, packed.bytes).ok();
    Ok(content.map(|content| Outline::of(packed.salt, &content)))
}
