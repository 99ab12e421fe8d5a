# The usual FHS layout: bin/, lib/z4j/plugins/, share/z4j/, etc/z4j/.
include(GNUInstallDirs)
