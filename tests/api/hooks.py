"""Media types that schemathesis does not know how to send: bytes are bytes."""

import schemathesis

schemathesis.serializer.alias("application/wasm", "application/octet-stream")
