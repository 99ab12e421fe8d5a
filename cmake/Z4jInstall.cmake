# The usual FHS layout: bin/, lib/z4j/plugins/, etc/z4j/. Plugins for tests (storage-memory too) stay
# where they were built; the SDK is a component of its own.
include(GNUInstallDirs)
install(TARGETS z4j-brain z4j-agent z4j-plugin-host z4j-audit-verify RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT brain)
install(FILES "$<TARGET_FILE_DIR:z4j-brain>/z4j" DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT brain)
add_custom_target(z4j-run DEPENDS z4j-brain z4j-agent z4j-plugin-host z4j-audit-verify)  # what a brain needs to run, without the tests
foreach(plugin IN LISTS Z4J_OWN_PLUGINS)
  if(TARGET ${plugin})
    install(TARGETS ${plugin} LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}/z4j/plugins" COMPONENT brain)
    add_dependencies(z4j-run ${plugin})
  endif()
endforeach()
# The checker of plugins, and the plain model that it compares storage drivers with.
if(TARGET z4j-plugin-check)
  install(TARGETS z4j-plugin-check RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT sdk)
  install(TARGETS storage-memory LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}/z4j/check" COMPONENT sdk)
endif()
install(FILES "${PROJECT_SOURCE_DIR}/config/z4j.toml" DESTINATION "${CMAKE_INSTALL_SYSCONFDIR}/z4j" COMPONENT brain)
install(FILES "${PROJECT_SOURCE_DIR}/config/agent/agent.toml" DESTINATION "${CMAKE_INSTALL_SYSCONFDIR}/z4j" COMPONENT brain)
install(FILES "${PROJECT_SOURCE_DIR}/config/z4j-agent.service" DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT brain)
install(DIRECTORY "${PROJECT_SOURCE_DIR}/config/examples" "${PROJECT_SOURCE_DIR}/config/proxy" DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT brain)
install(FILES "${PROJECT_SOURCE_DIR}/README.md" "${PROJECT_SOURCE_DIR}/CHANGELOG.md"
  DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT brain)
set(help "${PROJECT_BINARY_DIR}/help")
install(FILES "${help}/z4j-brain.1" DESTINATION "${CMAKE_INSTALL_MANDIR}/man1" COMPONENT brain)
install(FILES "${help}/z4j-brain.bash" DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions" RENAME z4j-brain COMPONENT brain)
install(FILES "${help}/_z4j-brain" DESTINATION "${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions" COMPONENT brain)
install(FILES "${help}/z4j-brain.fish" DESTINATION "${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d" COMPONENT brain)
install(DIRECTORY "${PROJECT_SOURCE_DIR}/config/grafana" DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT brain)
