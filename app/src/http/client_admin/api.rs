use std::sync::Arc;

use inwren_domain::client::{ClientId, ClientSecretId, manage};
use inwren_domain::kernel::PageRequest;
use poem::Request;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use time::OffsetDateTime;
use uuid::Uuid;

use super::answers::{self, ClientCreated, ClientListing, SecretCreated, no_client};
use super::dto::{
    ClientDetailsDto, ClientDto, ClientPage, CreateClientRequest, CreateClientSecretRequest, NewClientDto,
    NewSecretDto, UpdateClientRequest,
};
use crate::config::by_user;
use crate::http::shared::authentication::bearer::Administrator;
use crate::http::shared::body::{JsonBody, OptionalJsonBody};
use crate::http::shared::client::Client;
use crate::http::shared::cursor::ClientCursor;
use crate::http::shared::paging::refuse_repeated_parameters;
use crate::http::shared::parameter::Parameter;
use crate::http::shared::problem::Problem;
use crate::http::shared::responses::{Answer, Json, NoContent};
use crate::http::shared::state::AppState;
use crate::http::shared::tags::ApiTags;

pub(in crate::http) struct ClientsApi(pub(in crate::http) Arc<AppState>);

#[OpenApi(prefix_path = "/admin/clients", tag = "ApiTags::Administration")]
impl ClientsApi {
    /// List clients
    ///
    /// Lists the OAuth 2.0 clients in the byte order of their ids: applications that users log in to, and services. A
    /// caller that follows `next_cursor` gets every client exactly once, even if clients are created and deleted
    /// meanwhile.
    #[oai(path = "/", method = "get", operation_id = "list_clients")]
    async fn list(
        &self,
        admin: Administrator<by_user::Admin>,
        request: &Request,
        /// The maximum number of clients per page.
        #[oai(default = "default_limit", validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<u16>,
        /// `next_cursor` of the previous page.
        cursor: Query<Option<Parameter<ClientCursor>>>,
    ) -> Answer<ClientListing, answers::List> {
        refuse_repeated_parameters(request)?;
        let page = PageRequest::new(limit.0, cursor.0.map(|Parameter(ClientCursor(id))| id));
        let page = manage::page(&self.0.core, admin.0, page).await?;
        Ok(ClientListing::new(request, ClientPage::from(page)))
    }

    /// Create a client
    ///
    /// Registers an application or a service. A client that authenticates with a secret gets one, which the response
    /// contains and no later one.
    #[oai(path = "/", method = "post", operation_id = "create_client")]
    async fn create(
        &self,
        admin: Administrator<by_user::Admin>,
        client: Client,
        body: JsonBody<CreateClientRequest>,
    ) -> Answer<ClientCreated, answers::Create> {
        let (id, settings) = body.0.parts()?;
        let created = manage::create(&self.0.core, admin.0, id, settings, &client.0).await?;
        let location = self.0.issuer.at(&format!("/admin/clients/{}", created.client.id));
        let new = NewClientDto::new(&created.client, created.secret.as_ref());
        Ok(ClientCreated::Created(Json(new), location))
    }

    /// Get a client
    ///
    /// Returns the client with this id, active or not, and what is known of its secrets.
    #[oai(path = "/:client_id", method = "get", operation_id = "get_client")]
    async fn get(
        &self,
        admin: Administrator<by_user::Admin>,
        /// The `id` of the client.
        client_id: Path<String>,
    ) -> Answer<Json<ClientDetailsDto>, answers::One> {
        let id = parsed(&client_id.0)?;
        let (client, secrets) = manage::get(&self.0.core, admin.0, &id).await?;
        Ok(Json(ClientDetailsDto::new(&client, &secrets)))
    }

    /// Update a client
    ///
    /// Omitted fields keep their values. With the state `disabled`, the client gets no tokens, and its tokens are
    /// refused immediately.
    #[oai(path = "/:client_id", method = "put", operation_id = "update_client")]
    async fn update(
        &self,
        admin: Administrator<by_user::Admin>,
        client: Client,
        /// The `id` of the client.
        client_id: Path<String>,
        body: JsonBody<UpdateClientRequest>,
    ) -> Answer<Json<ClientDto>, answers::Update> {
        let id = parsed(&client_id.0)?;
        let (found, _) = manage::get(&self.0.core, admin.0, &id).await?;
        let settings = body.0.apply(&found)?;
        let updated = manage::update(&self.0.core, admin.0, found, settings, &client.0).await?;
        Ok(Json(ClientDto::from(&updated)))
    }

    /// Delete a client
    ///
    /// Deletes the client with its secrets, codes and consents permanently. Its tokens are refused immediately. Audit
    /// events about the client are kept.
    #[oai(path = "/:client_id", method = "delete", operation_id = "delete_client")]
    async fn delete(
        &self,
        admin: Administrator<by_user::Admin>,
        client: Client,
        /// The `id` of the client.
        client_id: Path<String>,
    ) -> Answer<NoContent, answers::One> {
        let id = parsed(&client_id.0)?;
        manage::delete(&self.0.core, admin.0, &id, &client.0).await?;
        Ok(NoContent::NoContent)
    }

    /// Create a client secret
    ///
    /// Adds a secret to the client, and returns it. The others stay valid, so that you can replace one without an
    /// interruption. A client can have 5.
    #[oai(path = "/:client_id/secrets", method = "post", operation_id = "create_client_secret")]
    async fn create_secret(
        &self,
        admin: Administrator<by_user::Admin>,
        client: Client,
        /// The `id` of the client.
        client_id: Path<String>,
        body: OptionalJsonBody<CreateClientSecretRequest>,
    ) -> Answer<SecretCreated, answers::CreateSecret> {
        let id = parsed(&client_id.0)?;
        let expires_at = self.in_future(body.0.expires_at)?;
        let (stored, secret) = manage::add_secret(&self.0.core, admin.0, &id, expires_at, &client.0).await?;
        Ok(SecretCreated::Created(Json(NewSecretDto::new(&stored, &secret))))
    }

    /// Delete a client secret
    ///
    /// The client can no longer authenticate with it. Access tokens that it got with it stay valid.
    #[oai(path = "/:client_id/secrets/:secret_id", method = "delete", operation_id = "delete_client_secret")]
    async fn delete_secret(
        &self,
        admin: Administrator<by_user::Admin>,
        client: Client,
        /// The `id` of the client.
        client_id: Path<String>,
        /// The `id` of the secret.
        secret_id: Path<Uuid>,
    ) -> Answer<NoContent, answers::DeleteSecret> {
        let id = parsed(&client_id.0)?;
        let secret = ClientSecretId::from_uuid(secret_id.0);
        manage::delete_secret(&self.0.core, admin.0, &id, secret, &client.0).await?;
        Ok(NoContent::NoContent)
    }
}

impl ClientsApi {
    /// Refuses a time that has passed.
    fn in_future(&self, expires_at: Option<OffsetDateTime>) -> Result<Option<OffsetDateTime>, Problem> {
        if expires_at.is_some_and(|expires_at| expires_at <= self.0.core.clock.now()) {
            return Err(Problem::invalid("/expires_at", "Field `expires_at` must be in the future"));
        }
        Ok(expires_at)
    }
}

/// Parses the id in a path. No client has an invalid one.
fn parsed(id: &str) -> Result<ClientId, Problem> {
    ClientId::parse(id).map_err(|_| no_client())
}

fn default_limit() -> u16 {
    PageRequest::DEFAULT_LIMIT
}
