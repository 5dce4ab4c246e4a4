//! OAuth client credentials: the token request, its answer, and when a token is stale.
