//! The patrol: bodies that are too many to be read again at the start are read while the node serves, so slowly that
//! nobody notices. Whoever finds damage stops the node, which is then healed as after any damage.

use crate::record::{Damage, inspect};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;
use tokio::sync::watch;

/// So many bytes are read between two pauses: 2 MiB a second take a thousandth of a core, and are through the ten
/// gigabytes of a province in an hour and a half.
const PIECE_BYTES: usize = 1 << 20;
const PAUSE: Duration = Duration::from_millis(500);

/// Reads the record in `dir` from its bytes until something is not as it was written, which is put into `met`, or until
/// `stop` turns true.
#[allow(clippy::disallowed_methods, reason = "a thread of its own that reads slowly, at the edge")]
pub(super) fn patrol(dir: &Path, stop: &watch::Receiver<bool>, met: &OnceLock<Damage>) {
    let mut read = 0;
    let found = inspect(dir, &mut |sound| {
        read += sound.frame.payload.len();
        if read >= PIECE_BYTES {
            read = 0;
            std::thread::sleep(PAUSE);
        }
        // The first place is enough: all of them are looked at when it is healed.
        if sound.gaps > 0 || *stop.borrow() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    match found {
        Ok(found) => match found.damages.into_iter().next() {
            Some(damage) => {
                let _ = met.set(damage);
            }
            None if *stop.borrow() => {}
            None => tracing::info!(bytes = found.bytes, "the record was read again and is as it was written"),
        },
        Err(error) => tracing::warn!(%error, "the record could not be read again"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Batch, FileRecord, Frame, Record};

    #[test]
    fn damage_behind_the_start_is_met_and_a_stop_ends_the_reading() -> Result<(), Box<dyn std::error::Error>>
    {
        let dir = tempfile::tempdir()?;
        let mut record = FileRecord::create(dir.path())?;
        for kind in 1..5 {
            let bodies = vec![Frame { kind, payload: vec![kind; 1_000] }];
            record.append(&Batch { bodies, facts: Vec::new() })?;
        }
        let (stop_sender, stop) = watch::channel(false);
        let looked = || {
            let met = OnceLock::new();
            patrol(dir.path(), &stop, &met);
            met.into_inner()
        };
        assert!(looked().is_none(), "it is sound, and in use");
        let segment = dir.path().join("bodies/00000000000000000000.seg");
        let mut bytes = std::fs::read(&segment)?;
        bytes[1_500] ^= 4;
        std::fs::write(&segment, bytes)?;
        assert_eq!(looked().map(|damage| (damage.segment, damage.offset)), Some((segment, 1_049)));
        stop_sender.send(true)?;
        assert!(looked().is_none(), "told to stop before it came there");
        Ok(())
    }
}
