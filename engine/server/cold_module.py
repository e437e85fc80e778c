"""MODULE: there are none, and none can be loaded."""
from .cold import Error, register


@register("module|list")
def module_list(server, client, argv: list[bytes]) -> list:
    return []


@register("module|load")
@register("module|loadex")
@register("module|unload")
def refuse(server, client, argv: list[bytes]) -> Error:
    return Error("ERR Modules are not supported by this server")
