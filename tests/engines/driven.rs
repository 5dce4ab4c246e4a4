//! The driver as `simulate` uses it: a ledger in memory, the tenant without a network, virtual time.

use std::cell::RefCell;

use futures_util::future::join;
use purge_core::http::{HttpResponse, NoResponse};
use purge_core::plan::PlanFile;
use purge_core::report::{Ordered, Report};
use purge_core::run::{Asked, ChunkRun};
use purge_core::time::Timestamp;
use purge_core::url::base_url;
use purge_driver::ledger::NewRun;
use purge_driver::{
    Clock as _, Credentials, Http, Ledger as _, MemoryLedger, RunEnd, Runner, Sender, Signal, Tenant, Unwatched,
    VirtualClock, WireRequest, Worker, virtual_time,
};
use purge_sim::{Delivery, TenantRequest};

use crate::{Given, Made};

const TENANT: &str = "https://simulated.invalid";

/// The simulated tenant behind the driver's port.
struct Direct<'a> {
    tenant: RefCell<purge_sim::Tenant>,
    clock: &'a VirtualClock,
}

impl Http for Direct<'_> {
    async fn send(&self, request: WireRequest) -> Result<HttpResponse, NoResponse> {
        let request = TenantRequest {
            method: request.method,
            path: request.url.strip_prefix(TENANT).unwrap().to_owned(),
            headers: request.headers,
            body: String::from_utf8(request.body).unwrap(),
        };
        let now = self.clock.now();
        let reply = self.tenant.borrow_mut().handle(&request, now);
        self.clock.sleep_until(now.plus(reply.after)).await;
        match reply.delivery {
            Delivery::Answer(response) => Ok(response),
            Delivery::Dropped | Delivery::Truncated(..) => Err(NoResponse::Dropped),
        }
    }
}

/// Carries the run out to its end. `cancel_at` is when it is asked to cancel, if at all.
pub(crate) fn drive(given: &Given, cancel_at: Option<Timestamp>) -> Made {
    let (order, clock) = (&given.order, VirtualClock::new(given.start));
    let http = Direct { tenant: RefCell::new(purge_sim::Tenant::new(given.scenario.clone())), clock: &clock };
    let (ledger, stop, client) = (MemoryLedger::new(), Signal::new(), given.scenario.client());
    let tenant = Tenant {
        api: base_url(TENANT).unwrap(),
        login: base_url(TENANT).unwrap(),
        deletion_api: order.request.api,
        credentials: Credentials::new(client.id, client.secret),
    };
    let worker = Worker {
        ledger: &ledger,
        sender: &Sender::new(&http, &clock, &tenant, order.limits.requests_per_minute),
        clock: &clock,
        watch: &Unwatched,
        owner: "driver",
        assume_dead_owners: true,
        policy: None,
        sends_messages: false,
        stop: &stop,
        patience: None,
    };
    let runner = Runner { worker, postman: None };
    let cancel = async {
        if let Some(at) = cancel_at {
            clock.sleep_until(at).await;
            let asked = Asked { by: order.approved_by.clone(), at };
            ledger.ask_cancel(&order.run_id, &asked).await.unwrap();
        }
    };
    let run = async {
        let chunks = given.plan.chunks().iter().map(|chunk| ChunkRun::new(order, *chunk)).collect();
        let plan_file = serde_json::to_string(&PlanFile::new(&given.plan, given.start)).unwrap();
        ledger.create(&NewRun { order: order.clone(), plan_file, chunks }, given.start).await.unwrap();
        // The cancel comes first: the runner looks for it at whole seconds.
        let ((), end) = join(cancel, runner.run(&order.run_id)).await;
        assert_eq!(end.unwrap(), RunEnd::Ended);
        ledger.records(&order.run_id, 0, u32::MAX).await.unwrap()
    };
    let records: Vec<_> = virtual_time::run(&clock, run).unwrap().into_iter().map(|row| row.record).collect();
    let ordered = Ordered::of(order, &given.plan);
    Made { report: Report::of(ordered, &records), records }
}
