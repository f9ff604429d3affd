#pragma once
#include <stddef.h>
#include <stdint.h>

/// Runs libFuzzer by the arguments of its command line; returns the status to exit with.
int LLVMFuzzerRunDriver(int *count, char ***arguments, int (*test)(const uint8_t *data, size_t size));
