# The static libraries that native/libraries.py built.
add_library(dreamport_third_party INTERFACE)
target_include_directories(
  dreamport_third_party SYSTEM INTERFACE ${DREAMPORT_BORINGSSL}/include ${DREAMPORT_NGHTTP2}/include
                                         ${DREAMPORT_LIBJPEG_TURBO}/include ${DREAMPORT_NANOPB}/include)
target_compile_definitions(dreamport_third_party INTERFACE NGHTTP2_STATICLIB PB_VALIDATE_UTF8)
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
target_link_libraries(
  dreamport_third_party
  INTERFACE ${DREAMPORT_NGHTTP2}/lib/libnghttp2.a ${DREAMPORT_BORINGSSL}/lib/libssl.a ${DREAMPORT_BORINGSSL}/lib/libcrypto.a
            ${DREAMPORT_LIBJPEG_TURBO}/lib/libturbojpeg.a ${DREAMPORT_NANOPB}/lib/libnanopb.a Threads::Threads)
if(WIN32)
  target_compile_definitions(dreamport_third_party INTERFACE WIN32_LEAN_AND_MEAN NOMINMAX)
  if(NOT DREAMPORT_ZIG)  # Zig's own target says it already
    target_compile_definitions(dreamport_third_party INTERFACE _WIN32_WINNT=0x0A00)
  endif()
  target_link_libraries(dreamport_third_party INTERFACE ws2_32 crypt32 bcrypt advapi32)
endif()
