//! Standard output and standard error, written so that a reader that does not read cannot hold up a purge.
//!
//! A terminal takes lines as they come. A pipe may not: its reader may be a pager, a stopped process, or busy. So lines for a pipe
//! or file wait in a queue of this process, and a thread writes them. News is left out while the queue is long, and the number of
//! lines left out is reported. A result waits however long it takes.

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

/// News is left out while more lines than this wait to be written.
const LONG_QUEUE: u64 = 10_000;

static OUTLET: OnceLock<Option<Outlet>> = OnceLock::new();

/// Why results could not be written, the first time that this happened.
static LOST: OnceLock<io::Error> = OnceLock::new();

/// One of the two output streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    /// Results.
    Out,
    /// Everything beside them.
    Err,
}

/// A line, or a request to report when all lines before it are written.
enum Item {
    Line(Stream, String),
    Drained(Sender<()>),
}

/// The queue of lines, its length, and how many lines were left out.
struct Outlet {
    items: Sender<Item>,
    waiting: AtomicU64,
    left_out: AtomicU64,
}

/// Writes a line, now or as soon as the reader takes it.
pub(super) fn write_line(stream: Stream, text: &str) {
    match queue(stream) {
        Some(outlet) => outlet.put(stream, text),
        None => write(stream, text),
    }
}

/// Writes a line unless too many are waiting. Before the next line that is written, `gap` reports how many were left out.
pub(super) fn news(stream: Stream, text: &str, gap: impl FnOnce(u64) -> String) {
    let Some(outlet) = queue(stream) else { return write(stream, text) };
    if outlet.waiting.load(Ordering::Relaxed) >= LONG_QUEUE {
        outlet.left_out.fetch_add(1, Ordering::Relaxed);
        return;
    }
    match outlet.left_out.swap(0, Ordering::Relaxed) {
        0 => {}
        lines => outlet.put(stream, &gap(lines)),
    }
    outlet.put(stream, text);
}

/// Why a part of the results could not be written, if that happened.
pub(crate) fn lost_output() -> Option<&'static io::Error> {
    LOST.get()
}

/// Waits until everything is written or can no longer be read.
pub(crate) fn drain() {
    let Some(Some(outlet)) = OUTLET.get() else { return };
    let (drained, wait) = mpsc::channel();
    if outlet.items.send(Item::Drained(drained)).is_ok() {
        // An error means that the thread is gone, so nothing is left to wait for.
        let _ = wait.recv();
    }
}

impl Outlet {
    /// Starts the thread that writes. Without a thread, returns `None`, and lines are written where they are printed.
    fn start() -> Option<Self> {
        let (items, lines) = mpsc::channel();
        let writer = thread::Builder::new().name("output".to_owned()).spawn(move || write_all(&lines));
        writer.ok().map(|_| Self { items, waiting: AtomicU64::new(0), left_out: AtomicU64::new(0) })
    }

    fn put(&self, stream: Stream, text: &str) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        // The thread lives as long as this queue, which lives as long as the process.
        let _ = self.items.send(Item::Line(stream, text.to_owned()));
    }
}

fn write_all(items: &Receiver<Item>) {
    for item in items {
        match item {
            Item::Line(stream, text) => {
                write(stream, &text);
                if let Some(Some(outlet)) = OUTLET.get() {
                    outlet.waiting.fetch_sub(1, Ordering::Relaxed);
                }
            }
            // The waiting thread may have given up.
            Item::Drained(drained) => drop(drained.send(())),
        }
    }
}

fn queue(stream: Stream) -> Option<&'static Outlet> {
    let terminal = match stream {
        Stream::Out => std::io::stdout().is_terminal(),
        Stream::Err => std::io::stderr().is_terminal(),
    };
    if terminal { None } else { OUTLET.get_or_init(Outlet::start).as_ref() }
}

/// Writes a line. A reader that has gone away (`| head`) is no error; a full disk is, if results were lost.
fn write(stream: Stream, text: &str) {
    match stream {
        Stream::Out => {
            let mut out = anstream::stdout();
            if let Err(why) = writeln!(out, "{text}").and_then(|()| out.flush())
                && why.kind() != ErrorKind::BrokenPipe
            {
                LOST.get_or_init(|| why);
            }
        }
        // An error here cannot be reported anywhere.
        Stream::Err => drop(writeln!(anstream::stderr(), "{text}")),
    }
}
