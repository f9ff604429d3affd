#pragma once

/// How often the process has allocated memory since it began.
long counted_allocations(void);
