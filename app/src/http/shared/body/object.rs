use time::{Duration, OffsetDateTime};

/// The time in examples.
pub(in crate::http) const EXAMPLE_TIME: OffsetDateTime =
    OffsetDateTime::UNIX_EPOCH.saturating_add(Duration::days(20_000));

/// A challenge and the token of a device in examples.
pub(in crate::http) const EXAMPLE_SECRET: &str = "Zb8xTeEYz1nmPmgR5BVXMJcZkFbDW0pXOO5VuChSJ2E";

/// A token that a client signed, in examples.
pub(in crate::http) const EXAMPLE_ASSERTION: &str =
    "eyJhbGciOiJFUzI1NiIsImtpZCI6Ii4uLiIsInR5cCI6IkpXVCJ9.e30.c2ln";

/// The reason of an administrator in examples.
pub(in crate::http) const EXAMPLE_REASON: &str = "Lost the phone; identity checked by video call";

/// Declares a JSON object of the document: its fields, each with an example.
macro_rules! object {
    ($(#[$about:meta])* $vis:vis $name:ident {
        $($(#[$attribute:meta])* $field_vis:vis $field:ident: $type:ty = $example:expr,)+
    }) => {
        #[derive(poem_openapi::Object)]
        #[oai(example)]
        $(#[$about])*
        $vis struct $name { $($(#[$attribute])* $field_vis $field: $type,)+ }

        impl poem_openapi::types::Example for $name {
            fn example() -> Self {
                Self { $($field: $example,)+ }
            }
        }
    };
}
pub(in crate::http) use object;

/// Declares a JSON request body: an object without unknown fields. `check` can validate the fields, which are options,
/// before the body is built.
macro_rules! request_body {
    (
        $(#[$about:meta])*
        $name:ident { $($(#[$attribute:meta])* $field:ident: $type:ty = $example:expr,)+ }
        $(check($fields:ident) $check:block)?
    ) => {
        $crate::http::shared::body::object! {
            $(#[$about])*
            #[oai(deny_unknown_fields)]
            pub(super) $name { $($(#[$attribute])* pub(super) $field: $type = $example,)+ }
        }

        impl $crate::http::shared::body::FromFields for $name {
            fn from_fields(fields: &mut $crate::http::shared::body::Fields) -> Option<Self> {
                $(let $field: Option<$type> = fields.take(stringify!($field));)+
                $({
                    let $fields = &mut *fields;
                    $check
                })?
                Some(Self { $($field: $field?,)+ })
            }
        }
    };
}
pub(in crate::http) use request_body;
