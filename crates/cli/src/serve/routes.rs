//! What can be asked.

use std::path::PathBuf;
use std::sync::Arc;

use axum::body::{Body, HttpBody as _};
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, FromRequest, Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use purge_core::report::{Report, exit_code};
use purge_driver::ledger::{Ledger, RunRow};
use purge_driver::{Clock, SystemClock};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::desk::wait;
use super::facts::{Carried, Looking, row_of};
use super::problem::Problem;
use super::{Server, audit, evidence, gate, live, start};
use crate::carry::again::{queue_again, under_way, unheeded};
use crate::carry::lock::RunLock;
use crate::carry::messages::Messages;
use crate::carry::run::provable;
use crate::carry::stored::{self, Stored};
use crate::failure::Failure;
use crate::ledger::{ChunkKind, SqliteLedger};
use crate::settings::RealTenant;

/// A plan file holds a request and a policy, as text inside JSON.
const LONGEST_BODY: usize = 40 * 1024 * 1024;

/// Chunks in one answer, at most.
const MOST_CHUNKS: u32 = 500;

type Answer = Result<Response, Problem>;
type Here = State<Arc<Server>>;

/// Everything that can be asked, behind what every request must satisfy.
pub(crate) fn routes(server: &Arc<Server>) -> Router {
    let runs = Router::new()
        .route("/server", get(about))
        .route("/runs", get(list).post(begin))
        .route("/runs/{run}", get(detail))
        .route("/runs/{run}/plan", get(plan))
        .route("/runs/{run}/chunks", get(chunks))
        .route("/runs/{run}/audit", get(log))
        .route("/runs/{run}/report", get(report))
        .route("/runs/{run}/sums", get(sums))
        .route("/runs/{run}/events", get(events))
        .route("/runs/{run}/evidence", get(evidence_list))
        .route("/runs/{run}/evidence/{name}", get(evidence_file))
        .route("/runs/{run}/cancel", post(cancel))
        .route("/runs/{run}/retry", post(retry))
        .route("/runs/{run}/resume", post(resume))
        .fallback(nothing)
        .method_not_allowed_fallback(otherwise)
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .layer(from_fn_with_state(Arc::clone(server), gate::token));
    Router::new()
        .nest("/api", runs)
        .fallback(page)
        .layer(from_fn_with_state(Arc::clone(server), gate::rules))
        .with_state(Arc::clone(server))
}

/// A body of JSON that says so, with nothing in it that is not known.
struct Asked<T>(T);

impl<T: DeserializeOwned> FromRequest<Arc<Server>> for Asked<T> {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, server: &Arc<Server>) -> Result<Self, Problem> {
        if !gate::is_json(request.headers()) {
            let help = "send `content-type: application/json`";
            let message = "the request is not JSON, or does not say that it is";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "server.contentType", message, help));
        }
        // By its length alone, before any of it is read; what has no length is cut off where it becomes too long.
        if request.body().size_hint().lower() > LONGEST_BODY as u64 {
            let message = format!("the request is longer than {LONGEST_BODY} bytes");
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "server.tooLarge", message, ""));
        }
        match Json::<T>::from_request(request, server).await {
            Ok(Json(asked)) => Ok(Self(asked)),
            Err(refused) => Err(unreadable(&refused)),
        }
    }
}

fn unreadable(refused: &JsonRejection) -> Problem {
    Problem::new(refused.status(), "server.body", refused.body_text(), "")
}

/// Where in the address something stands that cannot be read.
fn query<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, Problem> {
    let wrong = |refused: QueryRejection| Problem::new(refused.status(), "server.query", refused.body_text(), "");
    query.map(|Query(asked)| asked).map_err(wrong)
}

async fn nothing() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "server.unknown", "nothing is answered at this address", "")
}

async fn otherwise() -> Problem {
    let help = "whatever changes something is a POST, and everything else a GET";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "server.method", "this address is asked with another method", help)
}

async fn page(State(server): Here, uri: Uri, headers: HeaderMap) -> Response {
    server.page.answer(uri.path(), &headers)
}

/// What this server is.
async fn about(State(server): Here) -> Response {
    let setup = &server.setup;
    let policies: Vec<Value> =
        setup.policies.iter().map(|allowed| json!({ "name": allowed.name, "policy": allowed.policy })).collect();
    let tenant = setup.settings.tenant.as_ref().map(RealTenant::name);
    Json(json!({
        "version": env!("CARGO_PKG_VERSION"), "simulated": server.simulated(), "tenant": tenant,
        "ledger": setup.around.folder.display().to_string(), "policies": policies,
        "remarks": setup.settings.remarks, "now": SystemClock.now(),
    }))
    .into_response()
}

async fn list(State(server): Here) -> Answer {
    let own = Arc::clone(&server);
    let runs = server.desk.ask(move |ledger| {
        let rows = wait(ledger.runs()).map_err(stored::failed)?;
        let facts: Result<Vec<_>, Failure> = rows.iter().map(|row| looking(&own).facts(ledger, row)).collect();
        facts
    });
    Ok(Json(json!({ "now": SystemClock.now(), "runs": runs.await? })).into_response())
}

fn looking(server: &Server) -> Looking<'_> {
    Looking { setup: &server.setup, carriers: &server.carriers }
}

/// Asks the ledger about a run that has to be there.
async fn about_run<T: Send + 'static>(
    server: &Arc<Server>,
    run_id: String,
    what: impl FnOnce(&Server, &SqliteLedger, &RunRow) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Problem> {
    let (own, id) = (Arc::clone(server), run_id.clone());
    let asked = server.desk.ask(move |ledger| match row_of(ledger, &id)? {
        Some(row) => what(&own, ledger, &row).map(Some),
        None => Ok(None),
    });
    asked.await?.ok_or_else(|| Problem::no_run(&run_id))
}

async fn detail(State(server): Here, Path(run): Path<String>) -> Answer {
    let detail = about_run(&server, run, |server, ledger, row| looking(server).detail(ledger, row)).await?;
    Ok(Json(json!({ "now": SystemClock.now(), "run": detail })).into_response())
}

async fn plan(State(server): Here, Path(run): Path<String>) -> Answer {
    let text = about_run(&server, run, |_, _, row| Ok(row.plan_file.clone())).await?;
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], text).into_response())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    after: Option<u32>,
    limit: Option<u32>,
    kind: Option<ChunkKind>,
}

async fn chunks(State(server): Here, Path(run): Path<String>, which: Result<Query<Which>, QueryRejection>) -> Answer {
    let which = query(which)?;
    let limit = which.limit.unwrap_or(MOST_CHUNKS).clamp(1, MOST_CHUNKS);
    let kind = which.kind.unwrap_or(ChunkKind::All);
    let found = about_run(&server, run, move |_, ledger, row| {
        let runs =
            ledger.chunks_of(&row.order.run_id, kind, which.after.unwrap_or(0), limit).map_err(stored::failed)?;
        runs.iter().map(|run| stored::view(ledger, &row.order, run)).collect::<Result<Vec<_>, _>>()
    });
    let views = found.await?;
    let next = views.last().map(|view| view.chunk.index);
    Ok(Json(json!({ "chunks": views, "next": next })).into_response())
}

async fn log(
    State(server): Here,
    Path(run): Path<String>,
    which: Result<Query<audit::Which>, QueryRejection>,
) -> Answer {
    let which = query(which)?;
    let page = about_run(&server, run, move |_, ledger, row| audit::page(ledger, &row.order.run_id, which)).await?;
    Ok(Json(page).into_response())
}

/// The report so far: a fold over the records, as the evidence has it.
async fn report(State(server): Here, Path(run): Path<String>) -> Answer {
    let (report, _) = so_far(&server, run).await?;
    Ok(Json(json!({ "report": report, "exitCode": exit_code(&report) })).into_response())
}

/// The report without its chunks, which may be very many, and how the messages went.
async fn sums(State(server): Here, Path(run): Path<String>) -> Answer {
    let (report, messages) = so_far(&server, run).await?;
    Ok(Json(json!({
        "outcome": report.outcome, "exitCode": exit_code(&report), "startedAt": report.started_at, "lastAt": report.last_at,
        "totals": report.totals, "accounting": report.accounting, "problems": report.problems,
        "messages": messages,
    }))
    .into_response())
}

async fn so_far(server: &Arc<Server>, run: String) -> Result<(Report, Messages), Problem> {
    let told = about_run(server, run, |_, ledger, row| {
        let stored = wait(Stored::read(ledger, &row.order.run_id))?;
        Ok((stored.report(), Messages::of(&stored.outbox)))
    });
    told.await
}

async fn events(State(server): Here, Path(run): Path<String>, headers: HeaderMap) -> Answer {
    live::stream(server, run, &headers).await
}

async fn evidence_list(State(server): Here, Path(run): Path<String>) -> Answer {
    let list = about_run(&server, run, |server, ledger, row| Ok(evidence::list(&folder_of(server, ledger, row)?)));
    Ok(Json(list.await?).into_response())
}

async fn evidence_file(State(server): Here, Path((run, name)): Path<(String, String)>) -> Answer {
    let folder = about_run(&server, run, folder_of).await?;
    evidence::file(&folder, &name)
}

fn folder_of(server: &Server, ledger: &SqliteLedger, row: &RunRow) -> Result<PathBuf, Failure> {
    server.setup.around.evidence_of(ledger, &row.order.run_id)
}

/// Notes the plan's run and begins to carry it out.
async fn begin(State(server): Here, Asked(ask): Asked<start::Ask>) -> Answer {
    let (row, new) = start::start(&server, ask).await?;
    if row.open > 0 && !carry(&server, &row.order.run_id)? && !server.setup.policies.is_empty() {
        // Whoever carries it out reads none of the files that this server was given.
        return Err(Problem::with(StatusCode::CONFLICT, unheeded(&server.setup.around.folder, &row.order.run_id)));
    }
    let location = HeaderValue::try_from(format!("/api/runs/{}", row.order.run_id)).ok();
    let mut answer = facts(&server, row.order.run_id).await?;
    if new {
        *answer.status_mut() = StatusCode::CREATED;
    }
    answer.headers_mut().extend(location.map(|location| (header::LOCATION, location)));
    Ok(answer)
}

/// Carries the run out here, unless somebody does so already. Whether it is this server that does.
fn carry(server: &Server, run_id: &str) -> Result<bool, Failure> {
    if server.carriers.has(run_id) {
        return Ok(true);
    }
    match RunLock::take(&server.setup.around.folder, run_id)? {
        Some(lock) => server.carriers.begin(run_id, lock).map(|()| true),
        None => Ok(false),
    }
}

async fn facts(server: &Arc<Server>, run_id: String) -> Answer {
    let facts = about_run(server, run_id, |server, ledger, row| looking(server).facts(ledger, row)).await?;
    Ok(Json(json!({ "now": SystemClock.now(), "run": facts })).into_response())
}

/// Nothing to say besides which run.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// The kill switch. A run that nobody carries out is carried out here to its cancelled end, where its tenant is this one's.
async fn cancel(State(server): Here, Path(run): Path<String>, Asked(Nothing {}): Asked<Nothing>) -> Answer {
    let stopped = about_run(&server, run.clone(), |server, ledger, row| {
        if row.open > 0 {
            wait(ledger.ask_cancel(&row.order.run_id, SystemClock.now())).map_err(stored::failed)?;
        }
        Ok(row.open > 0 && server.setup.serves(&row.order))
    });
    if stopped.await? {
        carry(&server, &run)?;
    }
    facts(&server, run).await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Again {
    /// Only these; all that did not end verified, if it is empty.
    #[serde(default)]
    chunks: Vec<u32>,
}

async fn retry(State(server): Here, Path(run): Path<String>, Asked(again): Asked<Again>) -> Answer {
    let lock = about_run(&server, run.clone(), move |server, ledger, row| {
        let run_id = row.order.run_id.as_str();
        // Refused before anything is queued: a run never moves to another tenant.
        elsewhere(server, row)?;
        still_allowed(server, row)?;
        provable(ledger, &server.setup.around, run_id)?;
        let Some(lock) = free(server, run_id)? else { return Ok(None) };
        wait(queue_again(ledger, row, &again.chunks, None, &lock))?;
        Ok(Some(lock))
    });
    let lock = lock.await?.ok_or_else(|| Problem::with(StatusCode::CONFLICT, under_way(&run)))?;
    server.carriers.begin(&run, lock)?;
    facts(&server, run).await
}

/// Goes on with a run that was stopped.
async fn resume(State(server): Here, Path(run): Path<String>, Asked(Nothing {}): Asked<Nothing>) -> Answer {
    let lock = about_run(&server, run.clone(), |server, _, row| {
        elsewhere(server, row)?;
        still_allowed(server, row)?;
        free(server, &row.order.run_id)
    });
    let lock = lock.await?.ok_or_else(|| Problem::with(StatusCode::CONFLICT, under_way(&run)))?;
    server.carriers.begin(&run, lock)?;
    facts(&server, run).await
}

/// What a server may not start it may not go on with either. To stop it is always allowed.
fn still_allowed(server: &Server, row: &RunRow) -> Result<(), Failure> {
    if server.setup.policies.is_empty() {
        return Ok(());
    }
    start::allowed(&server.setup, &stored::reopen(row)?)
}

/// The run's lock, if nobody carries it out. Whoever has just finished here may still write the evidence.
fn free(server: &Server, run_id: &str) -> Result<Option<RunLock>, Failure> {
    match looking(server).carried(run_id)? {
        Some(Carried::Here | Carried::Elsewhere) => Ok(None),
        None => RunLock::take(&server.setup.around.folder, run_id),
    }
}

fn elsewhere(server: &Server, row: &RunRow) -> Result<(), Failure> {
    if server.setup.serves(&row.order) {
        Ok(())
    } else {
        Err(crate::carry::run::elsewhere(&row.order, server.simulated()))
    }
}
