"""Compares two OpenAPI documents and classifies each change as breaking or additive for clients of the old document.

    python3 tests/python/openapi_changes.py docs/openapi/released.json app/openapi.json

prints one line per change. It exits with 1 if a change is breaking and the version does not announce a breaking change.
A change is breaking if a client of the old document can fail: an operation or a field is removed, a request requires
more or accepts less, or a response can have values that the old document excludes. Schema names are not sent, so a
renamed schema is additive. Texts and examples may change."""

import json
import sys

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
# A higher lower bound accepts fewer values, and so does a lower upper bound.
LOWER, UPPER = ("minLength", "minimum", "minItems"), ("maxLength", "maximum", "maxItems")


class Comparison:
    """Collects the changes from one document to another as lines of text."""

    def __init__(self, old, new):
        self.old, self.new = old, new
        self.breaking, self.additive = [], []
        self._compared = set()
        self._operations()

    def kind(self):
        return "breaking" if self.breaking else "additive" if self.additive else "none"

    def is_allowed(self):
        """Returns whether there is no breaking change, or the version announces one."""
        return not self.breaking or compatible_until(self.old) < compatible_until(self.new)

    def _operations(self):
        old, new = operations(self.old), operations(self.new)
        for place in sorted(old.keys() | new.keys()):
            if place not in new:
                self.breaking.append(f"{place}: is gone")
            elif place not in old:
                self.additive.append(f"{place}: is new")
            else:
                self._operation(place, old[place], new[place])

    def _operation(self, place, old, new):
        for name in ("operationId", "tags"):
            # Client generators derive the names of methods and modules from these fields.
            if old.get(name) != new.get(name):
                self.breaking.append(f"{place}: {name} was {old.get(name)} and is {new.get(name)}")
        self._security(place, old, new)
        self._parameters(place, old, new)
        self._body(place, old.get("requestBody"), new.get("requestBody"))
        self._answers(place, old["responses"], new["responses"])

    def _security(self, place, old, new):
        before, after = ways(self.old, old), ways(self.new, new)
        for way in sorted(before - after):
            self.breaking.append(f"{place}: no longer accepts {way}")
        for way in sorted(after - before):
            self.additive.append(f"{place}: also accepts {way}")

    def _parameters(self, place, old, new):
        old, new = ({(p["in"], p["name"]): p for p in operation.get("parameters", [])} for operation in (old, new))
        for key in sorted(old.keys() | new.keys()):
            at = f"{place} {key[0]} {key[1]}"
            if key not in new:
                self.breaking.append(f"{at}: is gone")
            elif key not in old:
                self._comes(at, new[key].get("required", False))
            else:
                self._required(at, old[key].get("required", False), new[key].get("required", False), "request")
                self._schema(at, old[key]["schema"], new[key]["schema"], "request")

    def _body(self, place, old, new):
        if not old and not new:
            return
        at = f"{place} body"
        if not new:
            self.breaking.append(f"{at}: is gone")
        elif not old:
            self._comes(at, new.get("required", False))
        else:
            self._required(at, old.get("required", False), new.get("required", False), "request")
            self._content(at, old["content"], new["content"], "request")

    def _answers(self, place, old, new):
        for status in sorted(old.keys() | new.keys()):
            at = f"{place} {status}"
            if status not in new:
                # Clients do not depend on a specific error.
                (self.breaking if status < "400" else self.additive).append(f"{at}: is gone")
            elif status not in old:
                (self.breaking if status < "400" else self.additive).append(f"{at}: is new")
            else:
                before, after = resolve(self.old, old[status]), resolve(self.new, new[status])
                self._headers(at, before.get("headers", {}), after.get("headers", {}))
                self._content(at, before.get("content", {}), after.get("content", {}), "answer")

    def _headers(self, place, old, new):
        old, new = ({name.lower() for name in headers} for headers in (old, new))
        for name in sorted(old - new):
            self.breaking.append(f"{place} header {name}: is gone")
        for name in sorted(new - old):
            self.additive.append(f"{place} header {name}: is new")

    def _content(self, place, old, new, where):
        for media in sorted(old.keys() | new.keys()):
            at = f"{place} {media}"
            if media not in new:
                self.breaking.append(f"{at}: is gone")
            elif media not in old:
                (self.additive if where == "request" else self.breaking).append(f"{at}: is new")
            else:
                self._schema(at, old[media].get("schema", {}), new[media].get("schema", {}), where)

    def _schema(self, at, old, new, where):
        before, after = name_of(old), name_of(new)
        if before or after:
            if (before, after, where) in self._compared:
                return
            self._compared.add((before, after, where))
            if before != after:
                self.additive.append(f"{at}: schema {before or 'without a name'} is now {after or 'without a name'}")
            at = f"{after or before} ({where})"
        old, new = whole(self.old, old), whole(self.new, new)
        for what in ("type", "format"):
            if old.get(what) != new.get(what):
                self.breaking.append(f"{at}: {what} was {old.get(what)} and is {new.get(what)}")
        self._null(at, old, new, where)
        self._values(at, old, new, where)
        self._bounds(at, old, new, where)
        self._properties(at, old, new, where)
        if "items" in old and "items" in new:
            self._schema(f"{at} item", old["items"], new["items"], where)
        for mixed in ("allOf", "oneOf", "anyOf"):
            before, after = old.get(mixed, []), new.get(mixed, [])
            if len(before) != len(after):
                self.breaking.append(f"{at}: {mixed} has {len(after)} parts and had {len(before)}")
            for part, (one, other) in enumerate(zip(before, after)):
                self._schema(f"{at} {mixed} {part}", one, other, where)

    def _null(self, at, old, new, where):
        before, after = old.get("nullable", False), new.get("nullable", False)
        if before != after:
            # Requests may accept more. Responses may not return more.
            is_wider = after
            good = is_wider == (where == "request")
            (self.additive if good else self.breaking).append(f"{at}: may {'' if after else 'not '}be null")

    def _values(self, at, old, new, where):
        before, after = old.get("enum"), new.get("enum")
        if before == after:
            return
        if before is None or after is None:
            good = (after is None) == (where == "request")
            (self.additive if good else self.breaking).append(f"{at}: has {'no' if after is None else 'a'} list of values")
            return
        for value in before:
            if value not in after:
                (self.breaking if where == "request" else self.additive).append(f"{at}: {value!r} is gone")
        for value in after:
            if value not in before:
                (self.additive if where == "request" else self.breaking).append(f"{at}: {value!r} is new")

    def _bounds(self, at, old, new, where):
        if where == "answer":
            return
        for names, is_tighter in ((LOWER, lambda a, b: b > a), (UPPER, lambda a, b: b < a)):
            for name in names:
                before, after = old.get(name), new.get(name)
                if before == after:
                    continue
                tighter = after is not None and (before is None or is_tighter(before, after))
                (self.breaking if tighter else self.additive).append(f"{at}: {name} was {before} and is {after}")
        if old.get("pattern") != new.get("pattern"):
            (self.additive if "pattern" not in new else self.breaking).append(f"{at}: has another pattern")

    def _properties(self, at, old, new, where):
        before, after = old.get("properties", {}), new.get("properties", {})
        needed_before, needed = set(old.get("required", [])), set(new.get("required", []))
        for name in sorted(before.keys() | after.keys()):
            field = f"{at} {name}"
            if name not in after:
                self.breaking.append(f"{field}: is gone")
            elif name not in before:
                if where == "request":
                    self._comes(field, name in needed)
                else:
                    self.additive.append(f"{field}: is new")
            else:
                self._required(field, name in needed_before, name in needed, where)
                self._schema(field, before[name], after[name], where)
        if where == "request" and old.get("additionalProperties", True) and new.get("additionalProperties") is False:
            self.breaking.append(f"{at}: takes no other fields")

    def _comes(self, at, required):
        (self.breaking if required else self.additive).append(f"{at}: is new{' and required' if required else ''}")

    def _required(self, at, before, after, where):
        if before != after:
            good = after == (where == "answer")
            (self.additive if good else self.breaking).append(f"{at}: is {'' if after else 'not '}required")


def operations(document):
    """Returns all operations by method and path. Each operation includes the parameters of its path."""
    return {
        f"{method.upper()} {path}": {
            **operation, "parameters": item.get("parameters", []) + operation.get("parameters", [])
        }
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    }


def ways(document, operation):
    """Returns the authentication schemes of an operation. The scheme `none` requires no credentials."""
    given = operation.get("security", document.get("security", []))
    return {" and ".join(sorted(way)) or "none" for way in given} or {"none"}


def resolve(document, part):
    while "$ref" in part:
        found = document
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        part = found
    return part


def name_of(schema):
    """Returns the name of a schema that is only a reference. An `allOf` with one part is equivalent to that part."""
    parts = schema.get("allOf", [])
    return (parts[0] if len(parts) == 1 else schema).get("$ref", "").rsplit("/", 1)[-1]


def whole(document, schema):
    """Returns a schema with its references resolved."""
    parts = schema.get("allOf", [])
    if len(parts) == 1:
        beside = {key: value for key, value in schema.items() if key != "allOf"}
        return {**resolve(document, parts[0]), **beside}
    return resolve(document, schema)


def compatible_until(document):
    """Returns the part of the version that a breaking change raises (Semantic Versioning 2.0, items 4 and 8)."""
    major, minor = document["info"]["version"].split("-")[0].split(".")[:2]
    return (int(major), int(minor) if major == "0" else 0)


def main():
    old, new = (json.load(open(path, encoding="utf-8")) for path in sys.argv[1:3])
    found = Comparison(old, new)
    for kind in ("breaking", "additive"):
        for line in getattr(found, kind):
            print(f"{kind}: {line}")
    print(found.kind())
    return 0 if found.is_allowed() else 1


if __name__ == "__main__":
    sys.exit(main())
