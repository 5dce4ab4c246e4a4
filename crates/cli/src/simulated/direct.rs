//! The HTTP port to a simulated tenant without a network, for virtual time.

use std::cell::RefCell;

use purge_core::http::{HttpResponse, NoResponse};
use purge_driver::{Clock, Http, WireRequest};
use purge_sim::{Delivery, TenantRequest};

use super::world::World;

/// Answers requests by passing them to the world.
#[derive(Debug)]
pub(crate) struct Direct<'a, C> {
    world: RefCell<World>,
    clock: &'a C,
}

impl<'a, C> Direct<'a, C> {
    /// Answers from that world, by that clock.
    pub(crate) fn new(world: World, clock: &'a C) -> Self {
        Self { world: RefCell::new(world), clock }
    }
}

impl<C: Clock> Http for Direct<'_, C> {
    async fn send(&self, request: WireRequest) -> Result<HttpResponse, NoResponse> {
        let request = TenantRequest {
            method: request.method,
            path: path(&request.url).to_owned(),
            headers: request.headers,
            body: String::from_utf8_lossy(&request.body).into_owned(),
        };
        let now = self.clock.now();
        let reply = self.world.borrow_mut().handle(&request, now).map_err(|_| NoResponse::Dropped)?;
        self.clock.sleep_until(now.plus(reply.after)).await;
        match reply.delivery {
            Delivery::Answer(response) => Ok(response),
            Delivery::Dropped | Delivery::Truncated(..) => Err(NoResponse::Dropped),
        }
    }
}

/// Path and query of an absolute address.
fn path(url: &str) -> &str {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
    authority.find('/').and_then(|at| authority.get(at..)).unwrap_or("/")
}
