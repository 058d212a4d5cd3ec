// What a question in parts keeps from one part to the next.
#pragma once

#include <stddef.h>

// Memory that stays, for the next question too. Begins as {0}.
typedef struct {
    void *at;
    size_t room;
} atlas_kept;

// Makes it hold `size` bytes at least; what is in it stays, and may move.
void *atlas_keep(atlas_kept *kept, size_t size);
