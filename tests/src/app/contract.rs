use serde_json::Value;

use super::Reply;

/// The OpenAPI document, which checks responses.
pub struct Contract(Value);

/// One operation of the document.
#[derive(Clone, Debug)]
pub struct Operation {
    /// The method, in upper case.
    pub method: String,
    /// The path, with its parameters in braces.
    pub path: String,
    /// The operation object of the document.
    pub about: Value,
}

impl Operation {
    /// The `operationId`.
    pub fn id(&self) -> &str {
        self.about["operationId"].as_str().unwrap_or_default()
    }

    /// Whether the operation requires a token.
    pub fn is_protected(&self) -> bool {
        self.about["security"].as_array().is_some_and(|schemes| !schemes.is_empty())
    }

    /// The path with this value in place of every parameter.
    pub fn path_with(&self, value: &str) -> String {
        let part = |part: &str| if part.starts_with('{') { value.to_owned() } else { part.to_owned() };
        self.path.split('/').map(part).collect::<Vec<_>>().join("/")
    }
}

/// Statuses that the service returns before routing. No operation lists them.
const BEFORE_ROUTES: [u16; 2] = [405, 414];

impl Contract {
    /// Parses a document.
    pub fn read(document: &str) -> Self {
        Self(serde_json::from_str(document).expect("a document in JSON"))
    }

    /// The document.
    pub fn document(&self) -> &Value {
        &self.0
    }

    /// All operations. References in their responses are resolved.
    pub fn operations(&self) -> Vec<Operation> {
        let paths = self.0["paths"].as_object().expect("paths");
        let of_path = |(path, item): (&String, &Value)| {
            let operations = item.as_object().expect("operations").clone();
            let path = path.clone();
            operations.into_iter().map(move |(method, mut about)| {
                let answers = about["responses"].as_object_mut().expect("responses");
                answers.values_mut().for_each(|answer| *answer = self.resolved(answer).clone());
                Operation { method: method.to_uppercase(), path: path.clone(), about }
            })
        };
        paths.iter().flat_map(of_path).collect()
    }

    /// The part of the document, or the target of its reference.
    pub fn resolved<'a>(&'a self, part: &'a Value) -> &'a Value {
        let Some(reference) = part["$ref"].as_str() else { return part };
        let pointer = reference.strip_prefix('#').expect("a reference within");
        self.0.pointer(pointer).unwrap_or_else(|| panic!("{reference} leads nowhere"))
    }

    /// The operation that handles a request.
    fn operation(&self, method: &str, path: &str) -> Option<Operation> {
        let method = if method == "HEAD" { "GET" } else { method };
        let asked: Vec<&str> = path.split('/').collect();
        self.operations().into_iter().find(|operation| {
            let parts: Vec<&str> = operation.path.split('/').collect();
            let fits = |(part, asked): (&&str, &&str)| part.starts_with('{') || part == asked;
            operation.method == method && parts.len() == asked.len() && parts.iter().zip(&asked).all(fits)
        })
    }

    /// Checks that the document describes the response: its status, headers, media type and body schema, and the code
    /// of a problem.
    #[track_caller]
    pub(super) fn check(&self, reply: &Reply) {
        let Some(operation) = self.operation(&reply.method, &reply.path) else { return };
        if BEFORE_ROUTES.contains(&reply.status) {
            return;
        }
        let answer = &operation.about["responses"][reply.status.to_string()];
        assert!(answer.is_object(), "not documented: {reply}");
        for (name, header) in answer["headers"].as_object().into_iter().flatten() {
            let is_needed = self.resolved(header)["required"] == true;
            assert!(!is_needed || reply.header(name).is_some(), "{name} is missing: {reply}");
        }
        if reply.method == "HEAD" || reply.body.is_empty() {
            return;
        }
        let media_type = reply.header("content-type").unwrap_or_default();
        // The start page at `/` is for people and not part of the document.
        if reply.path == "/" && media_type.starts_with("text/html") {
            return;
        }
        let content = answer["content"].as_object().unwrap_or_else(|| panic!("no body documented: {reply}"));
        let media = content.get(media_type).unwrap_or_else(|| panic!("no {media_type}: {reply}"));
        let body = reply.json();
        self.check_value(&media["schema"], &body, reply);
        if media_type == "application/problem+json" {
            let code = body["code"].as_str().unwrap_or_default();
            assert!(media["examples"][code].is_object(), "{code} is not documented: {reply}");
        }
    }

    #[track_caller]
    fn check_value(&self, schema: &Value, value: &Value, reply: &Reply) {
        let schema = self.resolved(schema);
        if value.is_null() && schema["nullable"] == true {
            return;
        }
        if let Some(parts) = schema["allOf"].as_array() {
            return parts.iter().for_each(|part| self.check_value(part, value, reply));
        }
        // A schema without a type is a description beside a reference.
        let Some(kind) = schema["type"].as_str() else { return };
        let fits = match kind {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_i64() || value.is_u64(),
            _ => true,
        };
        assert!(fits, "{value} is not what {schema} says: {reply}");
        for item in value.as_array().into_iter().flatten() {
            self.check_value(&schema["items"], item, reply);
        }
        let Some(fields) = value.as_object() else { return };
        for (name, value) in fields {
            let field = &schema["properties"][name];
            assert!(field.is_object(), "{name} is not documented: {reply}");
            self.check_value(field, value, reply);
        }
        for name in schema["required"].as_array().into_iter().flatten() {
            assert!(fields.contains_key(name.as_str().unwrap_or_default()), "{name} is missing: {reply}");
        }
    }
}
