//! Room: what a node does while its disk is nearly full. It takes in nothing new, tells those who bring it when to
//! come again, serves what it holds, and goes on by itself.

use super::frame::Frame;
use super::limits::{RETRY_AFTER_MS, RETRY_AFTER_MS_MAX, ROOM_LOOK_MS};
use super::node::{ConnId, Node};
use super::session::Peer;
use super::turn::Turn;
use crate::record::Room;

impl Node {
    /// Said by the engine before every turn, which asks the record.
    pub const fn set_room(&mut self, room: Room) {
        self.room = room;
    }

    /// How much room there is for what is new.
    pub const fn room(&self) -> Room {
        self.room
    }

    /// True when there is room for new work.
    pub(super) fn has_room(&self) -> bool {
        self.room == Room::Enough
    }

    /// Sends a frame away that there is no room for; true when it was one.
    pub(super) fn sends_away(&self, turn: &mut Turn<'_>, conn: ConnId, frame: &Frame) -> bool {
        let away = match frame {
            Frame::Push { .. } | Frame::Propose { .. } | Frame::Leaves { .. } => !self.has_room(),
            // A few hundred bytes each, and few of them: they end what was begun.
            Frame::Receipt { .. } | Frame::Renewed { .. } => self.room == Room::None,
            Frame::Join(_) if !self.has_room() => {
                let message = "节点磁盘已满，请稍后再试 / the disk of the node is full; try later";
                turn.send(conn, Frame::Refused { code: "disk_full".to_owned(), message: message.to_owned() });
                return true;
            }
            _ => false,
        };
        if away {
            turn.send(conn, Frame::RetryAfter { ms: RETRY_AFTER_MS });
        }
        away
    }

    /// The neighbour takes nothing until then.
    pub(super) fn on_retry_after(&mut self, turn: &Turn<'_>, conn: ConnId, ms: u64) {
        if let Some(session) = self.sessions.get_mut(&conn) {
            session.paused_until_ms = Some(turn.now.steady_ms + ms.clamp(1, RETRY_AFTER_MS_MAX));
        }
    }

    /// What was sent to whoever asked for a pause was not taken: it is sent again when the pause is over.
    pub(super) fn resume(&mut self, turn: &Turn<'_>) {
        self.room_looked_ms = turn.now.steady_ms;
        let due = |paused: Option<u64>| paused.is_some_and(|until| until <= turn.now.steady_ms);
        let over: Vec<ConnId> =
            self.sessions.iter().filter(|(_, s)| due(s.paused_until_ms)).map(|(conn, _)| *conn).collect();
        for conn in over {
            let Some(session) = self.sessions.get_mut(&conn) else { continue };
            session.paused_until_ms = None;
            session.tail_sent = session.tail_held;
            if matches!(session.peer, Peer::Above(_)) {
                self.propose_all(conn);
            }
        }
    }

    /// When a pause is over or the disk is looked at again, on the steady clock.
    pub(super) fn room_due_ms(&self) -> Option<u64> {
        let look = (!self.has_room()).then_some(self.room_looked_ms + ROOM_LOOK_MS);
        self.sessions.values().filter_map(|session| session.paused_until_ms).chain(look).min()
    }
}
