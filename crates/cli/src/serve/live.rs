//! A run as it changes, as server-sent events.
//!
//! Everything comes from the ledger, so it is the same whichever process carries the run out. An event's id says how far the
//! stream has come; whoever gives it back as `Last-Event-ID` goes on from there and misses nothing.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use futures_util::stream;
use purge_core::finding::Finding;
use purge_core::run::{ChunkRun, ChunkView};
use purge_driver::ledger::{Ledger, RecordRow};
use purge_driver::{Clock, SystemClock};
use serde::Serialize;
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;

use super::Server;
use super::audit::Line;
use super::desk::wait;
use super::facts::{Carried, Looking, RunFacts, mark_of, row_of};
use super::problem::Problem;
use crate::carry::stored;
use crate::failure::Failure;
use crate::ledger::{Mark, SqliteLedger};

/// How often to look.
const LOOK: Duration = Duration::from_millis(250);

/// A stream never says nothing for longer than this, so that whoever listens knows that it is alive.
const BEAT: Duration = Duration::from_secs(5);

/// Chunks and records in one piece.
const PIECE: u32 = 500;

/// How far a listener has come, as an event's id: `57.203`.
pub(crate) fn text_of(mark: Mark) -> String {
    format!("{}.{}", mark.changes, mark.records)
}

fn mark_in(text: &str) -> Option<Mark> {
    let (changes, records) = text.split_once('.')?;
    Some(Mark { changes: changes.parse().ok()?, records: records.parse().ok()? })
}

/// One listener.
struct Listener {
    server: Arc<Server>,
    run_id: String,
    /// Whose slots the run's chunks wait for.
    tenant: Arc<str>,
    mark: Mark,
    /// What was last said about the run as a whole.
    told: Option<Whole>,
    spoke: Instant,
    /// Whether the next look is at once.
    more: bool,
    _place: OwnedSemaphorePermit,
}

/// What of a run as a whole may change: once one of these has, its facts are told again.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Whole {
    changes: u64,
    carried: Option<Carried>,
    trouble: Vec<Finding>,
    /// Other runs take and give back slots, too.
    slots: Vec<String>,
}

/// What one look at the ledger gave.
struct Seen {
    whole: Whole,
    facts: Option<RunFacts>,
    chunks: Vec<(u64, ChunkView)>,
    records: Vec<RecordRow>,
    behind: bool,
}

/// Begins a stream.
pub(crate) async fn stream(server: Arc<Server>, run_id: String, headers: &HeaderMap) -> Result<Response, Problem> {
    let Ok(place) = Arc::clone(&server.streams).try_acquire_owned() else {
        let message = "too many pages watch at once";
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "server.streams", message, "close some of them"));
    };
    let id = run_id.clone();
    let known = server.desk.ask(move |ledger| {
        let row = row_of(ledger, &id)?;
        Ok(mark_of(ledger, &id)?.zip(row.map(|row| Arc::from(row.order.tenant))))
    });
    let (known, tenant) = known.await?.ok_or_else(|| Problem::no_run(&run_id))?;
    let asked = headers.get("last-event-id").map(|id| id.to_str().ok().and_then(mark_in));
    let mark = match asked {
        None => known,
        Some(Some(mark)) => mark,
        Some(None) => {
            let message = "`Last-Event-ID` is not the id of an event of this stream";
            return Err(Problem::new(StatusCode::BAD_REQUEST, "server.lastEventId", message, "load the run again"));
        }
    };
    // Of another ledger under the same name: what the listener has is of no use.
    let reset = mark.changes > known.changes || mark.records > known.records;
    let mark = if reset { known } else { mark };
    let listener =
        Listener { server, run_id, tenant, mark, told: None, spoke: Instant::now(), more: true, _place: place };
    let first = if reset { event("reset", mark, &json!({})) } else { "retry: 1000\n\n".to_owned() };
    let events = stream::unfold((Some(first), listener), |(first, mut listener)| async move {
        let text = match first {
            Some(first) => Some(first),
            None => listener.next().await,
        };
        text.map(|text| (Ok::<_, Infallible>(Bytes::from(text)), (None, listener)))
    });
    let mut answer = Response::new(Body::from_stream(events));
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    Ok(answer)
}

impl Listener {
    /// What has happened since; waits until there is something to say. Nothing at all when the server ends or the ledger fails.
    async fn next(&mut self) -> Option<String> {
        let mut closing = self.server.closing.clone();
        loop {
            if !self.more {
                tokio::select! {
                    () = tokio::time::sleep(LOOK) => {}
                    _ = closing.wait_for(|closing| *closing) => return None,
                }
            }
            let text = match self.look().await {
                Ok(text) => text,
                // The listener comes back and is told why.
                Err(_) => return None,
            };
            if !text.is_empty() {
                self.spoke = Instant::now();
                return Some(text);
            }
            if self.spoke.elapsed() >= BEAT {
                self.spoke = Instant::now();
                return Some(event("beat", self.mark, &json!({ "now": SystemClock.now() })));
            }
        }
    }

    async fn look(&mut self) -> Result<String, Failure> {
        let (server, run_id, tenant) = (Arc::clone(&self.server), self.run_id.clone(), Arc::clone(&self.tenant));
        let (mark, told) = (self.mark, self.told.clone());
        let seen =
            self.server.desk.ask(move |ledger| see(&server, ledger, (&run_id, &tenant), mark, told.as_ref())).await?;
        let mut text = String::new();
        for (changed, view) in &seen.chunks {
            self.mark.changes = *changed;
            text.push_str(&event("chunk", self.mark, view));
        }
        for row in &seen.records {
            self.mark.records = row.position;
            text.push_str(&event("record", self.mark, &Line::of(row)));
        }
        self.more = seen.behind;
        if !seen.behind {
            // Changes of the run itself have no chunk.
            self.mark.changes = self.mark.changes.max(seen.whole.changes);
        }
        if let Some(facts) = &seen.facts {
            self.told = Some(seen.whole.clone());
            text.push_str(&event("run", self.mark, &json!({ "now": SystemClock.now(), "run": facts })));
        }
        Ok(text)
    }
}

/// Looks at what has changed after the mark. The mark of the run is read first: what changes meanwhile is seen at the next look.
fn see(
    server: &Server,
    ledger: &SqliteLedger,
    (run_id, tenant): (&str, &str),
    mark: Mark,
    told: Option<&Whole>,
) -> Result<Seen, Failure> {
    let looking = Looking { setup: &server.setup, carriers: &server.carriers };
    let now = mark_of(ledger, run_id)?.unwrap_or_default();
    let whole = Whole {
        changes: now.changes,
        carried: looking.carried(run_id)?,
        trouble: server.carriers.trouble(run_id),
        slots: ledger.slot_holders(tenant).map_err(stored::failed)?,
    };
    let news = told != Some(&whole);
    let mut seen = Seen { whole, facts: None, chunks: vec![], records: vec![], behind: false };
    if now.changes > mark.changes {
        let rows = ledger.changed(run_id, mark.changes, PIECE).map_err(stored::failed)?;
        seen.behind |= rows.len() >= usize::try_from(PIECE).unwrap_or(usize::MAX);
        // With the numbers that a page that has just been loaded is told.
        let row = row_of(ledger, run_id)?;
        let view =
            |run: &ChunkRun| row.as_ref().map_or_else(|| Ok(run.view()), |row| stored::view(ledger, &row.order, run));
        let told = rows.iter().map(|(changed, run)| Ok((*changed, view(run)?)));
        seen.chunks = told.collect::<Result<_, Failure>>()?;
    }
    if now.records > mark.records {
        seen.records = wait(ledger.records(run_id, mark.records, PIECE)).map_err(stored::failed)?;
        seen.behind |= seen.records.len() >= usize::try_from(PIECE).unwrap_or(usize::MAX);
    }
    if news {
        seen.facts = row_of(ledger, run_id)?.map(|row| looking.facts(ledger, &row)).transpose()?;
    }
    Ok(seen)
}

/// One event. JSON has no line breaks, so that it is one `data` line.
fn event(name: &str, mark: Mark, data: &impl Serialize) -> String {
    let data = serde_json::to_string(data).unwrap_or_default();
    format!("event: {name}\nid: {}\ndata: {data}\n\n", text_of(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_was_written() {
        let mark = Mark { changes: 57, records: 203 };
        assert_eq!((text_of(mark).as_str(), mark_in("57.203")), ("57.203", Some(mark)));
        for wrong in ["", "57", "57.", ".", "57.203.1", "-1.0", "a.b"] {
            assert_eq!(mark_in(wrong), None, "{wrong}");
        }
    }
}
