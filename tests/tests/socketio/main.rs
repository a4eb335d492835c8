//! `socket.io-client` of the npm registry against the server of `socketio`.

/// Runs a scenario once over each way a client can travel: `async fn(Value)`, the value the
/// options it connects with.
macro_rules! over_every_transport {
    ($($scenario:ident)*) => { $(
        mod $scenario {
            use serde_json::json;

            #[tokio::test]
            async fn over_websocket() {
                super::$scenario(json!({ "transports": ["websocket"] })).await;
            }

            #[tokio::test]
            async fn over_polling() {
                super::$scenario(json!({ "transports": ["polling"] })).await;
            }

            #[tokio::test]
            async fn over_polling_first() {
                super::$scenario(json!({ "transports": ["polling", "websocket"] })).await;
            }
        }
    )* };
}

mod acks;
mod connect;
mod disconnect;
mod events;
mod namespaces;
mod order;
mod reconnect;
