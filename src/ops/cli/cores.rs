//! The same work on many things, on every core of the machine.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Things that a core takes at once: a few milliseconds of work.
const PIECE_COUNT: usize = 16;

/// Does the same to each; the results in the order of the things.
#[allow(clippy::disallowed_methods, reason = "the command line's own threads, at the edge")]
pub(super) fn on_every_core<T: Sync, R: Send>(things: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (next, work) = (AtomicUsize::new(0), &work);
    // Each takes the next piece when it is done with one, so that a large thing holds nobody up.
    let take = || {
        let mut done = Vec::new();
        loop {
            let from = next.fetch_add(PIECE_COUNT, Ordering::Relaxed);
            let Some(piece) = things.get(from..).filter(|piece| !piece.is_empty()) else { return done };
            done.push((from, piece.iter().take(PIECE_COUNT).map(work).collect::<Vec<R>>()));
        }
    };
    let mut pieces: Vec<(usize, Vec<R>)> = std::thread::scope(|scope| {
        let others: Vec<_> = (1..cores.min(things.len())).map(|_| scope.spawn(take)).collect();
        let mut pieces = take();
        for other in others {
            match other.join() {
                Ok(more) => pieces.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        pieces
    });
    pieces.sort_by_key(|(from, _)| *from);
    pieces.into_iter().flat_map(|(_, piece)| piece).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_stand_in_the_order_of_the_things_however_many_there_are() {
        for count in [0, 1, 15, 16, 17, 1_000] {
            let things: Vec<usize> = (0..count).collect();
            assert_eq!(
                on_every_core(&things, |thing| thing * 2),
                (0..count).map(|n| n * 2).collect::<Vec<_>>()
            );
        }
    }
}
