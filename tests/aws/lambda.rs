//! A function as AWS runs it: the real binary, one process per concurrent invocation, fed through a Runtime API of its own.

use std::future::Future;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tokio::process::{Child, Command};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use crate::chance::Chance;
use crate::wire::{Asked, Reply, Served, serve};

/// The result of an invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The body of its answer, whatever it is.
    Returned(String),
    /// A function error: the function reported it, its process ended, or its time was over.
    Failed(String),
}

/// Something that an event source can invoke.
pub trait Invoke: Send + Sync + 'static {
    fn invoke(&self, event: &Value) -> impl Future<Output = Answer> + Send;
}

/// The settings of a function.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Its handler: planner, worker, courier or undertaker.
    pub handler: &'static str,
    pub binary: PathBuf,
    pub environment: Vec<(String, String)>,
    pub timeout: Duration,
    /// The most invocations at a time.
    pub instances: usize,
    /// The file to which everything that its processes print is appended.
    pub log: PathBuf,
}

/// Kills processes in the middle of their work (SIGKILL: nothing is reported, nothing is tidied up).
#[derive(Debug)]
pub struct Killer {
    chance: Chance,
    /// How many invocations of a thousand are killed, …
    per_mille: u64,
    /// … within how many milliseconds of their beginning, …
    within: u64,
    /// … and at most how many more.
    left: AtomicU64,
}

impl Killer {
    #[must_use]
    pub fn new(seed: u64, per_mille: u64, within: u64, at_most: u64) -> Self {
        Self { chance: Chance::new(seed), per_mille, within, left: AtomicU64::new(at_most) }
    }

    fn strikes_after(&self) -> Option<Duration> {
        let strikes = self.chance.in_a_thousand(self.per_mille)
            && self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
        strikes.then(|| Duration::from_millis(self.chance.below(self.within)))
    }
}

/// What the invocations of a function have cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bill {
    pub invocations: u64,
    /// From the start of a process, or from the delivery of an event, to the answer. This is what AWS bills, before rounding up.
    pub billed: Duration,
    /// How many processes were started.
    pub started: u64,
    /// How many processes were killed.
    pub killed: u64,
}

/// A deployed function.
#[derive(Debug)]
pub struct Function {
    spec: Spec,
    permits: Semaphore,
    idle: Mutex<Vec<Instance>>,
    bill: Mutex<Bill>,
    killer: Mutex<Option<Killer>>,
    /// When the value changes, all processes at work are killed.
    massacres: watch::Sender<u64>,
    ids: AtomicU64,
}

/// One process and its Runtime API.
#[derive(Debug)]
struct Instance {
    process: Child,
    inbox: mpsc::UnboundedSender<Invocation>,
    _api: Served,
}

impl Instance {
    /// The instance, unless its process has ended.
    fn alive(mut self) -> Option<Self> {
        self.process.try_wait().unwrap().is_none().then_some(self)
    }
}

#[derive(Debug)]
struct Invocation {
    id: String,
    event: String,
    deadline_ms: u128,
    tell: oneshot::Sender<Answer>,
}

impl Function {
    #[must_use]
    pub fn deploy(spec: Spec) -> Arc<Self> {
        Arc::new(Self {
            permits: Semaphore::new(spec.instances),
            spec,
            idle: Mutex::default(),
            bill: Mutex::default(),
            killer: Mutex::default(),
            massacres: watch::Sender::new(0),
            ids: AtomicU64::new(0),
        })
    }

    /// From now on `killer` strikes its processes; `None` leaves them in peace.
    pub fn haunt(&self, killer: Option<Killer>) {
        *self.killer.lock().unwrap() = killer;
    }

    /// Kills all of its processes, at work or idle.
    pub fn kill_all(&self) {
        self.idle.lock().unwrap().clear();
        self.massacres.send_modify(|n| *n += 1);
    }

    #[must_use]
    pub fn bill(&self) -> Bill {
        *self.bill.lock().unwrap()
    }

    async fn start(&self) -> Instance {
        let (inbox, events) = mpsc::unbounded_channel();
        let api = runtime_api(events).await;
        let log = std::fs::File::options().create(true).append(true).open(&self.spec.log).unwrap();
        let mut command = Command::new(&self.spec.binary);
        command
            .env_clear()
            .env("_HANDLER", self.spec.handler)
            .env("AWS_LAMBDA_RUNTIME_API", api.address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", self.spec.handler)
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_LOG_FORMAT", "JSON")
            .env("AWS_LAMBDA_LOG_LEVEL", "INFO")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", self.spec.handler)
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "local")
            .envs(self.spec.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .kill_on_drop(true);
        let process = command.spawn().unwrap_or_else(|why| panic!("{}: {why}", self.spec.binary.display()));
        self.bill.lock().unwrap().started += 1;
        Instance { process, inbox, _api: api }
    }

    async fn run(&self, instance: &mut Instance, event: &Value) -> Answer {
        let n = self.ids.fetch_add(1, Ordering::Relaxed);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let (tell, told) = oneshot::channel();
        let invocation = Invocation {
            id: format!("{}-{n}", self.spec.handler),
            event: event.to_string(),
            deadline_ms: (now + self.spec.timeout).as_millis(),
            tell,
        };
        let strikes_after = self.killer.lock().unwrap().as_ref().and_then(Killer::strikes_after);
        let killed = async {
            match strikes_after {
                Some(after) => tokio::time::sleep(after).await,
                None => std::future::pending().await,
            }
        };
        let mut massacres = self.massacres.subscribe();
        // A process that is killed at the very beginning must have done nothing, however slow this machine is at killing it.
        if strikes_after != Some(Duration::ZERO) {
            instance.inbox.send(invocation).unwrap();
        }
        tokio::select! {
            answer = told => return answer.unwrap_or_else(|_| Answer::Failed("its process never asked for it".to_owned())),
            status = instance.process.wait() => return Answer::Failed(format!("its process ended: {status:?}")),
            () = tokio::time::sleep(self.spec.timeout) => {}
            () = killed => self.bill.lock().unwrap().killed += 1,
            _ = massacres.changed() => self.bill.lock().unwrap().killed += 1,
        }
        let _ = instance.process.kill().await;
        Answer::Failed("its process was killed".to_owned())
    }
}

impl Invoke for Function {
    async fn invoke(&self, event: &Value) -> Answer {
        let _permit = self.permits.acquire().await.unwrap();
        let begun = Instant::now();
        let idle = self.idle.lock().unwrap().pop();
        let mut instance = match idle.and_then(Instance::alive) {
            Some(instance) => instance,
            None => self.start().await,
        };
        let answer = self.run(&mut instance, event).await;
        {
            let mut bill = self.bill.lock().unwrap();
            bill.invocations += 1;
            bill.billed += begun.elapsed();
        }
        self.idle.lock().unwrap().extend(instance.alive());
        answer
    }
}

/// The id of the current invocation, and the sender for its answer.
type AtWork = (String, oneshot::Sender<Answer>);

/// Serves the Runtime API for one process.
async fn runtime_api(events: mpsc::UnboundedReceiver<Invocation>) -> Served {
    let events = Arc::new(tokio::sync::Mutex::new(events));
    let at_work: Arc<Mutex<Option<AtWork>>> = Arc::default();
    serve(move |asked: Asked| {
        let (events, at_work) = (Arc::clone(&events), Arc::clone(&at_work));
        async move {
            let path = asked.path.strip_prefix("/2018-06-01/runtime/").unwrap_or_default();
            if path == "invocation/next" {
                // There is no answer without another event: the process is frozen.
                let Some(next) = events.lock().await.recv().await else { return std::future::pending().await };
                let header = |name: &str, value: String| (name.to_owned(), value);
                let headers = vec![
                    header("lambda-runtime-aws-request-id", next.id.clone()),
                    header("lambda-runtime-deadline-ms", next.deadline_ms.to_string()),
                    header(
                        "lambda-runtime-invoked-function-arn",
                        "arn:aws:lambda:us-east-1:000000000000:function:f".to_owned(),
                    ),
                    header("content-type", "application/json".to_owned()),
                ];
                *at_work.lock().unwrap() = Some((next.id, next.tell));
                return Reply::Answer { status: 200, headers, body: next.event };
            }
            let waiting = at_work.lock().unwrap().take();
            let (waiting, answer) = match (path.split('/').collect::<Vec<_>>().as_slice(), waiting) {
                (["invocation", id, "response"], Some((known, tell))) if *id == known => {
                    (tell, Answer::Returned(asked.body))
                }
                (["invocation", id, "error"], Some((known, tell))) if *id == known => {
                    (tell, Answer::Failed(asked.body))
                }
                (["init", "error"], Some((_, tell))) => (tell, Answer::Failed(asked.body)),
                _ => return Reply::json(403, &json!({"errorType": "InvalidRequestID", "errorMessage": asked.path})),
            };
            let _ = waiting.send(answer);
            Reply::json(202, &json!({"status": "OK"}))
        }
    })
    .await
}
