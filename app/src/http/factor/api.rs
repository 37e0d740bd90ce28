use std::sync::Arc;

use inwren_domain::factor::{FactorId, FactorName, enrol, manage};
use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use uuid::Uuid;

use super::answers::{self, FactorCreated, NoRecoveryCodes, TotpCreated};
use super::dto::{
    AddPasskeyRequest, AddTotpRequest, ConfirmTotpRequest, FactorDto, FactorListDto, NewRecoveryCodesDto,
    NewTotpDto, RenameFactorRequest, name_of,
};
use super::qr;
use crate::config::by_user;
use crate::http::shared::authentication::bearer::{Authenticated, Enrolling};
use crate::http::shared::body::{JsonBody, OptionalJsonBody};
use crate::http::shared::client::Client;
use crate::http::shared::passkeys::CredentialCreationDto;
use crate::http::shared::problem::Problem;
use crate::http::shared::responses::{self, Answer, Json, NoContent};
use crate::http::shared::second_factor::read_code;
use crate::http::shared::state::AppState;
use crate::http::shared::tags::ApiTags;

pub(in crate::http) struct FactorsApi(pub(in crate::http) Arc<AppState>);

#[OpenApi(prefix_path = "/users/me", tag = "ApiTags::SecondFactors")]
impl FactorsApi {
    /// List your second factors
    ///
    /// Returns your authenticator apps and passkeys, oldest first, and how many recovery codes are left.
    #[oai(path = "/factors", method = "get", operation_id = "list_factors")]
    async fn list(
        &self,
        caller: Enrolling<by_user::Factors>,
    ) -> Answer<Json<FactorListDto>, responses::Enrolling> {
        Ok(Json(manage::list(&self.0.core, &caller.0.0).await?.into()))
    }

    /// Rename a second factor
    ///
    /// Changes only the name.
    #[oai(path = "/factors/:factor_id", method = "patch", operation_id = "rename_factor")]
    async fn rename(
        &self,
        caller: Authenticated<by_user::ManageFactors>,
        /// The `id` of the factor.
        factor_id: Path<Uuid>,
        body: JsonBody<RenameFactorRequest>,
    ) -> Answer<Json<FactorDto>, answers::Rename> {
        let name = name_of(&body.0.name).map_err(|problem| Problem::invalid("/name", problem))?;
        let id = FactorId::from_uuid(factor_id.0);
        let factor = manage::rename(&self.0.core, &caller.0, id, &name).await?;
        Ok(Json(FactorDto::from(&factor)))
    }

    /// Remove a second factor
    ///
    /// Requires a recent login with the highest assurance that your factors can give. With the last factor, the
    /// recovery codes go too. Trusted devices, open links and challenges end.
    #[oai(path = "/factors/:factor_id", method = "delete", operation_id = "remove_factor")]
    async fn remove(
        &self,
        caller: Authenticated<by_user::ManageFactors>,
        client: Client,
        /// The `id` of the factor.
        factor_id: Path<Uuid>,
    ) -> Answer<NoContent, answers::Remove> {
        let id = FactorId::from_uuid(factor_id.0);
        manage::remove(&self.0.core, &caller.0, id, &client.0).await?;
        Ok(NoContent::NoContent)
    }

    /// Replace your recovery codes
    ///
    /// Returns ten new codes, which are shown only here, and voids the old ones. Each code works once in place of a
    /// second factor. Requires a recent login with the highest assurance that your factors can give.
    #[oai(path = "/recovery-codes", method = "post", operation_id = "replace_recovery_codes")]
    async fn recovery_codes(
        &self,
        caller: Authenticated<by_user::ManageFactors>,
        client: Client,
    ) -> Answer<Json<NewRecoveryCodesDto>, answers::RecoveryCodes> {
        let codes = manage::replace_recovery_codes(&self.0.core, &caller.0, &client.0).await;
        Ok(Json(codes.map_err(|failure| failure.map(NoRecoveryCodes))?.into()))
    }

    /// Add an authenticator app
    ///
    /// Creates a secret for an authenticator app (RFC 6238), as key URI and QR code. It counts when a code has
    /// confirmed it, and replaces a secret that was not confirmed. Requires a recent login. An account can have 3.
    #[oai(path = "/totp", method = "post", operation_id = "add_totp")]
    async fn add_totp(
        &self,
        caller: Enrolling<by_user::ManageFactors>,
        client: Client,
        body: OptionalJsonBody<AddTotpRequest>,
    ) -> Answer<TotpCreated, answers::AddTotp> {
        let name = name(body.0.name.as_deref())?;
        let totp = enrol::begin_totp(&self.0.core, &caller.0.0, name, &client.0).await?;
        let qr_svg = qr::svg(totp.uri.expose())
            .ok_or_else(|| Problem::internal("the key URI is too long for a QR code"))?;
        Ok(TotpCreated::Created(Json(NewTotpDto::new(&totp, qr_svg))))
    }

    /// Confirm an authenticator app
    ///
    /// Enrols the app by a code that it shows. With the first factor of the account, the response has ten recovery
    /// codes, which are shown only here.
    #[oai(path = "/totp/:factor_id/confirm", method = "post", operation_id = "confirm_totp")]
    async fn confirm_totp(
        &self,
        caller: Enrolling<by_user::ManageFactors>,
        client: Client,
        /// The `id` of the authenticator app.
        factor_id: Path<Uuid>,
        body: JsonBody<ConfirmTotpRequest>,
    ) -> Answer<FactorCreated, answers::ConfirmTotp> {
        let code = read_code("/code", &body.0.code)?;
        let id = FactorId::from_uuid(factor_id.0);
        let enrolled = enrol::confirm_totp(&self.0.core, &caller.0.0, id, &code, &client.0).await?;
        Ok(FactorCreated::Created(Json(enrolled.into())))
    }

    /// Start the enrolment of a passkey
    ///
    /// Returns the options for `navigator.credentials.create()`. Requires a recent login. An account can have 10
    /// passkeys.
    #[oai(path = "/passkeys/options", method = "post", operation_id = "start_passkey_enrolment")]
    async fn passkey_options(
        &self,
        caller: Enrolling<by_user::ManageFactors>,
        client: Client,
    ) -> Answer<Json<CredentialCreationDto>, answers::PasskeyOptions> {
        let options = enrol::passkey_options(&self.0.core, &caller.0.0, &client.0).await?;
        Ok(Json(options.into()))
    }

    /// Add a passkey
    ///
    /// Enrols the passkey that the browser created. With the first factor of the account, the response has ten recovery
    /// codes, which are shown only here.
    #[oai(path = "/passkeys", method = "post", operation_id = "add_passkey")]
    async fn add_passkey(
        &self,
        caller: Enrolling<by_user::ManageFactors>,
        client: Client,
        body: JsonBody<AddPasskeyRequest>,
    ) -> Answer<FactorCreated, answers::AddPasskey> {
        let AddPasskeyRequest { credential, name: text } = body.0;
        let (creation, name) = (credential.decode()?, name(text.as_deref())?);
        let enrolled = enrol::enrol_passkey(&self.0.core, &caller.0.0, creation, name, &client.0).await?;
        Ok(FactorCreated::Created(Json(enrolled.into())))
    }
}

/// Reads an optional name.
fn name(text: Option<&str>) -> Result<Option<FactorName>, Problem> {
    text.map(name_of).transpose().map_err(|problem| Problem::invalid("/name", problem))
}
