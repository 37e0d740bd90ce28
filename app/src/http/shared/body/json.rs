use std::fmt;

use poem::http::{HeaderValue, header};
use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaMediaType, MetaRequest, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::Value;

use super::Body;
use super::bytes::read_body;
use super::fields::{Fields, FromFields};
use crate::http::shared::problem::{Kind, Problem};

const JSON: &str = "application/json";

/// A JSON body. Malformed JSON gets status 400, and well-formed JSON that is invalid gets 422. The library's own type
/// does not distinguish the two.
pub(in crate::http) struct JsonBody<T>(pub(in crate::http) T);

impl<'a, T: Type + FromFields> ApiExtractor<'a> for JsonBody<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let content = vec![MetaMediaType { content_type: JSON, schema: T::schema_ref() }];
        Some(MetaRequest { description: None, content, required: true })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        Ok(Self::read(request, body).await?)
    }
}

/// A JSON body that may be absent: it then has no fields.
pub(in crate::http) struct OptionalJsonBody<T>(pub(in crate::http) T);

impl<'a, T: Type + FromFields> ApiExtractor<'a> for OptionalJsonBody<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        JsonBody::<T>::request_meta().map(|meta| MetaRequest { required: false, ..meta })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let headers = request.headers();
        let length = headers.get(header::CONTENT_LENGTH).map(HeaderValue::as_bytes);
        let is_absent = headers.get(header::CONTENT_TYPE).is_none()
            && headers.get(header::TRANSFER_ENCODING).is_none()
            && matches!(length, None | Some(b"0"));
        if is_absent { Ok(Self(parse(b"{}")?)) } else { Ok(Self(JsonBody::read(request, body).await?.0)) }
    }
}

impl<T: Type + FromFields> Body for JsonBody<T> {
    async fn read(request: &Request, body: &mut RequestBody) -> Result<Self, Problem> {
        let bytes = read_body(request, body, JSON).await?;
        Ok(Self(parse(&bytes)?))
    }
}

fn parse<T: FromFields>(bytes: &[u8]) -> Result<T, Problem> {
    let malformed = |error: serde_json::Error| {
        // The library's message contains positions and tokens of the syntax, never values.
        Problem::new(Kind::MALFORMED_REQUEST, format!("Invalid JSON: {error}."))
    };
    match serde_json::from_slice(bytes).map_err(malformed)? {
        Shape::Object(fields) => Fields::read(fields),
        Shape::TooManyFields => Err(Problem::invalid("", "The body has more than 64 fields")),
        Shape::Other => Err(Problem::invalid("", "The body must be a JSON object")),
    }
}

/// An object with its fields in order, or any other value. A repeated field is an error: parsers differ in which of the
/// values they use, and attackers can exploit the difference.
enum Shape {
    Object(Vec<(String, Value)>),
    TooManyFields,
    Other,
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ShapeVisitor)
    }
}

struct ShapeVisitor;

impl<'de> Visitor<'de> for ShapeVisitor {
    type Value = Shape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Shape, A::Error> {
        let mut fields: Vec<(String, Value)> = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            if fields.iter().any(|(known, _)| *known == name) {
                return Err(A::Error::custom("repeated field"));
            }
            fields.push((name, map.next_value()?));
            if fields.len() > MAX_FIELDS {
                // The rest must be parsed too, because malformed JSON gets another response.
                while map.next_entry::<serde::de::IgnoredAny, serde::de::IgnoredAny>()?.is_some() {}
                return Ok(Shape::TooManyFields);
            }
        }
        Ok(Shape::Object(fields))
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Shape, A::Error> {
        while seq.next_element::<serde::de::IgnoredAny>()?.is_some() {}
        Ok(Shape::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Shape, E> {
        Ok(Shape::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Shape, E> {
        Ok(Shape::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Shape, E> {
        Ok(Shape::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Shape, E> {
        Ok(Shape::Other)
    }

    fn visit_str<E>(self, _: &str) -> Result<Shape, E> {
        Ok(Shape::Other)
    }

    fn visit_unit<E>(self) -> Result<Shape, E> {
        Ok(Shape::Other)
    }
}

/// Maximum fields of a body. No request of the API needs nearly as many, and the search for duplicates takes quadratic
/// time.
const MAX_FIELDS: usize = 64;
