use std::collections::VecDeque;
use std::sync::Mutex;

use async_trait::async_trait;
use inwren_domain::outbound::{Outbound, OutboundError};

/// Requests that stay in memory. Each gets status 200, unless the test sets another answer.
#[derive(Default)]
pub struct FakeOutbound {
    posts: Mutex<Vec<Post>>,
    answers: Mutex<VecDeque<Result<u16, OutboundError>>>,
}

/// A request that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    /// The URL.
    pub url: String,
    /// The fields of the form, in their order.
    pub fields: Vec<(String, String)>,
}

impl Post {
    /// The value of a field.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }
}

impl FakeOutbound {
    /// A later request gets this answer. Of several answers each is for one request, the first one first.
    pub fn answer(&self, answer: Result<u16, OutboundError>) {
        self.answers.lock().unwrap().push_back(answer);
    }

    /// All requests, also those that failed, oldest first.
    pub fn posts(&self) -> Vec<Post> {
        self.posts.lock().unwrap().clone()
    }
}

#[async_trait]
impl Outbound for FakeOutbound {
    async fn post_form(&self, url: &str, fields: &[(&str, &str)]) -> Result<u16, OutboundError> {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.posts.lock().unwrap().push(Post { url: url.to_owned(), fields });
        self.answers.lock().unwrap().pop_front().unwrap_or(Ok(200))
    }
}
