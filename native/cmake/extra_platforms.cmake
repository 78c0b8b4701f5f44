# What single systems need beyond the common flags.
if(MINGW AND NOT clang)
  # mingw-w64 keeps the stack protector's functions in a library of their own.
  target_link_options(dreamport_core PRIVATE -fstack-protector-strong)
endif()
if(APPLE)
  # The host finds the library beside itself, not where it was built.
  set_target_properties(dreamport_core PROPERTIES BUILD_WITH_INSTALL_NAME_DIR ON INSTALL_NAME_DIR "@rpath")
endif()
