//! The header is read.

use axum::body::Body;
use tower::ServiceExt;

#[tokio::test]
async fn the_agent_is_read() {
    let request = http::Request::builder()
        .uri("/agent")
        .header("user-agent", "me")
        .body(Body::empty())
        .unwrap();
    let response = web::app().oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200);
}
