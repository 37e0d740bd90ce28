//! The HTTP API. Each story is one test function that runs on every kind of store.

/// Makes one test per story and store. The compiler reports a story that is missing here as unused.
macro_rules! stories {
    ($($story:ident)+) => {
        stories!(memory: $($story)+);
        stories!(sqlite: $($story)+);
        stories!(postgres: $($story)+);
    };
    ($store:ident: $($story:ident)+) => {
        mod $store {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $story() {
                    let opened = inwren_tests::stores::$store().await;
                    super::$story(opened.store()).await;
                }
            )+
        }
    };
}

mod account;
mod account_pages;
mod activity;
mod admin;
mod admin_list;
mod audit;
mod authorization_coverage;
mod authorization_header;
mod bodies;
mod clients;
mod clock_steps;
mod cors;
mod deactivated;
mod empty_requests;
mod ended_tokens;
mod factor_pages;
mod factors;
mod faults;
mod foreign_hashes;
mod headers;
mod health;
mod home;
mod identity;
mod introspection;
mod letters;
mod limits;
mod login;
mod logout;
mod oauth;
mod old_tokens;
mod openapi;
mod password;
mod problem_pages;
mod protected;
mod provider;
mod proxies;
mod refresh;
mod register;
mod revocation;
mod routes;
mod sessions;
mod tokens;
mod well_known;
