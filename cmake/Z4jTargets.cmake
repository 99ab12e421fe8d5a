# The kinds of target this project is made of. Code that can be a library is one; programs
# and plugins stay thin.

# z4j_library(NAME SOURCES ... [PUBLIC targets ...] [PRIVATE targets ...])
# A static library, warnings and sanitizers included. Headers are found from the root of the tree
# part it lives in: "base/result.hpp" in kernel/, "lib/redis/redis.hpp" in plugins/.
function(z4j_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  file(RELATIVE_PATH _rel "${PROJECT_SOURCE_DIR}" "${CMAKE_CURRENT_SOURCE_DIR}")
  string(REGEX REPLACE "/.*" "" _part "${_rel}")
  target_include_directories(${name} PUBLIC "${PROJECT_SOURCE_DIR}/${_part}")
  target_link_libraries(${name} PUBLIC ${arg_PUBLIC} PRIVATE ${arg_PRIVATE} z4j_warnings z4j_sanitizers)
  set_target_properties(${name} PROPERTIES CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
endfunction()

# z4j_unit_test(NAME SOURCES ... [LINKS targets ...] [LABELS unit|contract|...] [TIMEOUT seconds])
# One CppUnit program; its main() stands in tests/support. The target unit-tests, contract-tests, ... builds all with that label.
# Every suite costs what it may take at most, so that long ones begin first and nobody waits for one of them at the end.
function(z4j_unit_test name)
  cmake_parse_arguments(arg "" "TIMEOUT" "SOURCES;LINKS;LABELS" ${ARGN})
  if(NOT Z4J_BUILD_TESTS)
    return()
  endif()
  if(NOT arg_LABELS)
    set(arg_LABELS unit)
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  add_executable(${name} ${arg_SOURCES} "${PROJECT_SOURCE_DIR}/tests/support/cppunit_main.cpp")
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}/tests/support")
  target_link_libraries(${name} PRIVATE ${arg_LINKS} cppunit Threads::Threads z4j_warnings z4j_sanitizers)
  target_compile_definitions(${name} PRIVATE
    Z4J_SOURCE_DIR="${PROJECT_SOURCE_DIR}" Z4J_BINARY_DIR="${PROJECT_BINARY_DIR}")
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/tests")
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT} COST ${arg_TIMEOUT})
  foreach(label IN LISTS arg_LABELS)
    z4j_part_of(${label}-tests ${name})
  endforeach()
endfunction()

# z4j_part_of(GROUP TARGET): building GROUP builds TARGET.
function(z4j_part_of group target)
  if(NOT TARGET ${group})
    add_custom_target(${group})
  endif()
  add_dependencies(${group} ${target})
endfunction()

# z4j_fuzzer(NAME SOURCES ... [LINKS ...] [CORPUS dir]): a libFuzzer program, built with Clang only.
function(z4j_fuzzer name)
  cmake_parse_arguments(arg "" "CORPUS" "SOURCES;LINKS" ${ARGN})
  if(NOT Z4J_BUILD_FUZZ OR NOT CMAKE_CXX_COMPILER_ID MATCHES Clang)
    return()
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_LINKS} z4j_warnings z4j_sanitizers)
  target_compile_options(${name} PRIVATE -fsanitize=fuzzer)
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  target_compile_definitions(${name} PRIVATE Z4J_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/fuzz")
  z4j_part_of(fuzzers ${name})
endfunction()

# z4j_client_test(NAME COMMAND words... [TIMEOUT seconds]): a suite that installs packages from PyPI. Without
# Z4J_PYPI it is no test (CTest counts a skipped one as passed) but a line of client-suites, which ./dev test tells.
file(WRITE "${PROJECT_BINARY_DIR}/client-suites" "")
function(z4j_client_test name)
  cmake_parse_arguments(arg "" "TIMEOUT" "COMMAND" ${ARGN})
  if(NOT Z4J_PYPI)
    file(APPEND "${PROJECT_BINARY_DIR}/client-suites" "${name}\n")
    return()
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 600)
  endif()
  add_test(NAME ${name} COMMAND ${arg_COMMAND})
  set_tests_properties(${name} PROPERTIES LABELS clients TIMEOUT ${arg_TIMEOUT} COST ${arg_TIMEOUT})
endfunction()

# z4j_not_run(NAME WHY): a suite for which something is missing that nobody has to have. It is no test but a line of not-run-suites,
# which ./dev test tells.
file(WRITE "${PROJECT_BINARY_DIR}/not-run-suites" "")
function(z4j_not_run name why)
  file(APPEND "${PROJECT_BINARY_DIR}/not-run-suites" "${name}: ${why}\n")
endfunction()

# z4j_console_test(NAME COMMAND words... [TIMEOUT seconds] [LABEL e2e|nightly] [ENVIRONMENT NAME=VALUE...]): a suite of the web console.
# Where that was not built it is no test but a line of console-suites, which ./dev test tells.
file(WRITE "${PROJECT_BINARY_DIR}/console-suites" "")
function(z4j_console_test name)
  cmake_parse_arguments(arg "" "TIMEOUT;LABEL" "COMMAND;ENVIRONMENT" ${ARGN})
  if(NOT TARGET dashboard)
    file(APPEND "${PROJECT_BINARY_DIR}/console-suites" "${name}\n")
    return()
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  if(NOT arg_LABEL)
    set(arg_LABEL e2e)
  endif()
  add_test(NAME ${name} COMMAND ${arg_COMMAND} WORKING_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}")
  set_tests_properties(${name} PROPERTIES LABELS ${arg_LABEL} TIMEOUT ${arg_TIMEOUT} COST ${arg_TIMEOUT}
    ENVIRONMENT "Z4J_BUILD=${PROJECT_BINARY_DIR};PYTHONDONTWRITEBYTECODE=1;${arg_ENVIRONMENT}")
endfunction()
