# Language level, warnings, sanitizers and where binaries go. Warnings and sanitizers are interface
# targets that our own targets link PRIVATE, so they never reach someone who uses the SDK.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
set(Z4J_PLUGIN_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/plugins")
# What comes with z4j and is installed beside it. A brain runs these inside itself, all others in a process of their own, unless its config says otherwise.
set(Z4J_OWN_PLUGINS storage-sqlite storage-postgresql engine-celery engine-rq notifier-smtp notifier-webhook dashboard scheduler-native scheduler-rq-scheduler
  scheduler-rq-cron scheduler-celery-beat scheduler-apscheduler)

option(Z4J_WERROR "Treat warnings as errors" OFF)
option(Z4J_BUILD_FUZZ "Build the fuzzers (Clang)" OFF)
set(Z4J_SANITIZE "" CACHE STRING "address;undefined or thread, as -fsanitize= takes them")

add_library(z4j_warnings INTERFACE)
target_compile_options(z4j_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow
  $<$<COMPILE_LANGUAGE:CXX>:-Wconversion>
  # In a unity build every .cpp is an included file, which is what this warning goes by.
  $<$<AND:$<CXX_COMPILER_ID:GNU>,$<BOOL:${CMAKE_UNITY_BUILD}>,$<COMPILE_LANGUAGE:CXX>>:-Wno-subobject-linkage>
  $<$<BOOL:${Z4J_WERROR}>:-Werror>)

add_library(z4j_sanitizers INTERFACE)
if(Z4J_SANITIZE)
  string(REPLACE ";" "," _z4j_sanitize "${Z4J_SANITIZE}")
  if("undefined" IN_LIST Z4J_SANITIZE)
    # The vptr check wants type information that some libraries keep to themselves.
    set(_z4j_no_vptr -fno-sanitize=vptr)
  endif()
  target_compile_options(z4j_sanitizers INTERFACE -fsanitize=${_z4j_sanitize} ${_z4j_no_vptr}
    -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(z4j_sanitizers INTERFACE -fsanitize=${_z4j_sanitize})
endif()

find_program(Z4J_CCACHE ccache)
if(Z4J_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${Z4J_CCACHE}")
  set(CMAKE_C_COMPILER_LAUNCHER "${Z4J_CCACHE}")
endif()
find_program(Z4J_MOLD mold)
if(Z4J_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED)
