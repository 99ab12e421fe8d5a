/* A plugin that needs a function which nobody has. */
#include "faulty_entry.c"

extern int z4j_test_function_that_nobody_has(void);
Z4J_EXPORT int z4j_test_uses_it(void);
int z4j_test_uses_it(void) { return z4j_test_function_that_nobody_has(); }
