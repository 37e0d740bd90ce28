//! Operations that send letters, and those that their links and codes permit.

use std::sync::Arc;

use inwren_domain::account::{accept_invitation, change_email, recover, verify_email};
use inwren_domain::credential::Password;
use inwren_domain::kernel::Email;
use inwren_domain::pending_registration::VerificationId;
use poem_openapi::{ApiResponse, OpenApi};
use zeroize::Zeroizing;

use super::answers;
use super::dto::{
    AcceptInvitationRequest, ActionTokenRequest, EmailRequest, FactorProof, ResendVerificationRequest,
    ResetPasswordRequest, UserDto, VerifyEmailRequest,
};
use crate::config::by_client;
use crate::http::shared::authentication::bearer::{MaybeAuthenticated, OptionalCaller};
use crate::http::shared::body::{JsonBody, OptionalJsonBody};
use crate::http::shared::client::Client;
use crate::http::shared::limited::Limited;
use crate::http::shared::limits::LimitSlot;
use crate::http::shared::locale::Language;
use crate::http::shared::problem::{Kind, Problem};
use crate::http::shared::responses::{Accepted, Answer, Json, NoContent};
use crate::http::shared::state::AppState;
use crate::http::shared::tags::ApiTags;

pub(in crate::http) struct LettersApi(pub(in crate::http) Arc<AppState>);

/// The verified user.
#[derive(ApiResponse)]
enum Verification {
    /// The address is verified.
    #[oai(status = 200)]
    Verified(Json<UserDto>),
    /// The account is created.
    #[oai(status = 201)]
    Created(
        Json<UserDto>,
        /// The path of the new resource.
        #[oai(header = "Location")]
        String,
    ),
}

#[OpenApi(prefix_path = "/auth", tag = "ApiTags::Recovery")]
impl LettersApi {
    /// Verify an e-mail address
    ///
    /// Creates the account of a pending registration: by its id and the code in the letter, or by the link and a
    /// password that the user chooses here. Verifies the address of an existing account: by the link, and an access
    /// token or the password of the account.
    #[oai(path = "/verify-email", method = "post", operation_id = "verify_email")]
    async fn verify(
        &self,
        _limit: Limited<by_client::VerifyEmail>,
        caller: MaybeAuthenticated,
        client: Client,
        body: JsonBody<VerifyEmailRequest>,
    ) -> Answer<Verification, answers::Verify> {
        let VerifyEmailRequest { verification_id, code, token, password } = body.0;
        let created = |user| Verification::Created(Json(UserDto::from(&user)), self.0.issuer.at("/users/me"));
        if let Some((id, code)) = verification_id.zip(code) {
            let id = VerificationId::from_uuid(id);
            return Ok(created(verify_email::by_code(&self.0.core, id, &code, &client.0).await?));
        }
        let token = Zeroizing::new(token.unwrap_or_default());
        let password = password.map(|text| Password::new(&Zeroizing::new(text)));
        let verified =
            verify_email::by_link(&self.0.core, &token, password, caller.0.as_ref(), &client.0).await?;
        Ok(match verified {
            verify_email::Verified::Created(user) => created(user),
            verify_email::Verified::Existing(user) => Verification::Verified(Json(UserDto::from(&user))),
        })
    }

    /// Request another verification letter
    ///
    /// Sends a new letter, with the access token to the address of its account. The response is the same whether or not
    /// there is anything to verify.
    #[oai(path = "/verify-email/resend", method = "post", operation_id = "resend_verification")]
    async fn resend(
        &self,
        slot: LimitSlot,
        caller: OptionalCaller<by_client::RequestLetter>,
        client: Client,
        language: Language,
        body: OptionalJsonBody<ResendVerificationRequest>,
    ) -> Answer<Accepted, answers::Resend> {
        let email = match (body.0.email, &caller.0) {
            (Some(text), _) => Email::parse_for_lookup(&text)?,
            (None, Some(principal)) => principal.user().email.clone(),
            (None, None) => return Err(Problem::invalid("/email", "Field `email` is required").into()),
        };
        self.require_mail()?;
        if self.0.limits.letter_allowed(&slot, &email).await {
            verify_email::resend(&self.0.core, email, language.0, &client.0).await?;
        }
        Ok(Accepted::Accepted)
    }

    /// Request a password reset
    ///
    /// Sends a letter with a link that sets a new password. The response is the same whether or not the account exists.
    #[oai(path = "/password/forgot", method = "post", operation_id = "forgot_password")]
    async fn forgot(
        &self,
        slot: LimitSlot,
        client: Client,
        language: Language,
        body: JsonBody<EmailRequest>,
    ) -> Answer<Accepted, answers::Forgot> {
        let email = Email::parse_for_lookup(&body.0.email)?;
        self.require_mail()?;
        if self.0.limits.letter_allowed(&slot, &email).await {
            recover::forgot(&self.0.core, email, language.0, &client.0).await?;
        }
        Ok(Accepted::Accepted)
    }

    /// Reset a password
    ///
    /// Sets a new password by the link of a letter, and revokes all sessions. It starts no session: the user logs in.
    /// If the account has a second factor, a request without `factor` gets 401 with `second-factor-required`, and the
    /// link stays valid. After 20 wrong answers the link is void.
    #[oai(path = "/password/reset", method = "post", operation_id = "reset_password")]
    async fn reset(
        &self,
        _limit: Limited<by_client::ResetPassword>,
        client: Client,
        body: JsonBody<ResetPasswordRequest>,
    ) -> Answer<NoContent, answers::Reset> {
        let ResetPasswordRequest { token, new_password, factor } = body.0;
        let (token, password) = (Zeroizing::new(token), Zeroizing::new(new_password));
        let proof = factor.map(FactorProof::into_proof).transpose()?;
        recover::reset(&self.0.core, &token, Password::new(&password), proof, &client.0).await?;
        Ok(NoContent::NoContent)
    }

    /// Confirm a new e-mail address
    ///
    /// Changes the address by the link in the letter to the new one. All sessions end except the one that requested the
    /// change.
    #[oai(path = "/email/confirm", method = "post", operation_id = "confirm_email_change")]
    async fn confirm(
        &self,
        _limit: Limited<by_client::ConfirmEmail>,
        client: Client,
        body: JsonBody<ActionTokenRequest>,
    ) -> Answer<NoContent, answers::Confirm> {
        let token = Zeroizing::new(body.0.token);
        change_email::confirm(&self.0.core, &token, &client.0).await?;
        Ok(NoContent::NoContent)
    }

    /// Undo a change of e-mail address
    ///
    /// Restores the former address by the link in the letter to it, within 72 hours. The password is voided, all
    /// sessions end, and a letter with a link to set a new password goes to the restored address.
    #[oai(path = "/email/undo", method = "post", operation_id = "undo_email_change")]
    async fn undo(
        &self,
        _limit: Limited<by_client::ConfirmEmail>,
        client: Client,
        body: JsonBody<ActionTokenRequest>,
    ) -> Answer<NoContent, answers::Confirm> {
        let token = Zeroizing::new(body.0.token);
        change_email::undo(&self.0.core, &token, &client.0).await?;
        Ok(NoContent::NoContent)
    }

    /// Accept an invitation
    ///
    /// Sets the first password of an invited user by the link of the invitation. It starts no session: the user logs
    /// in.
    #[oai(path = "/invitations/accept", method = "post", operation_id = "accept_invitation")]
    async fn accept(
        &self,
        _limit: Limited<by_client::AcceptInvitation>,
        client: Client,
        body: JsonBody<AcceptInvitationRequest>,
    ) -> Answer<NoContent, answers::Accept> {
        let (token, password) = (Zeroizing::new(body.0.token), Zeroizing::new(body.0.password));
        let accepted =
            accept_invitation::execute(&self.0.core, &token, Password::new(&password), &client.0).await;
        accepted.map_err(|failure| failure.map(answers::NotAccepted))?;
        Ok(NoContent::NoContent)
    }

    /// Refuses a request that would send a letter, if no mail is configured.
    fn require_mail(&self) -> Result<(), Problem> {
        if self.0.core.mail.is_some() { Ok(()) } else { Err(Problem::of(Kind::MAIL_NOT_CONFIGURED)) }
    }
}
