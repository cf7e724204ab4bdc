//! Spans of tracing that go to opentelemetry.

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::TracerProvider;
use tracing_subscriber::layer::SubscriberExt;

pub fn layered() -> bool {
    let provider = TracerProvider::builder().build();
    let tracer = provider.tracer("me");
    let layer = tracing_opentelemetry::layer().with_tracer(tracer);
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, || {
        let _span = tracing::info_span!("x").entered();
        true
    })
}
