# Flags of src/pure. Depth loops become vector code only at -O3 and when comparisons may not trap. Camera paths must be the same numbers
# on every platform, so no compiler may fuse a multiplication and an addition there.
set(pure ${CMAKE_CURRENT_SOURCE_DIR}/src/pure)
set_source_files_properties(${pure}/depth.cpp PROPERTIES COMPILE_OPTIONS "-O3;-fno-trapping-math")
file(GLOB path_sources CONFIGURE_DEPENDS ${pure}/path*.cpp)
set_source_files_properties(${path_sources} PROPERTIES COMPILE_OPTIONS "-ffp-contract=off")
