// Memory that stays from one call to the next.

#include "keep.h"
#include "pile.h"

#include <stdlib.h>
#include <string.h>

// Room doubles, so that what it grows out of is never more than what it is. The arguments of a
// call that makes it grow stay with it.
void *atlas_keep(atlas_kept *kept, size_t size) {
    if (size > kept->room) {
        size_t room = size < 2 * kept->room ? 2 * kept->room : size;
        kept->at = memcpy(malloc(room), kept->at, kept->room);
        kept->room = room;
        pile_keep();
    }
    return kept->at;
}
