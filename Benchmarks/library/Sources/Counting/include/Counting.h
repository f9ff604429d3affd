#pragma once

/// How often the process has allocated memory since it began.
long counted_allocations(void);

/// Whether it runs under callgrind, which counts instructions.
int counts_instructions(void);

/// Begins to count instructions anew.
void begin_instructions(void);

/// Writes down the instructions counted since the beginning, under a name.
void end_instructions(const char *name);
