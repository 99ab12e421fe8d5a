# The usual FHS layout: bin/, lib/z4j/plugins/, etc/z4j/.
include(GNUInstallDirs)
install(TARGETS z4j-brain RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
install(TARGETS storage-sqlite LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}/z4j/plugins")
install(FILES "${PROJECT_SOURCE_DIR}/config/z4j.toml" DESTINATION "${CMAKE_INSTALL_SYSCONFDIR}/z4j")
