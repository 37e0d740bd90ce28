//! Connections and HTTP framing: slow, greedy and hostile clients, proxies, shutdown.

mod floods;
mod framing;
mod graceful_stop;
mod proxy_protocol;
mod shared_connections;
mod slow_clients;
mod unread_bodies;
