//! Streams the changes of a run as server-sent events.
//!
//! Everything comes from the ledger, so it does not matter which process carries the run out. An event's id says how far the stream
//! has come. A listener that sends it back as `Last-Event-ID` goes on from there and misses nothing.

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
use super::facts::{CarriedBy, RunFacts, RunInspector, find_mark, find_run};
use super::pool::wait;
use super::problem::Problem;
use crate::carry::stored;
use crate::failure::Failure;
use crate::ledger::{Mark, SqliteLedger};

/// How often to look for changes.
const LOOK: Duration = Duration::from_millis(250);

/// The longest silence of a stream, so that a listener knows that it is alive.
const BEAT: Duration = Duration::from_secs(5);

/// The most chunks, and the most records, read in one look.
const PIECE: u32 = 500;

/// A mark as the id of an event: `57.203`.
pub(crate) fn event_id(mark: Mark) -> String {
    format!("{}.{}", mark.changes, mark.records)
}

fn parse_event_id(text: &str) -> Option<Mark> {
    let (changes, records) = text.split_once('.')?;
    Some(Mark { changes: changes.parse().ok()?, records: records.parse().ok()? })
}

/// One open stream.
struct Listener {
    server: Arc<Server>,
    run_id: String,
    /// The tenant whose job slots the run's chunks wait for.
    tenant: Arc<str>,
    mark: Mark,
    /// The state of the run that was last sent.
    last_sent: Option<RunState>,
    last_event_at: Instant,
    /// Whether the next look follows at once.
    look_at_once: bool,
    _place: OwnedSemaphorePermit,
}

/// The parts of a run's facts that may change. When one of them has, the facts are sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
struct RunState {
    changes: u64,
    carried: Option<CarriedBy>,
    trouble: Vec<Finding>,
    /// The holders of job slots. Other runs take and release slots, too.
    slots: Vec<String>,
}

/// The result of one look at the ledger.
struct Changes {
    state: RunState,
    facts: Option<RunFacts>,
    chunks: Vec<(u64, ChunkView)>,
    records: Vec<RecordRow>,
    has_more: bool,
}

/// Starts a stream.
pub(crate) async fn stream(server: Arc<Server>, run_id: String, headers: &HeaderMap) -> Result<Response, Problem> {
    let Ok(place) = Arc::clone(&server.streams).try_acquire_owned() else {
        let message = "too many pages watch at once";
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "server.streams", message, "close some of them"));
    };
    let id = run_id.clone();
    let known = server.ledgers.ask(move |ledger| {
        let row = find_run(ledger, &id)?;
        Ok(find_mark(ledger, &id)?.zip(row.map(|row| Arc::from(row.order.tenant))))
    });
    let (known, tenant) = known.await?.ok_or_else(|| Problem::no_run(&run_id))?;
    let asked = headers.get("last-event-id").map(|id| id.to_str().ok().and_then(parse_event_id));
    let mark = match asked {
        None => known,
        Some(Some(mark)) => mark,
        Some(None) => {
            let message = "`Last-Event-ID` is not the id of an event of this stream";
            return Err(Problem::new(StatusCode::BAD_REQUEST, "server.lastEventId", message, "load the run again"));
        }
    };
    // The id is from another ledger with a run of the same name, so what the listener has is useless.
    let reset = mark.changes > known.changes || mark.records > known.records;
    let mark = if reset { known } else { mark };
    let listener = Listener {
        server,
        run_id,
        tenant,
        mark,
        last_sent: None,
        last_event_at: Instant::now(),
        look_at_once: true,
        _place: place,
    };
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
    /// The next events; waits until there are some. `None` when the server closes or the ledger fails.
    async fn next(&mut self) -> Option<String> {
        let mut closing = self.server.closing.clone();
        loop {
            if !self.look_at_once {
                tokio::select! {
                    () = tokio::time::sleep(LOOK) => {}
                    _ = closing.wait_for(|closing| *closing) => return None,
                }
            }
            let text = match self.look().await {
                Ok(text) => text,
                // The listener reconnects and is told why.
                Err(_) => return None,
            };
            if !text.is_empty() {
                self.last_event_at = Instant::now();
                return Some(text);
            }
            if self.last_event_at.elapsed() >= BEAT {
                self.last_event_at = Instant::now();
                return Some(event("beat", self.mark, &json!({ "now": SystemClock.now() })));
            }
        }
    }

    async fn look(&mut self) -> Result<String, Failure> {
        let (server, run_id, tenant) = (Arc::clone(&self.server), self.run_id.clone(), Arc::clone(&self.tenant));
        let (mark, last_sent) = (self.mark, self.last_sent.clone());
        let changes = self
            .server
            .ledgers
            .ask(move |ledger| find_changes(&server, ledger, (&run_id, &tenant), mark, last_sent.as_ref()))
            .await?;
        let mut text = String::new();
        for (changed, view) in &changes.chunks {
            self.mark.changes = *changed;
            text.push_str(&event("chunk", self.mark, view));
        }
        for row in &changes.records {
            self.mark.records = row.position;
            text.push_str(&event("record", self.mark, &Line::of(row)));
        }
        self.look_at_once = changes.has_more;
        if !changes.has_more {
            // Changes of the run itself belong to no chunk.
            self.mark.changes = self.mark.changes.max(changes.state.changes);
        }
        if let Some(facts) = &changes.facts {
            self.last_sent = Some(changes.state.clone());
            text.push_str(&event("run", self.mark, &json!({ "now": SystemClock.now(), "run": facts })));
        }
        Ok(text)
    }
}

/// Looks for what has changed after `mark`. The run's mark is read first, so that a change made meanwhile is seen at the next look.
fn find_changes(
    server: &Server,
    ledger: &SqliteLedger,
    (run_id, tenant): (&str, &str),
    mark: Mark,
    last_sent: Option<&RunState>,
) -> Result<Changes, Failure> {
    let inspector = RunInspector { setup: &server.setup, carriers: &server.carriers };
    let now = find_mark(ledger, run_id)?.unwrap_or_default();
    let state = RunState {
        changes: now.changes,
        carried: inspector.carried_by(run_id)?,
        trouble: server.carriers.trouble(run_id),
        slots: ledger.slot_holders(tenant).map_err(stored::ledger_failure)?,
    };
    let is_news = last_sent != Some(&state);
    let mut changes = Changes { state, facts: None, chunks: vec![], records: vec![], has_more: false };
    if now.changes > mark.changes {
        let rows = ledger.changed_chunks(run_id, mark.changes, PIECE).map_err(stored::ledger_failure)?;
        changes.has_more |= rows.len() >= usize::try_from(PIECE).unwrap_or(usize::MAX);
        // Show the same numbers that a freshly loaded page shows.
        let row = find_run(ledger, run_id)?;
        let view = |run: &ChunkRun| {
            row.as_ref().map_or_else(|| Ok(run.view()), |row| stored::chunk_view(ledger, &row.order, run))
        };
        let views = rows.iter().map(|(changed, run)| Ok((*changed, view(run)?)));
        changes.chunks = views.collect::<Result<_, Failure>>()?;
    }
    if now.records > mark.records {
        changes.records = wait(ledger.records(run_id, mark.records, PIECE)).map_err(stored::ledger_failure)?;
        changes.has_more |= changes.records.len() >= usize::try_from(PIECE).unwrap_or(usize::MAX);
    }
    if is_news {
        changes.facts = find_run(ledger, run_id)?.map(|row| inspector.facts(ledger, &row)).transpose()?;
    }
    Ok(changes)
}

/// Formats one event. JSON without line breaks fits into one `data` line.
fn event(name: &str, mark: Mark, data: &impl Serialize) -> String {
    let data = serde_json::to_string(data).unwrap_or_default();
    format!("event: {name}\nid: {}\ndata: {data}\n\n", event_id(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_was_written() {
        let mark = Mark { changes: 57, records: 203 };
        assert_eq!((event_id(mark).as_str(), parse_event_id("57.203")), ("57.203", Some(mark)));
        for wrong in ["", "57", "57.", ".", "57.203.1", "-1.0", "a.b"] {
            assert_eq!(parse_event_id(wrong), None, "{wrong}");
        }
    }
}
