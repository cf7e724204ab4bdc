//! A server that reads a header by axum-extra.

use axum::{Router, routing::get};
use axum_extra::TypedHeader;
use axum_extra::headers::UserAgent;

async fn agent(TypedHeader(agent): TypedHeader<UserAgent>) -> String {
    agent.to_string()
}

pub fn app() -> Router {
    Router::new().route("/agent", get(agent))
}
