//! `tenant`: runs the simulated tenant as a server of its own.

use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use purge_sim::{Scenario, Tenant};

use super::scenario;
use crate::args::TenantArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::runtime::on_this_thread;
use crate::simulated::world::World;
use crate::simulated::{faults, server};
use crate::terminal::print_out;

/// Serves until it is interrupted.
pub(crate) fn run(args: &TenantArgs) -> Result<Exit, Failure> {
    let scenario = apply_flags(scenario::read(args.scenario.as_deref())?, args)?;
    let failed = |why| Failure::machine(&format!("listen on {}", args.listen), why);
    let listener = TcpListener::bind(args.listen).map_err(|why| {
        let message = format!("cannot listen on {}: {why}", args.listen);
        let help = "another program may be listening there: give `--listen` another port, or port 0 for any free one";
        Failure::new(Exit::BadInput, "tenant.listen", "--listen", message, help)
    })?;
    listener.set_nonblocking(true).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let world = Arc::new(Mutex::new(World::new(Tenant::new(scenario), None, None)));
    print_out(&format!("simulated tenant at http://{address}"));
    on_this_thread(async {
        tokio::select! {
            ended = server::serve(listener, world) => ended.map(|never| match never {}).map_err(failed),
            interrupted = tokio::signal::ctrl_c() => interrupted.map_err(failed),
        }
    })?;
    Ok(Exit::Fine)
}

/// The scenario, changed by the flags.
fn apply_flags(mut scenario: Scenario, args: &TenantArgs) -> Result<Scenario, Failure> {
    if let Some(seed) = args.seed {
        scenario.seed = seed;
    }
    if let Some(limit) = args.rate_limit {
        scenario.rate_limit.per_minute = Some(limit);
    }
    if let Some(seconds) = args.job_seconds {
        scenario.data_deletion.processing_seconds = seconds;
        scenario.recording_jobs.processing_seconds = seconds;
    }
    if let Some(concurrency) = args.concurrency {
        scenario.data_deletion.concurrency = concurrency;
    }
    for text in &args.faults {
        let fault = faults::parse(text).map_err(|why| {
            Failure::new(Exit::BadInput, "fault.invalid", "--fault", why, "`genesys-purge tenant --help` lists them")
        })?;
        scenario.faults.push(fault);
    }
    Ok(scenario)
}
