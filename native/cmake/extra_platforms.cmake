# What single systems need beyond the common flags.
if(MINGW AND NOT clang)
  # mingw-w64 keeps the stack protector's functions in a library of their own.
  target_link_options(dreamport_core PRIVATE -fstack-protector-strong)
endif()
