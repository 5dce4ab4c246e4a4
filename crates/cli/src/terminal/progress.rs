//! Shows progress: bars on a terminal, lines in a pipe, events for programs.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anstream::adapter::strip_str;
use anstream::{AutoStream, ColorChoice};
use indicatif::{MultiProgress, ProgressBar, ProgressState, ProgressStyle};
use purge_core::run::{Cause, ChunkRun, ChunkView, Outcome, WaitReason};
use purge_core::time::Timestamp;
use purge_driver::{Clock, SystemClock, Watch};

use super::policy_unread::PolicyUnread;
use super::words::{reason, span, window};
use super::{CARE, DIM, paint, print_err, print_err_news, print_out_news, result};
use crate::events;

/// Up to this many chunks keep a line each from beginning to end.
const FEW: u32 = 12;

/// Shows progress in one of these ways.
#[derive(Debug)]
pub(crate) struct Progress {
    mode: Mode,
    simulated: bool,
    /// What was last shown for each chunk, so that nothing is repeated.
    last_shown: RefCell<BTreeMap<u32, String>>,
    policy_unread: PolicyUnread,
}

#[derive(Debug)]
enum Mode {
    Silent,
    Json,
    Lines,
    Bars(Box<Bars>),
}

impl Progress {
    /// Events if asked for, bars on a terminal, lines otherwise. `ended` is how many chunks had ended before.
    pub(crate) fn new(json: bool, simulated: bool, total: u32, ended: u32) -> Self {
        let mode = if json {
            Mode::Json
        } else if std::io::stderr().is_terminal() {
            Mode::Bars(Box::new(Bars::new(simulated, total, ended)))
        } else {
            Mode::Lines
        };
        Self { mode, simulated, last_shown: RefCell::default(), policy_unread: PolicyUnread::default() }
    }

    /// Events if asked for, otherwise nothing: for virtual time, which is too fast to watch.
    pub(crate) fn unwatched(json: bool) -> Self {
        let mode = if json { Mode::Json } else { Mode::Silent };
        Self { mode, simulated: true, last_shown: RefCell::default(), policy_unread: PolicyUnread::default() }
    }

    /// Prints a line between the others.
    pub(crate) fn remark(&self, text: &str) {
        match &self.mode {
            Mode::Bars(bars) => bars.all.suspend(|| print_err(text)),
            Mode::Silent | Mode::Json | Mode::Lines => print_err(text),
        }
    }

    /// Removes the bars, so that the result stands alone.
    pub(crate) fn finish(&self) {
        match &self.mode {
            Mode::Bars(bars) => bars.clear(),
            Mode::Silent | Mode::Json | Mode::Lines => {}
        }
    }

    fn show(&self, view: &ChunkView) {
        let text = match &self.mode {
            Mode::Json => events::chunk(view, self.simulated),
            Mode::Lines | Mode::Bars(_) => state(view),
            Mode::Silent => return,
        };
        let mut last_shown = self.last_shown.borrow_mut();
        if last_shown.get(&view.chunk.index) == Some(&text) && !matches!(self.mode, Mode::Bars(_)) {
            return;
        }
        match &self.mode {
            Mode::Silent => {}
            Mode::Json => print_out_news(&text),
            Mode::Lines => {
                let left = time_left(due(view), SystemClock.now()).map(|left| format!(", {left}")).unwrap_or_default();
                print_err_news(&format!("{}{}  {text}{left}", banner(self.simulated), chunk_name(view)));
            }
            Mode::Bars(bars) => bars.show(view, &text),
        }
        last_shown.insert(view.chunk.index, text);
    }
}

impl Watch for Progress {
    fn changed(&self, run: &ChunkRun) {
        self.show(&run.view());
    }

    fn policy_unread(&self, _run: &ChunkRun, why: &Cause) {
        if let Some(news) = self.policy_unread.news(why, SystemClock.now()) {
            self.remark(&paint(CARE, &news));
        }
    }
}

/// The start of every line of a simulated run.
fn banner(simulated: bool) -> &'static str {
    if simulated { "SIMULATED  " } else { "" }
}

/// `chunk 2/3  2023-01-31 .. 2023-03-02`.
fn chunk_name(view: &ChunkView) -> String {
    format!("chunk {}/{}  {}", view.chunk.index, view.chunk.total, window(view.chunk.window))
}

/// What the chunk does or waits for. Without the time left, which always changes.
pub(crate) fn state(view: &ChunkView) -> String {
    let why = view.cause.as_ref().map(|cause| format!(": {}", cause.message)).unwrap_or_default();
    if let Some(outcome) = view.outcome {
        return format!("{}{why}", outcome.as_str());
    }
    match view.wait {
        // A chunk that waits for the next look at its job is shown as deleting.
        None | Some(WaitReason::JobPending { .. }) => spaced_words(&view.state),
        Some(wait) => format!("waiting: {}{why}", reason(wait)),
    }
}

/// When the chunk goes on. The next look at a job is not worth showing.
pub(crate) fn due(view: &ChunkView) -> Option<Timestamp> {
    view.due.filter(|_| !matches!(view.wait, Some(WaitReason::JobPending { .. })))
}

/// `confirmingSubmit` for people: `confirming submit`.
fn spaced_words(state: &str) -> String {
    let mut out = String::with_capacity(state.len() + 4);
    for c in state.chars() {
        if c.is_ascii_uppercase() {
            out.push(' ');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

fn time_left(due: Option<Timestamp>, now: Timestamp) -> Option<String> {
    let left = due?.since(now);
    let millis = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
    // Round up to whole seconds, which read better than milliseconds.
    (millis > 0).then(|| span(if millis > 1000 { millis.div_ceil(1000) * 1000 } else { millis }))
}

/// One bar over all chunks, and a line for each chunk: all chunks if they are few, otherwise those under way.
#[derive(Debug)]
struct Bars {
    all: MultiProgress,
    sum: ProgressBar,
    few: bool,
    /// Whether the terminal wants colours (`NO_COLOR`). Bars do not go through `anstream`.
    colours: bool,
    lines: RefCell<BTreeMap<u32, (ProgressBar, SharedLine)>>,
    outcomes: RefCell<BTreeMap<u32, Outcome>>,
}

/// A line that the loop writes and the drawing thread reads.
type SharedLine = Arc<Mutex<Line>>;

/// The text of a chunk's line, and when the chunk goes on. The time left is calculated whenever the line is drawn.
#[derive(Debug, Default)]
struct Line {
    text: String,
    due: Option<Timestamp>,
}

impl Bars {
    fn new(simulated: bool, total: u32, ended: u32) -> Self {
        let all = MultiProgress::new();
        let sum = all.add(ProgressBar::new(u64::from(total)).with_position(u64::from(ended)));
        let prefix = if simulated { "SIMULATED  " } else { "" };
        let colours = AutoStream::choice(&std::io::stderr()) != ColorChoice::Never;
        let bar = if colours { "{bar:30.green/dim}" } else { "{bar:30}" };
        let template = format!("{{prefix}}{bar} {{pos}}/{{len}} chunks  {{elapsed}}  {{msg}}");
        if let Ok(style) = ProgressStyle::with_template(&template) {
            sum.set_style(style.progress_chars("━━╌"));
        }
        sum.set_prefix(prefix);
        sum.enable_steady_tick(Duration::from_millis(250));
        Self { all, sum, few: total <= FEW, colours, lines: RefCell::default(), outcomes: RefCell::default() }
    }

    fn clear(&self) {
        for (bar, _) in self.lines.borrow().values() {
            bar.finish_and_clear();
        }
        self.sum.finish_and_clear();
        // An error means that the terminal is gone and needs no clearing.
        let _ = self.all.clear();
        print_err("");
    }

    fn show(&self, view: &ChunkView, text: &str) {
        let index = view.chunk.index;
        let ended = view.outcome;
        let mut lines = self.lines.borrow_mut();
        let (bar, line) = lines.entry(index).or_insert_with(|| self.line(view));
        {
            let mut line = line.lock().unwrap_or_else(PoisonError::into_inner);
            line.due = view.due;
            line.text = match (ended, view.percent) {
                (Some(_), _) => result::outcome(ended).painted(),
                (None, Some(percent)) => format!("{text}, {percent} %"),
                (None, None) => text.to_owned(),
            };
        }
        let Some(outcome) = ended else {
            bar.tick();
            return;
        };
        if self.few {
            bar.abandon();
        } else {
            bar.finish_and_clear();
            lines.remove(&index);
        }
        let mut outcomes = self.outcomes.borrow_mut();
        if outcomes.insert(index, outcome).is_none() {
            self.sum.inc(1);
        }
        self.sum.set_message(tally(&outcomes));
    }

    fn line(&self, view: &ChunkView) -> (ProgressBar, SharedLine) {
        let line = Arc::new(Mutex::new(Line::default()));
        let bar = self.all.add(ProgressBar::new_spinner());
        let (shown, colours) = (Arc::clone(&line), self.colours);
        let said = move |_: &ProgressState, out: &mut dyn std::fmt::Write| {
            let line = shown.lock().unwrap_or_else(PoisonError::into_inner);
            let now = SystemClock.now();
            // Shorter waits would only flicker.
            let due = line.due.filter(|due| due.since(now) > Duration::from_secs(1));
            let left = time_left(due, now).map(|left| paint(DIM, &format!("  {left}")));
            let text = format!("{}{}", line.text, left.unwrap_or_default());
            // Writing into a string cannot fail.
            let _ = if colours { out.write_str(&text) } else { write!(out, "{}", strip_str(&text)) };
        };
        if let Ok(style) = ProgressStyle::with_template("  {prefix}  {said}") {
            bar.set_style(style.with_key("said", said));
        }
        bar.set_prefix(chunk_name(view));
        bar.enable_steady_tick(Duration::from_millis(250));
        (bar, line)
    }
}

/// `12 verified, 1 held`, of the chunks that ended while they were watched.
fn tally(outcomes: &BTreeMap<u32, Outcome>) -> String {
    let mut by_outcome: BTreeMap<Outcome, usize> = BTreeMap::new();
    for outcome in outcomes.values() {
        *by_outcome.entry(*outcome).or_default() += 1;
    }
    let mut text = String::new();
    for (outcome, number) in by_outcome {
        let comma = if text.is_empty() { "" } else { ", " };
        // Writing into a string cannot fail.
        let _ = write!(text, "{comma}{number} {}", outcome.as_str());
    }
    text
}
