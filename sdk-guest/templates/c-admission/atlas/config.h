// Configs that people write: JSON, or the same as canonical DAG-CBOR.
#pragma once

#include "atlas.h"

// The map that a config holds, to be read as a body is. What is wrong in it is a refusal.
atlas_fields atlas_config(const uint8_t *bytes, size_t length, atlas_answer *answer);
