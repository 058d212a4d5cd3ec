// Answers: the first refusal, or what a record is found under.

#include "answer.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

// Bytes of a sentence at most, as the world has it.
#define SENTENCE 1000

typedef struct {
    char *at;
    size_t length;
} writer;

static void put(writer *to, const char *text, size_t length) {
    if (length > SENTENCE - to->length) length = SENTENCE - to->length;
    memcpy(to->at + to->length, text, length);
    to->length += length;
}

static void put_number(writer *to, int64_t number) {
    char digits[20];
    size_t count = 0;
    uint64_t left = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    do digits[count++] = (char)('0' + left % 10);
    while ((left /= 10) > 0);
    if (number < 0) put(to, "-", 1);
    while (count > 0) put(to, &digits[--count], 1);
}

void atlas_refuse(atlas_answer *answer, const char *code, const char *sentence, ...) {
    if (answer->code != NULL) return;
    writer to = {malloc(SENTENCE), 0};
    va_list values;
    va_start(values, sentence);
    for (const char *at = sentence; *at != 0; at++) {
        if (*at != '%') {
            put(&to, at, 1);
            continue;
        }
        switch (*++at) {
            case 's': {
                const char *text = va_arg(values, const char *);
                put(&to, text, strlen(text));
                break;
            }
            case 't': {
                atlas_string text = va_arg(values, atlas_string);
                put(&to, text.at, text.length);
                break;
            }
            case 'd':
                put_number(&to, va_arg(values, int64_t));
                break;
            default:
                put(&to, at, 1);
        }
    }
    va_end(values);
    // A sentence that was cut ends with a whole character.
    if (to.length == SENTENCE) {
        while (to.length > 0 && ((uint8_t)to.at[to.length - 1] & 0x80) != 0) to.length--;
    }
    answer->code = code;
    answer->sentence = (atlas_string){to.at, to.length};
}

bool atlas_refused(const atlas_answer *answer) {
    return answer->code != NULL;
}

static void found(atlas_answer *answer, atlas_entry entry) {
    if (answer->code != NULL) return;
    if (answer->count == answer->room) {
        size_t room = answer->room == 0 ? 8 : answer->room * 2;
        atlas_entry *entries = malloc(room * sizeof *entries);
        if (answer->count > 0) memcpy(entries, answer->entries, answer->count * sizeof *entries);
        answer->entries = entries;
        answer->room = room;
    }
    answer->entries[answer->count++] = entry;
}

void atlas_found_text(atlas_answer *answer, const char *index, atlas_string value) {
    found(answer, (atlas_entry){.index = index, .text = value});
}

void atlas_found_integer(atlas_answer *answer, const char *index, int64_t value) {
    found(answer, (atlas_entry){.index = index, .integer = true, .number = value});
}
