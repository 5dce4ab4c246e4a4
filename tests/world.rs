//! The simulated tenant behind the driver's HTTP port.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use purge_core::http::{HttpResponse, NoResponse};
use purge_core::time::Timestamp;
use purge_driver::{Clock, Http, VirtualClock, WireRequest};
use purge_sim::{Delivery, Scenario, Tenant, TenantRequest, WebhookSink};

/// The address of the simulated tenant.
pub const TENANT: &str = "http://127.0.0.1:7000";

/// The address of the governance webhook.
pub const WEBHOOK: &str = "http://127.0.0.1:7001/hook";

/// Counts what this process does, and ends the process at a chosen point.
#[derive(Debug, Default)]
pub struct Fuse {
    left: Cell<Option<u64>>,
    blown: Cell<bool>,
    burnt: Cell<u64>,
}

impl Fuse {
    /// Ends the process at the `n`-th point from now.
    pub fn set(&self, n: u64) {
        self.left.set(Some(n));
        self.blown.set(false);
    }

    /// Lets the process live.
    pub fn unset(&self) {
        self.left.set(None);
        self.blown.set(false);
    }

    /// Whether the process has ended.
    #[must_use]
    pub fn is_blown(&self) -> bool {
        self.blown.get()
    }

    /// How many points have been passed so far.
    #[must_use]
    pub fn burnt(&self) -> u64 {
        self.burnt.get()
    }

    /// The result of `life`; `None` if the process dies first.
    pub async fn until_blown<F: Future>(&self, life: F) -> Option<F::Output> {
        let mut life = pin!(life);
        poll_fn(|cx| {
            let polled = life.as_mut().poll(cx);
            if self.is_blown() { Poll::Ready(None) } else { polled.map(Some) }
        })
        .await
    }

    /// A point at which the process can die. Never returns if it does.
    pub async fn point(&self) {
        self.burnt.set(self.burnt.get() + 1);
        match self.left.get() {
            Some(0) => self.blown.set(true),
            Some(n) => self.left.set(Some(n - 1)),
            None => {}
        }
        if self.blown.get() {
            pending::<()>().await;
        }
    }
}

/// The other end of the connection, and the connection itself.
pub struct Wire<'a> {
    clock: &'a VirtualClock,
    fuse: &'a Fuse,
    /// The tenant.
    pub tenant: RefCell<Tenant>,
    /// The governance system.
    pub sink: RefCell<WebhookSink>,
}

impl<'a> Wire<'a> {
    /// A new tenant, and a governance system that keeps what it is sent.
    #[must_use]
    pub fn new(scenario: &Scenario, clock: &'a VirtualClock, fuse: &'a Fuse) -> Self {
        let tenant = RefCell::new(Tenant::new(scenario.clone()));
        Self { clock, fuse, tenant, sink: RefCell::new(WebhookSink::new(scenario.clone())) }
    }
}

impl Http for Wire<'_> {
    async fn send(&self, request: WireRequest) -> Result<HttpResponse, NoResponse> {
        self.fuse.point().await;
        let (webhook, path) = match request.url.strip_prefix(TENANT) {
            Some(path) => (false, path.to_owned()),
            None => (true, request.url.strip_prefix("http://127.0.0.1:7001").unwrap().to_owned()),
        };
        let body = String::from_utf8(request.body).unwrap();
        let received = TenantRequest { method: request.method, path, headers: request.headers, body };
        let now: Timestamp = self.clock.now();
        let reply = if webhook {
            self.sink.borrow_mut().handle(&received, now)
        } else {
            self.tenant.borrow_mut().handle(&received, now)
        };
        self.fuse.point().await;
        let after = reply.after.min(request.timeout);
        self.clock.sleep_until(now.plus(after.max(Duration::from_millis(1)))).await;
        if reply.after >= request.timeout {
            return Err(NoResponse::TimedOut);
        }
        self.fuse.point().await;
        match reply.delivery {
            Delivery::Answer(response) => Ok(response),
            Delivery::Dropped | Delivery::Truncated(..) => Err(NoResponse::Dropped),
        }
    }
}
