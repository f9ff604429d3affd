// Tells callgrind where a measurement begins and ends. Where its header is missing, or it does not run, nothing happens.
#include "Counting.h"

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>

int counts_instructions(void) { return RUNNING_ON_VALGRIND != 0; }
void begin_instructions(void) { CALLGRIND_ZERO_STATS; }
void end_instructions(const char *name) { CALLGRIND_DUMP_STATS_AT(name); }
#else
int counts_instructions(void) { return 0; }
void begin_instructions(void) {}
void end_instructions(const char *name) { (void)name; }
#endif
