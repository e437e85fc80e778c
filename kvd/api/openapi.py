"""The OpenAPI document, made from the table of routes and the types of the shapes."""
import functools
import re
import typing

import msgspec

from .. import __version__
from . import shapes
from .routes import ROUTES, Row

DESCRIPTION = """\
Render's API for Key Value instances, served for instances of your own; what Render has not is
marked as ours. Over the owner's Unix socket no key is asked for; over TCP a bearer key is."""
ERRORS = {400: "Bad request", 401: "Unauthorized", 403: "Forbidden", 404: "Not found",
          409: "Conflict", 429: "Too many requests", 500: "Internal error",
          503: "Not possible now"}


@functools.cache
def document() -> dict:
    """The whole document."""
    outputs = [typing.get_type_hints(row.call).get("return") for row in ROUTES]
    types = [kind for kind in [*outputs, *(row.body for row in ROUTES), shapes.Error]
             if kind is not None and kind is not type(None)]
    schemas, components = msgspec.json.schema_components(
        types, ref_template="#/components/schemas/{name}")
    schema_of = dict(zip(map(repr, types), schemas, strict=True))
    paths: dict[str, dict] = {}
    for row, output in zip(ROUTES, outputs, strict=True):
        paths.setdefault(f"/v1{row.path}", {})[row.method.lower()] = operation(
            row, schema_of.get(repr(output)), schema_of.get(repr(row.body)))
    return {"openapi": "3.1.0",
            "info": {"title": "kvd", "version": __version__, "description": DESCRIPTION},
            "paths": paths,
            "components": {"schemas": components, "securitySchemes": {
                "BearerAuth": {"type": "http", "scheme": "bearer"}}},
            "security": [{"BearerAuth": []}]}


def operation(row: Row, output: dict | None, body: dict | None) -> dict:
    """One method of one path."""
    text = (row.call.__doc__ or "").strip()
    parameters = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
                  for name in re.findall(r"{(\w+)}", row.path)]
    parameters += [{"name": name, "in": "query", "required": False, "schema": {"type": "string"}}
                   for name in row.query]
    success: dict = {"description": "Done"}
    if output is not None and row.status != 204:
        success["content"] = {"application/json": {"schema": output}}
    wrong = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    found: dict = {
        "operationId": row.call.__name__.replace("_", "-"),
        "summary": ("Ours: " if row.ours else "") + text,
        "responses": {str(row.status): success} | {
            str(status): {"description": name, "content": wrong}
            for status, name in ERRORS.items()}}
    if parameters:
        found["parameters"] = parameters
    if body is not None:
        found["requestBody"] = {"required": True,
                                "content": {"application/json": {"schema": body}}}
    return found
