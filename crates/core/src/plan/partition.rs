//! Cuts the requested range into parts: sorts the edges of everything that keeps data, sweeps once, and cuts what is left.

use std::sync::Arc;

use super::{Disposition, Keeper, Part, Reason};
use crate::chunk::{Age, Chunk, Grid};
use crate::sorted::{SortedSet, sort};
use crate::time::Timestamp;
use crate::window::Window;

/// A window that must not be deleted, and what keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exclusion {
    pub(crate) window: Window,
    pub(crate) disposition: Disposition,
    pub(crate) keeper: Arc<Keeper>,
}

/// Where exclusions overlap, the disposition that comes first here names the part.
const PRECEDENCE: [Disposition; 4] =
    [Disposition::Held, Disposition::Retained, Disposition::TooRecent, Disposition::Refused];

/// The parts of `range`, in order, and the chunks among them. `aged_until` is the time from which the deletion API counts
/// conversations as recent.
pub(crate) fn partition(
    range: Window,
    exclusions: &[Exclusion],
    grid: Grid,
    aged_until: Option<Timestamp>,
) -> (Vec<Part>, Vec<Chunk>) {
    let segments = sweep(range, exclusions);
    let cells = |(window, kept): &(Window, Kept)| if kept.is_none() { grid.cells(*window) } else { 0 };
    let total = u32::try_from(segments.iter().map(cells).sum::<u64>()).unwrap_or(u32::MAX);
    let room = usize::try_from(total).unwrap_or(0);
    let mut parts: Vec<Part> = Vec::with_capacity(room + segments.len());
    let mut chunks: Vec<Chunk> = Vec::with_capacity(room);
    let mut index = 0;
    for (window, kept) in segments {
        if let Some((disposition, keeper)) = kept {
            let reason = Reason::Kept(keeper);
            match parts.last_mut() {
                Some(last) if last.reason == reason => {
                    last.window = join(last.window, window);
                }
                Some(_) | None => parts.push(Part { window, disposition, reason }),
            }
        } else {
            let age = if aged_until.is_some_and(|until| window.end() <= until) { Age::Aged } else { Age::Recent };
            for window in grid.cut(window) {
                index += 1;
                chunks.push(Chunk { index, total, window, age });
                let reason = Reason::Chunk { index, total };
                parts.push(Part { window, disposition: Disposition::Chunk, reason });
            }
        }
    }
    (parts, chunks)
}

/// What keeps a segment from being deleted, if anything does.
type Kept = Option<(Disposition, Arc<Keeper>)>;

/// Splits the range into consecutive segments, each with what keeps it.
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
            segments.push((window, strongest_exclusion(&active, exclusions)));
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

/// What names the segment: the first exclusion of the strongest kind, and how many more of that kind there are.
fn strongest_exclusion(active: &[SortedSet<usize>], exclusions: &[Exclusion]) -> Kept {
    let strongest = active.iter().find(|set| !set.is_empty())?;
    let exclusion = strongest.first().and_then(|place| exclusions.get(*place))?;
    let keeper = match strongest.len() {
        1 => Arc::clone(&exclusion.keeper),
        n => {
            let Keeper { hold, name } = &*exclusion.keeper;
            Arc::new(Keeper { hold: *hold, name: format!("{name} and {} more", n - 1) })
        }
    };
    Some((exclusion.disposition, keeper))
}

/// Joins two adjacent windows.
fn join(first: Window, second: Window) -> Window {
    Window::new(first.start(), second.end()).unwrap_or(first)
}
