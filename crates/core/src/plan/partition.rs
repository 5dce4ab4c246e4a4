//! Cutting the requested range into parts: sort the edges of everything that keeps data, sweep once, cut what is left.

use super::{Disposition, Part};
use crate::chunk::{Age, Chunk, Grid};
use crate::sorted::{SortedSet, sort};
use crate::time::Timestamp;
use crate::window::Window;

/// A window that must not be deleted, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exclusion {
    pub(crate) window: Window,
    pub(crate) disposition: Disposition,
    pub(crate) reason: String,
}

/// Where several exclusions overlap, the first of these names the part.
const PRECEDENCE: [Disposition; 4] =
    [Disposition::Held, Disposition::Retained, Disposition::TooRecent, Disposition::Refused];

/// The parts of `range`, in order, and the chunks among them. `aged_until` is where the deletion API begins to count
/// conversations as recent.
pub(crate) fn partition(
    range: Window,
    exclusions: &[Exclusion],
    grid: Grid,
    aged_until: Option<Timestamp>,
) -> (Vec<Part>, Vec<Chunk>) {
    let mut parts: Vec<Part> = Vec::new();
    let mut windows: Vec<(Window, Age)> = Vec::new();
    for (window, kept) in sweep(range, exclusions) {
        if let Some((disposition, reason)) = kept {
            match parts.last_mut() {
                Some(last) if last.disposition == disposition && last.reason == reason => {
                    last.window = span(last.window, window);
                }
                Some(_) | None => parts.push(Part { window, disposition, reason }),
            }
        } else {
            let age = if aged_until.is_some_and(|until| window.end() <= until) { Age::Aged } else { Age::Recent };
            for window in grid.cut(window) {
                windows.push((window, age));
                parts.push(Part { window, disposition: Disposition::Chunk, reason: String::new() });
            }
        }
    }
    let total = u32::try_from(windows.len()).unwrap_or(u32::MAX);
    let chunks = (1..).zip(windows).map(|(index, (window, age))| Chunk { index, total, window, age }).collect();
    for (index, part) in (1..=total).zip(parts.iter_mut().filter(|p| p.disposition == Disposition::Chunk)) {
        part.reason = format!("chunk {index} of {total}");
    }
    (parts, chunks)
}

/// What keeps a segment, if anything does.
type Kept = Option<(Disposition, String)>;

/// Consecutive segments of the range, each with what keeps it.
fn sweep(range: Window, exclusions: &[Exclusion]) -> Vec<(Window, Kept)> {
    let mut edges: Vec<(Timestamp, bool, usize)> = Vec::with_capacity(exclusions.len() * 2);
    for (place, exclusion) in exclusions.iter().enumerate() {
        if let Some(inside) = exclusion.window.intersection(range) {
            edges.push((inside.start(), true, place));
            edges.push((inside.end(), false, place));
        }
    }
    sort(&mut edges);
    let mut active: [SortedSet<usize>; PRECEDENCE.len()] = Default::default();
    let mut segments = Vec::new();
    let mut from = range.start();
    for (at, begins, place) in edges {
        if let Some(window) = Window::new(from, at) {
            segments.push((window, top(&active, exclusions)));
            from = at;
        }
        let level = exclusions.get(place).and_then(|e| PRECEDENCE.iter().position(|d| *d == e.disposition));
        if let Some(set) = level.and_then(|level| active.get_mut(level)) {
            if begins {
                set.insert(place);
            } else {
                set.remove(&place);
            }
        }
    }
    segments.extend(Window::new(from, range.end()).map(|window| (window, None)));
    segments
}

/// What names the segment: the first of the strongest kind, and how many more of that kind there are.
fn top(active: &[SortedSet<usize>], exclusions: &[Exclusion]) -> Kept {
    let strongest = active.iter().find(|set| !set.is_empty())?;
    let exclusion = strongest.first().and_then(|place| exclusions.get(*place))?;
    let reason = match strongest.len() {
        1 => exclusion.reason.clone(),
        n => format!("{} and {} more", exclusion.reason, n - 1),
    };
    Some((exclusion.disposition, reason))
}

/// Two neighbours as one window.
fn span(first: Window, second: Window) -> Window {
    Window::new(first.start(), second.end()).unwrap_or(first)
}
