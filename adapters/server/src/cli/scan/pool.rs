//! Inputs read by several threads, and their findings in the order of the inputs.
//!
//! What belongs to the input whose turn it is is handed on as it comes; what comes ahead of its turn waits. Threads go no
//! further ahead than [`AHEAD`] inputs, so that little waits.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

/// Inputs that may be begun before the first of them has ended.
const AHEAD: usize = 256;

/// What is told of inputs.
enum Told<T> {
    Piece(usize, T),
    Done(usize),
}

/// Where a thread says what it found in one input.
pub(super) struct Teller<'p, T> {
    input: usize,
    told: &'p Sender<Told<T>>,
    heard: &'p AtomicBool,
}

impl<T> Teller<'_, T> {
    /// If nobody listens any more, nothing has to be told.
    pub(super) fn tell(&self, piece: T) {
        let _ = self.told.send(Told::Piece(self.input, piece));
    }

    /// Whether somebody listens still. If not, an input need not be read to its end, which it may not have.
    pub(super) fn is_heard(&self) -> bool {
        self.heard.load(Ordering::Relaxed)
    }
}

/// Reads `inputs` by `read` on up to `threads` threads, and calls `listen` on this one. Stops early at an error of `listen`.
pub(super) fn read_all<I: Send, T: Send, E>(
    threads: usize,
    inputs: impl Iterator<Item = I>,
    read: impl Fn(I, &Teller<'_, T>) + Sync,
    mut listen: impl FnMut(T) -> Result<(), E>,
) -> Result<(), E> {
    let (told, tidings) = mpsc::channel();
    let (to_do, jobs) = mpsc::channel::<(usize, I)>();
    let jobs = Mutex::new(jobs);
    let heard = &AtomicBool::new(true);
    thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            let (told, jobs, read) = (told.clone(), &jobs, &read);
            scope.spawn(move || {
                while let Some((input, job)) = next(jobs) {
                    let told = &told;
                    read(job, &Teller { input, told, heard });
                    let _ = told.send(Told::Done(input));
                }
            });
        }
        drop(told);
        let done = listen_in_order(inputs, to_do, &tidings, &mut listen);
        heard.store(false, Ordering::Relaxed);
        done
    })
}

/// A thread that panicked has not left the queue in the middle of anything.
fn next<I>(jobs: &Mutex<Receiver<I>>) -> Option<I> {
    let jobs = jobs.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    jobs.recv().ok()
}

fn listen_in_order<I, T, E>(
    inputs: impl Iterator<Item = I>,
    to_do: Sender<(usize, I)>,
    tidings: &Receiver<Told<T>>,
    listen: &mut impl FnMut(T) -> Result<(), E>,
) -> Result<(), E> {
    let mut inputs = inputs.enumerate().fuse();
    let mut begun = 0;
    // The input whose turn it is, and what the later ones have told.
    let mut turn = 0;
    let mut early: BTreeMap<usize, VecDeque<Option<T>>> = BTreeMap::new();
    loop {
        while begun < turn + AHEAD
            && let Some(job) = inputs.next()
        {
            begun = job.0 + 1;
            // The threads live as long as there are jobs, unless all of them panicked: then nothing comes back either.
            let _ = to_do.send(job);
        }
        if turn == begun {
            return Ok(());
        }
        while let Some(piece) = early.get_mut(&turn).and_then(VecDeque::pop_front) {
            match piece {
                Some(piece) => listen(piece)?,
                None => {
                    early.remove(&turn);
                    turn += 1;
                }
            }
        }
        if turn == begun {
            continue;
        }
        match tidings.recv() {
            Ok(Told::Piece(input, piece)) => early.entry(input).or_default().push_back(Some(piece)),
            Ok(Told::Done(input)) => early.entry(input).or_default().push_back(None),
            Err(_) => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn order_is_that_of_the_inputs_whoever_is_first() {
        // The first input ends after the second has begun, so they must run at the same time.
        let together = Barrier::new(2);
        let mut heard = Vec::new();
        let done = read_all(
            2,
            0..1_000,
            |input, teller| {
                if input < 2 {
                    together.wait();
                }
                teller.tell((input, 'a'));
                teller.tell((input, 'b'));
            },
            |piece| {
                heard.push(piece);
                Ok::<_, ()>(())
            },
        );
        assert_eq!(done, Ok(()));
        let expected: Vec<_> = (0..1_000)
            .flat_map(|input| [(input, 'a'), (input, 'b')])
            .collect();
        assert_eq!(heard, expected);
    }

    #[test]
    fn an_error_ends_an_input_without_an_end() {
        let done = read_all(
            2,
            0..2,
            |_, teller| {
                while teller.is_heard() {
                    teller.tell(());
                }
            },
            Err,
        );
        assert_eq!(done, Err(()));
    }

    #[test]
    fn an_error_ends_it() {
        let done = read_all(
            4,
            0..,
            |input: u64, teller| teller.tell(input),
            |piece| if piece == 700 { Err(piece) } else { Ok(()) },
        );
        assert_eq!(done, Err(700));
    }
}
