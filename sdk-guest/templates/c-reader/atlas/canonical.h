// Whether bytes are canonical DAG-CBOR: the one form that a value has.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Where and why they are not.
typedef struct {
    size_t at;
    const char *what;
} atlas_fault;

// Whether they are one value, whole and canonical.
bool atlas_canonical(const uint8_t *bytes, size_t length, atlas_fault *fault);
