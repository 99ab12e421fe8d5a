/* A shared library, but not a plugin. */
int z4j_test_library_function(void);
__attribute__((visibility("default"))) int z4j_test_library_function(void) { return 1; }
