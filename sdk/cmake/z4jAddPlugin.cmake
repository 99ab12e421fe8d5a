# z4j_add_plugin(NAME SOURCES file ... [LINKS target ...])
#
# Makes NAME.so: hidden visibility, and a linker script that exports only z4j_plugin_entry_v*
# (hidden visibility alone is not enough: templates of the standard library leak through), every
# symbol resolved at link time, and on GCC no unique symbols, which would pin the file in memory and
# share template statics between plugins.
function(z4j_add_plugin name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINKS" ${ARGN})
  if(NOT arg_SOURCES)
    message(FATAL_ERROR "z4j_add_plugin(${name}): give at least one file after SOURCES")
  endif()
  set(map "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/z4j-plugin.map")
  add_library(${name} MODULE ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE z4j::sdk ${arg_LINKS})
  set_target_properties(${name} PROPERTIES
    PREFIX "" SUFFIX ".so"
    C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
    POSITION_INDEPENDENT_CODE ON)
  if(DEFINED Z4J_PLUGIN_OUTPUT_DIRECTORY)
    set_target_properties(${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY "${Z4J_PLUGIN_OUTPUT_DIRECTORY}")
  endif()
  target_link_options(${name} PRIVATE "LINKER:--version-script=${map}")
  if(NOT Z4J_SANITIZE)
    target_link_options(${name} PRIVATE "LINKER:--no-undefined")
  endif()
  set_property(TARGET ${name} APPEND PROPERTY LINK_DEPENDS "${map}")
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${name} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-fno-gnu-unique>)
  endif()
endfunction()

# z4j_add_plugin_test(NAME SOURCES file ... [LINKS target ...])
#
# A test program of the plugin NAME (z4j/testing.hpp), which gets the plugin's file as its argument. CTest knows it
# as NAME_test.
function(z4j_add_plugin_test name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINKS" ${ARGN})
  if(NOT arg_SOURCES)
    message(FATAL_ERROR "z4j_add_plugin_test(${name}): give at least one file after SOURCES")
  endif()
  find_package(Threads REQUIRED)
  add_executable(${name}_test ${arg_SOURCES})
  target_link_libraries(${name}_test PRIVATE z4j::sdk ${arg_LINKS} Threads::Threads ${CMAKE_DL_LIBS})
  add_test(NAME ${name}_test COMMAND ${name}_test "$<TARGET_FILE:${name}>")
endfunction()
