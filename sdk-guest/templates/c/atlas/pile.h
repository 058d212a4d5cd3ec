// When the module's memory is taken away. See libc.c.
#pragma once

// What is on the pile now stays for good.
void pile_keep(void);
// A call begins that brings no arguments.
void pile_call_begins(void);
// The call's answer stands; what comes next is another call.
void pile_call_ends(void);
