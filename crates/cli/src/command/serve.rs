//! `serve`: serves the console, and the runs of a ledger, to a browser on this machine.

use std::path::Path;
use std::sync::Arc;

use purge_core::policy::Policy;
use purge_driver::ledger::Ledger as _;
use purge_driver::{Clock as _, SystemClock};
use tokio::sync::watch;

use super::scenario;
use crate::args::ServeArgs;
use crate::carry::policy::PolicyFile;
use crate::carry::run::Surroundings;
use crate::carry::{interrupt, stored};
use crate::documents::{self, TenantRegion, read_text};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::ledger::SqliteLedger;
use crate::runtime::on_this_thread;
use crate::serve::{AllowedPolicy, Page, Server, Setup, Token, accept, listen};
use crate::settings::{Environment, RealTenant, Settings};
use crate::terminal::words::plural;
use crate::terminal::{CARE, STRONG, findings, paint, print_err, print_out};

/// Serves until it is interrupted.
pub(crate) fn run(args: &ServeArgs) -> Result<Exit, Failure> {
    let (listener, address) = listen(args.listen)?;
    let settings = Settings::read(&Environment)?;
    settings.remarks.iter().for_each(|remark| print_err(&findings::finding(remark)));
    let now = SystemClock.now();
    // Report now what would stop every plan, rather than at the first one.
    documents::check_context(&settings, args.tenant_jurisdiction.as_deref(), TenantRegion::Required, now)?;
    let scenario = scenario::for_settings(&settings, args.scenario.as_deref())?;
    let page = Page::read(&args.www)?;
    let policies = args.policies.iter().map(|path| read_policy(path)).collect::<Result<_, _>>()?;
    let folder = args.ledger.ledger.clone();
    let waiting = count_unfinished(&folder)?;
    let name = settings.tenant.as_ref().map(RealTenant::name);
    let setup = Setup {
        settings,
        around: Surroundings { folder: folder.clone(), evidence: None, scenario: None, policy: None },
        tenant_jurisdiction: args.tenant_jurisdiction.clone(),
        scenario,
        policies,
    };
    let (close, closing) = watch::channel(false);
    let server = Arc::new(Server::new(setup, page, Token::new()?, address, closing.clone()));
    match name {
        Some(tenant) => print_err(&paint(STRONG, &format!("tenant {tenant}: what is started here deletes there"))),
        None => print_err(&paint(CARE, "SIMULATED tenant: nothing real is deleted")),
    }
    print_err(&format!("ledger {}", folder.display()));
    if waiting > 0 {
        print_err(&format!("{} not finished: the page offers to go on with each", plural(waiting, "run")));
    }
    print_err("open this address; it works until the server ends, and a person who has it can start deletions:");
    print_out(&server.url());
    on_this_thread(async {
        let serving = async {
            accept(listener, Arc::clone(&server), closing).await?;
            let stopping = Arc::clone(&server);
            let stopped = tokio::task::spawn_blocking(move || stopping.carriers().stop());
            stopped.await.map_err(|why| Failure::machine("stop", why))
        };
        let asked = || {
            let under_way = u64::try_from(server.carriers().count()).unwrap_or(u64::MAX);
            if under_way > 0 {
                let runs = plural(under_way, "run");
                print_err(&format!("stopping {runs} after the current step; interrupt again to stop at once"));
            }
            // Stop the runs at once, whatever the connections do.
            server.carriers().ask_to_stop();
            close.send_replace(true);
        };
        interrupt::with_interrupts(serving, asked).await
    })?;
    let left = count_unfinished(&folder)?;
    if left > 0 {
        print_err(&format!("{} not finished: start the server again, or `genesys-purge retry`", plural(left, "run")));
        return Ok(Exit::Temporary);
    }
    Ok(Exit::Fine)
}

/// The number of runs in the ledger that have open chunks.
fn count_unfinished(folder: &Path) -> Result<u64, Failure> {
    let ledger = SqliteLedger::open(folder).map_err(stored::open_failure(folder))?;
    on_this_thread(async {
        let runs = ledger.runs().await.map_err(stored::ledger_failure)?;
        Ok(u64::try_from(runs.iter().filter(|row| row.open > 0).count()).unwrap_or(u64::MAX))
    })
}

fn read_policy(path: &Path) -> Result<AllowedPolicy, Failure> {
    let file = PolicyFile::new(path)?;
    let text = read_text(path)?;
    let (policy, mut found) = Policy::parse(&text);
    let name = path.display().to_string();
    match policy {
        Some(policy) if !purge_core::finding::stops(&found) => Ok(AllowedPolicy { name, policy, file }),
        Some(_) | None => {
            for finding in &mut found {
                finding.pointer = finding.pointer.replacen("policy#", &format!("{name}#"), 1);
            }
            Err(Failure::of_findings(found))
        }
    }
}
