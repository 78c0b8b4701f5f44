# Flags of our own code (dreamport_warnings), of everything that is linked (sanitizers, hardening), and what may be exported.
add_library(dreamport_warnings INTERFACE)
target_compile_options(dreamport_warnings INTERFACE -Wall -Wextra -Wconversion)
if(NOT DREAMPORT_ZIG)  # its clang is newer than the tested ones and knows more warnings
  target_compile_options(dreamport_warnings INTERFACE -Werror)
endif()

add_compile_options(-ffunction-sections -fdata-sections -fstack-protector-strong)
set(clang OFF)
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  set(clang ON)
endif()

if(DREAMPORT_SANITIZE)
  add_compile_options(-fsanitize=${DREAMPORT_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g1)
  add_link_options(-fsanitize=${DREAMPORT_SANITIZE})
  if(clang)
    add_compile_options(-fsanitize=fuzzer-no-link)
  endif()
elseif(NOT WIN32 AND NOT APPLE)
  add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2) # some compilers define another level themselves
endif()

add_library(dreamport_exports INTERFACE)
if(APPLE)
  target_link_options(dreamport_exports INTERFACE -Wl,-dead_strip -Wl,-x)
  if(NOT DREAMPORT_ZIG)  # Zig's linker knows no list of exports; visibility alone hides the rest there
    target_link_options(dreamport_exports INTERFACE "-Wl,-exported_symbol,_dp_*")
  endif()
elseif(WIN32)
  # core.h marks its functions dllexport; then nothing else is exported.
  target_link_options(dreamport_exports INTERFACE -Wl,--gc-sections -static -static-libgcc -static-libstdc++ -s)
  if(NOT DREAMPORT_ZIG)  # Zig's linker needs no telling, and does not know how
    target_link_options(dreamport_exports INTERFACE -Wl,--exclude-all-symbols)
  endif()
else()
  target_link_options(
    dreamport_exports INTERFACE -Wl,--version-script=${CMAKE_CURRENT_SOURCE_DIR}/cmake/exports.map -Wl,--gc-sections
                                -Wl,-z,relro -Wl,-z,now)
  if(NOT DREAMPORT_ZIG)  # Zig's linker does not know it; the version script is enough
    target_link_options(dreamport_exports INTERFACE -Wl,--exclude-libs,ALL)
  endif()
  if(NOT DREAMPORT_SANITIZE)
    target_link_options(dreamport_exports INTERFACE -Wl,--no-undefined -static-libgcc -static-libstdc++ -s)
  endif()
  set(DREAMPORT_LINK_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/cmake/exports.map)
endif()
