# The runtime only. No PB_ENABLE_MALLOC: nothing that arrives can make it allocate (see native/README.md).
add_library(nanopb STATIC ${S}/pb_common.c ${S}/pb_decode.c ${S}/pb_encode.c)
target_compile_definitions(nanopb PRIVATE PB_VALIDATE_UTF8)
install(TARGETS nanopb DESTINATION lib)
install(FILES ${S}/pb.h ${S}/pb_common.h ${S}/pb_decode.h ${S}/pb_encode.h DESTINATION include)
