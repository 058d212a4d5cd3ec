"""What every module says of itself, whatever it decides."""

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports import module as wit


class Described:
    """A module's name, version and summary, and its config. Override what differs."""

    name = ""
    version = "0.1.0"
    summary = ""

    def configure(self, config: bytes):
        """Takes a config, or says in a `ValueError` what is wrong with it."""
        if config:
            raise ValueError(f"this module takes no config, but {len(config)} bytes were given: leave it out")


def described(module: Described):
    """The class that every world asks for."""

    class Module(exports.Module):
        def describe(self):
            return wit.Description(module.name, module.version, module.summary)

        def configure(self, config: bytes):
            try:
                module.configure(config)
            except ValueError as error:
                raise Err(wit.ConfigError_Invalid(str(error)))

    return Module
