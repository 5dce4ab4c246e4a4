//! The routes of the server.

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

use super::facts::{CarriedBy, RunInspector, find_run};
use super::pool::wait;
use super::problem::Problem;
use super::{Server, audit, evidence, gate, live, start};
use crate::carry::again::{queue_again, under_way, under_way_without_policy};
use crate::carry::lock::RunLock;
use crate::carry::messages::Messages;
use crate::carry::run::check_provable;
use crate::carry::stored::{self, Stored};
use crate::failure::Failure;
use crate::ledger::{ChunkKind, SqliteLedger};
use crate::settings::RealTenant;
use crate::who::asked;

/// The longest request body in bytes. A plan file contains a request and a policy, as text inside JSON.
const LONGEST_BODY: usize = 40 * 1024 * 1024;

/// The most chunks in one answer.
const MOST_CHUNKS: u32 = 500;

type Answer = Result<Response, Problem>;
type Here = State<Arc<Server>>;

/// All routes, behind the checks that every request must pass.
pub(crate) fn routes(server: &Arc<Server>) -> Router {
    let runs = Router::new()
        .route("/server", get(describe_server))
        .route("/runs", get(list).post(begin))
        .route("/runs/{run}", get(detail))
        .route("/runs/{run}/plan", get(plan))
        .route("/runs/{run}/chunks", get(chunks))
        .route("/runs/{run}/audit", get(audit_log))
        .route("/runs/{run}/report", get(report))
        .route("/runs/{run}/sums", get(sums))
        .route("/runs/{run}/events", get(events))
        .route("/runs/{run}/evidence", get(evidence_list))
        .route("/runs/{run}/evidence/{name}", get(evidence_file))
        .route("/runs/{run}/cancel", post(cancel))
        .route("/runs/{run}/retry", post(retry))
        .route("/runs/{run}/resume", post(resume))
        .fallback(unknown_address)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .layer(from_fn_with_state(Arc::clone(server), gate::require_token));
    Router::new()
        .nest("/api", runs)
        .fallback(page)
        .layer(from_fn_with_state(Arc::clone(server), gate::rules))
        .with_state(Arc::clone(server))
}

/// A JSON body that is declared as JSON and has no unknown members.
struct JsonBody<T>(T);

impl<T: DeserializeOwned> FromRequest<Arc<Server>> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, server: &Arc<Server>) -> Result<Self, Problem> {
        if !gate::is_json(request.headers()) {
            let help = "send `content-type: application/json`";
            let message = "the request is not JSON, or does not say that it is";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "server.contentType", message, help));
        }
        // Checked by the declared length before anything is read. A body without a length is cut off where it becomes too long.
        if request.body().size_hint().lower() > LONGEST_BODY as u64 {
            let message = format!("the request is longer than {LONGEST_BODY} bytes");
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "server.tooLarge", message, ""));
        }
        match Json::<T>::from_request(request, server).await {
            Ok(Json(asked)) => Ok(Self(asked)),
            Err(refused) => Err(bad_body(&refused)),
        }
    }
}

fn bad_body(refused: &JsonRejection) -> Problem {
    Problem::new(refused.status(), "server.body", refused.body_text(), "")
}

/// The query of the address, or what in it cannot be read.
fn query<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, Problem> {
    let wrong = |refused: QueryRejection| Problem::new(refused.status(), "server.query", refused.body_text(), "");
    query.map(|Query(asked)| asked).map_err(wrong)
}

async fn unknown_address() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "server.unknown", "there is nothing at this address", "")
}

async fn wrong_method() -> Problem {
    let help = "use POST for what changes something, and GET for everything else";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "server.method", "this address does not support the method", help)
}

async fn page(State(server): Here, uri: Uri, headers: HeaderMap) -> Response {
    server.page.answer(uri.path(), &headers)
}

/// Describes this server.
async fn describe_server(State(server): Here) -> Response {
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
    let runs = server.ledgers.ask(move |ledger| {
        let rows = wait(ledger.runs()).map_err(stored::ledger_failure)?;
        let facts: Result<Vec<_>, Failure> = rows.iter().map(|row| inspector(&own).facts(ledger, row)).collect();
        facts
    });
    Ok(Json(json!({ "now": SystemClock.now(), "runs": runs.await? })).into_response())
}

fn inspector(server: &Server) -> RunInspector<'_> {
    RunInspector { setup: &server.setup, carriers: &server.carriers }
}

/// Asks the ledger about a run, which must exist.
async fn with_run<T: Send + 'static>(
    server: &Arc<Server>,
    run_id: String,
    what: impl FnOnce(&Server, &SqliteLedger, &RunRow) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Problem> {
    let (own, id) = (Arc::clone(server), run_id.clone());
    let asked = server.ledgers.ask(move |ledger| match find_run(ledger, &id)? {
        Some(row) => what(&own, ledger, &row).map(Some),
        None => Ok(None),
    });
    asked.await?.ok_or_else(|| Problem::no_run(&run_id))
}

async fn detail(State(server): Here, Path(run): Path<String>) -> Answer {
    let detail = with_run(&server, run, |server, ledger, row| inspector(server).detail(ledger, row)).await?;
    Ok(Json(json!({ "now": SystemClock.now(), "run": detail })).into_response())
}

async fn plan(State(server): Here, Path(run): Path<String>) -> Answer {
    let text = with_run(&server, run, |_, _, row| Ok(row.plan_file.clone())).await?;
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
    let found = with_run(&server, run, move |_, ledger, row| {
        let runs = ledger
            .chunks_of(&row.order.run_id, kind, which.after.unwrap_or(0), limit)
            .map_err(stored::ledger_failure)?;
        runs.iter().map(|run| stored::chunk_view(ledger, &row.order, run)).collect::<Result<Vec<_>, _>>()
    });
    let views = found.await?;
    let next = views.last().map(|view| view.chunk.index);
    Ok(Json(json!({ "chunks": views, "next": next })).into_response())
}

async fn audit_log(
    State(server): Here,
    Path(run): Path<String>,
    which: Result<Query<audit::Which>, QueryRejection>,
) -> Answer {
    let which = query(which)?;
    let page = with_run(&server, run, move |_, ledger, row| audit::page(ledger, &row.order.run_id, which)).await?;
    Ok(Json(page).into_response())
}

/// The report so far, folded from the records as in the evidence.
async fn report(State(server): Here, Path(run): Path<String>) -> Answer {
    let (report, _) = current_report(&server, run).await?;
    Ok(Json(json!({ "report": report, "exitCode": exit_code(&report) })).into_response())
}

/// The report without its chunks, of which there may be very many, and what became of the messages.
async fn sums(State(server): Here, Path(run): Path<String>) -> Answer {
    let (report, messages) = current_report(&server, run).await?;
    Ok(Json(json!({
        "outcome": report.outcome, "exitCode": exit_code(&report), "startedAt": report.started_at, "lastAt": report.last_at,
        "totals": report.totals, "accounting": report.accounting, "problems": report.problems,
        "messages": messages,
    }))
    .into_response())
}

async fn current_report(server: &Arc<Server>, run: String) -> Result<(Report, Messages), Problem> {
    let told = with_run(server, run, |_, ledger, row| {
        let stored = wait(Stored::read(ledger, &row.order.run_id))?;
        Ok((stored.report(), Messages::count(&stored.outbox)))
    });
    told.await
}

async fn events(State(server): Here, Path(run): Path<String>, headers: HeaderMap) -> Answer {
    live::stream(server, run, &headers).await
}

async fn evidence_list(State(server): Here, Path(run): Path<String>) -> Answer {
    let list = with_run(&server, run, |server, ledger, row| Ok(evidence::list(&evidence_folder(server, ledger, row)?)));
    Ok(Json(list.await?).into_response())
}

async fn evidence_file(State(server): Here, Path((run, name)): Path<(String, String)>) -> Answer {
    let folder = with_run(&server, run, evidence_folder).await?;
    evidence::file(&folder, &name)
}

fn evidence_folder(server: &Server, ledger: &SqliteLedger, row: &RunRow) -> Result<PathBuf, Failure> {
    server.setup.around.evidence_of(ledger, &row.order.run_id)
}

/// Does what changes something in a task of its own. What answers a caller that has gone, or has waited for too long, is dropped;
/// such a caller loses only the answer.
async fn to_the_end(asked: impl Future<Output = Answer> + Send + 'static) -> Answer {
    tokio::spawn(asked).await.map_err(|why| Failure::machine("do what was asked for", why))?
}

/// Enters the run of a plan into the ledger and begins to carry it out.
async fn begin(State(server): Here, JsonBody(ask): JsonBody<start::Ask>) -> Answer {
    to_the_end(async move {
        let (row, new) = start::start(&server, ask).await?;
        if row.open > 0 && !carry_here(&server, &row.order.run_id)? && !server.setup.policies.is_empty() {
            // The other process does not read the policy files of this server.
            return Err(Problem::with(
                StatusCode::CONFLICT,
                under_way_without_policy(&server.setup.around.folder, &row.order.run_id),
            ));
        }
        let location = HeaderValue::try_from(format!("/api/runs/{}", row.order.run_id)).ok();
        let mut answer = facts(&server, row.order.run_id).await?;
        if new {
            *answer.status_mut() = StatusCode::CREATED;
        }
        answer.headers_mut().extend(location.map(|location| (header::LOCATION, location)));
        Ok(answer)
    })
    .await
}

/// Carries the run out here, unless another process does. Returns whether this server does.
fn carry_here(server: &Server, run_id: &str) -> Result<bool, Failure> {
    if server.carriers.has(run_id) {
        return Ok(true);
    }
    match RunLock::take(&server.setup.around.folder, run_id)? {
        Some(lock) => server.carriers.begin(run_id, lock).map(|()| true),
        None => Ok(false),
    }
}

async fn facts(server: &Arc<Server>, run_id: String) -> Answer {
    let facts = with_run(server, run_id, |server, ledger, row| inspector(server).facts(ledger, row)).await?;
    Ok(Json(json!({ "now": SystemClock.now(), "run": facts })).into_response())
}

/// An empty body.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Stop {
    /// Who asks for it.
    asked_by: String,
}

/// The kill switch. A run that no process carries out is carried to its cancelled end here, if it belongs to this server's tenant.
async fn cancel(State(server): Here, Path(run): Path<String>, JsonBody(stop): JsonBody<Stop>) -> Answer {
    to_the_end(async move {
        let asked = asked(&stop.asked_by, SystemClock.now(), "#/askedBy")?;
        let stopped = with_run(&server, run.clone(), move |server, ledger, row| {
            if row.open > 0 {
                wait(ledger.ask_cancel(&row.order.run_id, &asked)).map_err(stored::ledger_failure)?;
            }
            Ok(row.open > 0 && server.setup.serves(&row.order))
        });
        if stopped.await? {
            carry_here(&server, &run)?;
        }
        facts(&server, run).await
    })
    .await
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Again {
    /// Who asks for it.
    asked_by: String,
    /// Only these chunks; if empty, all that did not end verified.
    #[serde(default)]
    chunks: Vec<u32>,
}

async fn retry(State(server): Here, Path(run): Path<String>, JsonBody(again): JsonBody<Again>) -> Answer {
    to_the_end(async move {
        let asked = asked(&again.asked_by, SystemClock.now(), "#/askedBy")?;
        let lock = with_run(&server, run.clone(), move |server, ledger, row| {
            let run_id = row.order.run_id.as_str();
            // Refuse before anything is queued: a run never moves to another tenant.
            refuse_other_tenant(server, row)?;
            check_still_allowed(server, row)?;
            check_provable(ledger, &server.setup.around, run_id)?;
            let Some(lock) = take_free_lock(server, run_id)? else { return Ok(None) };
            wait(queue_again(ledger, row, &again.chunks, None, &asked, &lock))?;
            Ok(Some(lock))
        });
        let lock = lock.await?.ok_or_else(|| Problem::with(StatusCode::CONFLICT, under_way(&run)))?;
        server.carriers.begin(&run, lock)?;
        facts(&server, run).await
    })
    .await
}

/// Goes on with a run that was stopped.
async fn resume(State(server): Here, Path(run): Path<String>, JsonBody(Nothing {}): JsonBody<Nothing>) -> Answer {
    to_the_end(async move {
        let lock = with_run(&server, run.clone(), |server, _, row| {
            refuse_other_tenant(server, row)?;
            check_still_allowed(server, row)?;
            take_free_lock(server, &row.order.run_id)
        });
        let lock = lock.await?.ok_or_else(|| Problem::with(StatusCode::CONFLICT, under_way(&run)))?;
        server.carriers.begin(&run, lock)?;
        facts(&server, run).await
    })
    .await
}

/// Refuses to go on with a run that this server may not start. Cancelling is always allowed.
fn check_still_allowed(server: &Server, row: &RunRow) -> Result<(), Failure> {
    if server.setup.policies.is_empty() {
        return Ok(());
    }
    start::check_allowed(&server.setup, &stored::reopen(row)?)
}

/// The run's lock, unless some process carries the run out. A thread that has just finished here may still be writing the evidence.
fn take_free_lock(server: &Server, run_id: &str) -> Result<Option<RunLock>, Failure> {
    match inspector(server).carried_by(run_id)? {
        Some(CarriedBy::Here | CarriedBy::Elsewhere) => Ok(None),
        None => RunLock::take(&server.setup.around.folder, run_id),
    }
}

fn refuse_other_tenant(server: &Server, row: &RunRow) -> Result<(), Failure> {
    if server.setup.serves(&row.order) {
        Ok(())
    } else {
        Err(crate::carry::run::other_tenant(&row.order, server.simulated()))
    }
}
