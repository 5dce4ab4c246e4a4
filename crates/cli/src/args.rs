//! The command line.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use purge_core::json::typed_digest;
use purge_core::policy::MAX_SECONDS;

/// The ledger of a command that is given none.
pub(crate) const DEFAULT_LEDGER: &str = "genesys-purge-data";

const EXIT_CODES: &str = "\
Exit codes:
  0   every chunk was deleted and verified (plan, verify: nothing to object to)
  1   internal error
  2   bad input: request, policy, settings or arguments; nothing was sent
  3   blocked by a legal hold, a retention rule or a guard; nothing was deleted
  4   some or all chunks were not deleted; `status RUN` says which and why
  5   something is left over, or it is not known what was deleted
      (verify: the evidence does not hold)
  6   cancelled
  7   approval is missing or does not match the plan
  75  stopped before the end; the same command continues from there

`retry RUN --messages` exits with 75 if messages are still to be sent, with 5 if any were
given up, and otherwise with the run's code. Undelivered messages change no other exit code:
see `pending` of the event `webhooks`, or `undelivered` of `status --json`.";

const SETTINGS: &str = "\
Settings (environment):
  GENESYS_REGION             region name or domain: us-east-1, mypurecloud.ie
  GENESYS_BASE_URL           address of the API instead, for a gateway: https://purge.example.com
  GENESYS_LOGIN_URL          address of the login, where it is not login.{domain} or the API's
  GENESYS_CLIENT_ID          OAuth client (client credentials)
  GENESYS_CLIENT_SECRET      its secret, or GENESYS_CLIENT_SECRET_FILE: a file that holds it
  GOVERNANCE_WEBHOOK_URL     receives a message for every chunk that ends
  GOVERNANCE_WEBHOOK_SECRET  whsec_…, signs these messages, or GOVERNANCE_WEBHOOK_SECRET_FILE
  DATA_JURISDICTION          jurisdiction of requests that name none
  HTTPS_PROXY, NO_PROXY      proxy for TLS: http://[user:password@]proxy.example.com:3128, and
                             what is reached without it: names, addresses, networks
  SSL_CERT_FILE              authorities to trust instead of the machine's

With none of the GENESYS_ settings, `run` works on a simulated tenant and says so everywhere.";

const FIRST_STEPS: &str = "\
First steps; without GENESYS_ settings nothing real is deleted:
  genesys-purge plan examples/q1-2023.json    see what would be deleted
  genesys-purge run examples/q1-2023.json     rehearse it on a simulated tenant
  genesys-purge status                        see what has been run
  genesys-purge serve                         the same in the browser
  genesys-purge verify genesys-purge-data/evidence/RUN
                                              check the proof, offline

In earnest: set GENESYS_REGION, GENESYS_CLIENT_ID, GENESYS_CLIENT_SECRET, then
  genesys-purge run q1.json --policy policy.json
                                              shows the plan and asks for its code

All settings and exit codes: `genesys-purge run --help`.
Every field of a request or policy: `genesys-purge schema request`.";

/// Deletes contact-centre interaction data from Genesys Cloud in bulk, provably.
#[derive(Debug, Parser)]
#[command(name = "genesys-purge", version, about, after_help = FIRST_STEPS)]
#[command(propagate_version = true, max_term_width = 110, disable_help_subcommand = true)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check a request and show what would be deleted; sends nothing
    #[command(after_help = "\
Examples:
  genesys-purge plan q1.json --policy policy.json
  genesys-purge plan q1.json --out q1.plan.json    for another person to approve
  genesys-purge plan q1.json --json | jq .planDigest")]
    Plan(PlanArgs),
    /// Delete, verify, write evidence; continues where it was stopped
    #[command(after_help = "\
Without GENESYS_ settings it runs on a simulated tenant. On a real tenant it shows
the plan and asks for its code; scripts pass the whole digest with --approve.

Examples:
  genesys-purge run examples/q1-2023.json
  genesys-purge run q1.plan.json --policy policy.json --approve sha256:… --approver dpo@example.com

Settings and exit codes: `genesys-purge run --help`.", after_long_help = format!("\
Without GENESYS_ settings it runs on a simulated tenant. On a real tenant it shows
the plan and asks for its code; scripts pass the whole digest with --approve.

Examples:
  genesys-purge run examples/q1-2023.json
  genesys-purge run q1.plan.json --policy policy.json --approve sha256:… --approver dpo@example.com

{SETTINGS}

{EXIT_CODES}"))]
    Run(RunArgs),
    /// Rehearse on the simulated tenant in virtual time; writes nothing
    #[command(after_help = "\
Examples:
  genesys-purge simulate examples/q1-2023.json
  genesys-purge simulate q1.json --scenario bad-day.json --json")]
    Simulate(SimulateArgs),
    /// Show the runs of a ledger, or one of them chunk by chunk
    #[command(after_help = "\
A run may be named by the first letters of its id. It is shown with its approver, the
digests of its plan and of its evidence, and the reason for each chunk that is not verified.

Examples:
  genesys-purge status
  genesys-purge status 3f9a --json")]
    Status(StatusArgs),
    /// Stop a run: submit nothing new, cancel what is not yet executed
    #[command(after_help = "\
Works from any terminal, also while the run is carried out elsewhere, and needs no settings.
If no process carries the run out and the settings are those of its tenant, it is ended at
once: open chunks are cancelled, submitted ones watched, and the evidence is written. The
exit code is then that of `run`. What has been deleted stays deleted.")]
    Cancel(CancelArgs),
    /// Try again the chunks of a run that did not end verified
    #[command(after_help = "\
The plan and its approval stay the same, and so does the policy that it was made with.
With --policy, nothing that the given policy keeps is deleted: a hold that is newer than
the plan stops the retry, and the request has to be planned and approved again. The
file is read again right before each deletion, as that of `run --policy`.

A cancel is withdrawn. With --chunk this is refused until every other chunk has ended or
has learned of the cancel.

With --messages it exits with 75 if messages are still to be sent, with 5 if any were
given up, and otherwise with the run's code. All exit codes: `genesys-purge run --help`.

Examples:
  genesys-purge retry 3f9a --policy policy.json
  genesys-purge retry 3f9a --chunk 7 --chunk 12")]
    Retry(RetryArgs),
    /// Check an evidence folder offline
    #[command(after_help = "\
Looks at every hash, the chains of records, the plan and its approver, the report
and its figures, and what the governance system was told, and names what was changed.
Exits with 0 if everything holds and with 5 if anything does not.

Only webhooks.jsonl says whether and when messages were delivered, and only plan.json on
which day the plan was made: the records do not have it.

A folder that was replaced as a whole passes as well: compare its manifest with the
digest that `run` printed. A later `retry` writes the folder anew and prints another.

Examples:
  genesys-purge verify genesys-purge-data/evidence/RUN
  genesys-purge verify genesys-purge-data/evidence/RUN --manifest sha256:…")]
    Verify(VerifyArgs),
    /// Serve the console, and the runs of a ledger, to a browser on this machine
    #[command(after_help = "\
Prints the address to open. Its last part is a token that is new at every start:
a person who has it can start, cancel and retry runs. The server only answers this machine.
Settings are those of `run`: without GENESYS_ settings, a simulated tenant.

A plan is carried out after its short code was typed and its approver named. With
--policy, only plans that were made with one of these policies are, and only their
runs go on. The file is read again right before each deletion: what a newer hold in it
keeps is not deleted.

If another program may have served a page at this address before, which the browser may
remember, use an address that none has used: --listen 127.A.B.C:0, with numbers of your own.

Ctrl-C stops runs after the current step. Continue a stopped run from the page
or with `genesys-purge retry`.

Examples:
  genesys-purge serve
  genesys-purge serve --policy policy.json --listen 127.0.0.1:0")]
    Serve(ServeArgs),
    /// Serve the simulated tenant over HTTP
    #[command(after_help = "\
To try `run` on it: its client id is `sim` and so is its secret, and its address does not
say in which region it lies, so give the one that the request names. `run` takes it for a
real tenant: the plan has to be approved, and SIMULATED is not said.

  export GENESYS_BASE_URL=http://127.0.0.1:8080 GENESYS_REGION=us-east-1
  export GENESYS_CLIENT_ID=sim GENESYS_CLIENT_SECRET=sim
  genesys-purge run examples/q1-2023.json

Examples:
  genesys-purge tenant --listen 127.0.0.1:8080
  genesys-purge tenant --seed 7 --rate-limit 60 --fault status:every=5:503
  genesys-purge tenant --fault submit:every=4:429:retry-after=1

Faults: CALL:WHEN:WHAT[:OPTION…]
  CALL  any, token, submit, status, count, details, inquiry, job.create, job.list, job.get,
        job.execute, job.cancel, job.failed, metadata, protection, organization, other,
        webhook (only in a scenario of `run`, which simulates the receiver too)
  WHEN  always, every=N, nth=N[,N…], permille=N
  WHAT  an HTTP status (429, 503, …), drop-before, drop-after, slow=MS, garbage,
        truncated, missing-id, stuck, status=WORD, revoke-token, fail-job,
        leave=RECORDS
  OPTION  retry-after=VALUE, limit=N")]
    Tenant(TenantArgs),
    /// Print the JSON Schema of a file format
    Schema(SchemaArgs),
}

/// Which policy applies.
#[derive(Debug, Args)]
pub(crate) struct Documents {
    /// Policy: retention rules, legal holds, jurisdictions, limits. With a plan file, which contains its own policy, nothing
    /// that this one keeps may be deleted. `run` reads it again right before each deletion
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
}

/// Arguments of `plan`.
#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// Purge request, JSON; `-` for standard input
    pub(crate) request: PathBuf,
    #[command(flatten)]
    pub(crate) documents: Documents,
    /// Region of the tenant, if its address does not say
    #[arg(long, value_name = "REGION")]
    pub(crate) tenant_jurisdiction: Option<String>,
    /// Write a plan file, which `run` takes in place of a request. Replaces an earlier plan file and nothing else
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Print the plan as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Where runs are kept.
#[derive(Debug, Args)]
pub(crate) struct Ledger {
    /// Folder that stores runs; `run` and `serve` create it if it is missing
    #[arg(long, value_name = "DIR", default_value = DEFAULT_LEDGER)]
    pub(crate) ledger: PathBuf,
}

/// Arguments of `run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Purge request or plan file, JSON; `-` for standard input
    pub(crate) request: PathBuf,
    #[command(flatten)]
    pub(crate) documents: Documents,
    #[command(flatten)]
    pub(crate) ledger: Ledger,
    /// Folder for the evidence [default: evidence/RUN in the ledger's folder]
    #[arg(long, value_name = "DIR")]
    pub(crate) evidence: Option<PathBuf>,
    /// Digest of the plan that you approve: sha256:…
    #[arg(long, value_name = "DIGEST")]
    pub(crate) approve: Option<String>,
    /// Who approves, for the record [default: the request's requestedBy]
    #[arg(long, value_name = "NAME")]
    pub(crate) approver: Option<String>,
    /// Chunks under way at once, at most what the policy allows
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) concurrency: Option<u32>,
    /// Seconds from a chunk's first submit to its end, not counting waits for the request budget and the cool-off; at most what
    /// the policy allows and 30 days
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=MAX_SECONDS))]
    pub(crate) chunk_deadline: Option<u64>,
    /// Region of the tenant, if its address does not say
    #[arg(long, value_name = "REGION")]
    pub(crate) tenant_jurisdiction: Option<String>,
    /// Scenario of the simulated tenant
    #[arg(long, value_name = "FILE")]
    pub(crate) scenario: Option<PathBuf>,
    /// Print one JSON event a line, the report last; a problem that stops it comes after that
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `simulate`.
#[derive(Debug, Args)]
pub(crate) struct SimulateArgs {
    /// Purge request, JSON; `-` for standard input
    pub(crate) request: PathBuf,
    #[command(flatten)]
    pub(crate) documents: Documents,
    /// Scenario of the simulated tenant
    #[arg(long, value_name = "FILE")]
    pub(crate) scenario: Option<PathBuf>,
    /// Print one JSON event a line, the report last; a problem that stops it comes after that
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `status`.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Run to show chunk by chunk
    pub(crate) run: Option<String>,
    #[command(flatten)]
    pub(crate) ledger: Ledger,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `cancel`.
#[derive(Debug, Args)]
pub(crate) struct CancelArgs {
    /// Run to stop
    pub(crate) run: String,
    /// Who asks for it, for the record [default: the name of your account]
    #[arg(long, value_name = "NAME")]
    pub(crate) by: Option<String>,
    #[command(flatten)]
    pub(crate) ledger: Ledger,
    /// Folder for the evidence [default: where it was; at first, evidence/RUN in the ledger's folder]
    #[arg(long, value_name = "DIR")]
    pub(crate) evidence: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `retry`.
#[derive(Debug, Args)]
pub(crate) struct RetryArgs {
    /// Run to go on with
    pub(crate) run: String,
    /// Only this chunk; may be repeated
    #[arg(long = "chunk", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) chunks: Vec<u32>,
    /// Send the messages that the governance system has not accepted, and nothing else: nothing is deleted, no cancel is withdrawn
    #[arg(long, conflicts_with_all = ["chunks", "policy", "by"])]
    pub(crate) messages: bool,
    /// Who asks for it, for the record [default: the name of your account]
    #[arg(long, value_name = "NAME")]
    pub(crate) by: Option<String>,
    /// Policy file that applies now: nothing that it keeps may be deleted
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) ledger: Ledger,
    /// Folder for the evidence [default: where it was; at first, evidence/RUN in the ledger's folder]
    #[arg(long, value_name = "DIR")]
    pub(crate) evidence: Option<PathBuf>,
    /// Print one JSON event a line, the report last; a problem that stops it comes after that
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// Evidence folder that `run` left; `status RUN` shows where it is
    #[arg(value_name = "FOLDER")]
    pub(crate) evidence: PathBuf,
    /// Digest of manifest.json, as `run` printed it (sha256:…) or `sha256sum` prints it
    #[arg(long, value_name = "DIGEST", value_parser = digest)]
    pub(crate) manifest: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Loopback address to listen on; port 0 takes any free one. The browser keeps drafts by address
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7433")]
    pub(crate) listen: SocketAddr,
    #[command(flatten)]
    pub(crate) ledger: Ledger,
    /// Folder of the built page
    #[arg(long, value_name = "DIR", default_value = "www/dist")]
    pub(crate) www: PathBuf,
    /// Carry out only plans that were made with this policy; may be repeated
    #[arg(long = "policy", value_name = "FILE")]
    pub(crate) policies: Vec<PathBuf>,
    /// Region of the tenant, if its address does not say
    #[arg(long, value_name = "REGION")]
    pub(crate) tenant_jurisdiction: Option<String>,
    /// Scenario of the simulated tenant
    #[arg(long, value_name = "FILE")]
    pub(crate) scenario: Option<PathBuf>,
}

/// Arguments of `tenant`.
#[derive(Debug, Args)]
pub(crate) struct TenantArgs {
    /// Address to listen on; port 0 takes any free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// Scenario file; the other flags change it
    #[arg(long, value_name = "FILE")]
    pub(crate) scenario: Option<PathBuf>,
    /// Seed of the population and of chance
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Requests a minute and token
    #[arg(long, value_name = "N")]
    pub(crate) rate_limit: Option<u64>,
    /// Seconds that a deletion takes
    #[arg(long, value_name = "SECONDS")]
    pub(crate) job_seconds: Option<u64>,
    /// Deletions carried out at once
    #[arg(long, value_name = "N")]
    pub(crate) concurrency: Option<NonZeroU32>,
    /// A fault to inject; may be repeated
    #[arg(long = "fault", value_name = "FAULT")]
    pub(crate) faults: Vec<String>,
}

/// Reads a digest, with or without the name of its algorithm, and returns it as this program writes it.
fn digest(text: &str) -> Result<String, String> {
    typed_digest(text)
        .ok_or_else(|| "a digest is 64 hexadecimal digits, with or without `sha256:` before them".to_owned())
}

/// A file format.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Format {
    /// Purge request
    Request,
    /// Policy
    Policy,
    /// Scenario of the simulated tenant
    Scenario,
}

/// Arguments of `schema`.
#[derive(Debug, Args)]
pub(crate) struct SchemaArgs {
    /// Which format
    pub(crate) format: Format,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
