/* The few calls of Godot 3's C interface that the test's wrapper makes.
 *
 * An engine hands every library a table of 744 functions whose order has not changed from Godot 3.1 to 3.6 (gdnative_api.json,
 * "core", version 1.0). Only the places of the functions used here are named; types that a library must not look into are
 * blocks of the documented size. */

#ifndef DREAMPORT_TESTS_GDNATIVE_H
#define DREAMPORT_TESTS_GDNATIVE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct { uint8_t opaque[24]; } godot_variant;
typedef struct { void* opaque; } godot_array;
typedef struct { void* opaque; } godot_string;
typedef struct { void* opaque; } godot_char_string;
typedef struct { void* opaque; } godot_pool_byte_array;
typedef struct godot_write_access godot_write_access;

typedef void (*godot_function)(void);

typedef struct {
    unsigned int type;
    unsigned int version_major;
    unsigned int version_minor;
    const void* next;
    unsigned int extension_count;
    const void* extensions;
    godot_function functions[744];
} godot_core_api;

typedef struct {
    bool in_editor;
    uint64_t core_api_hash;
    uint64_t editor_api_hash;
    uint64_t no_api_hash;
    godot_function report_version_mismatch;
    godot_function report_loading_error;
    void* library;
    const godot_core_api* api;
    const godot_string* path;
} godot_init_options;

/* GODOT(name, place, result, arguments): a function of the table. */
#define GODOT_FUNCTIONS(GODOT)                                                                   \
    GODOT(pool_byte_array_new, 155, void, (godot_pool_byte_array*))                              \
    GODOT(pool_byte_array_resize, 164, void, (godot_pool_byte_array*, int))                      \
    GODOT(pool_byte_array_write, 166, godot_write_access*, (godot_pool_byte_array*))             \
    GODOT(pool_byte_array_destroy, 170, void, (godot_pool_byte_array*))                          \
    GODOT(pool_byte_array_write_access_ptr, 296, uint8_t*, (const godot_write_access*))          \
    GODOT(pool_byte_array_write_access_destroy, 298, void, (godot_write_access*))                \
    GODOT(array_new, 323, void, (godot_array*))                                                  \
    GODOT(array_get, 333, godot_variant, (const godot_array*, int))                              \
    GODOT(array_append, 336, void, (godot_array*, const godot_variant*))                         \
    GODOT(array_size, 356, int, (const godot_array*))                                            \
    GODOT(array_destroy, 361, void, (godot_array*))                                              \
    GODOT(variant_new_nil, 509, void, (godot_variant*))                                          \
    GODOT(variant_new_int, 512, void, (godot_variant*, int64_t))                                 \
    GODOT(variant_new_real, 513, void, (godot_variant*, double))                                 \
    GODOT(variant_new_string, 514, void, (godot_variant*, const godot_string*))                  \
    GODOT(variant_new_array, 529, void, (godot_variant*, const godot_array*))                    \
    GODOT(variant_new_pool_byte_array, 530, void, (godot_variant*, const godot_pool_byte_array*)) \
    GODOT(variant_as_int, 539, int64_t, (const godot_variant*))                                  \
    GODOT(variant_as_real, 540, double, (const godot_variant*))                                  \
    GODOT(variant_as_string, 541, godot_string, (const godot_variant*))                          \
    GODOT(variant_destroy, 570, void, (godot_variant*))                                          \
    GODOT(char_string_get_data, 572, const char*, (const godot_char_string*))                    \
    GODOT(char_string_destroy, 573, void, (godot_char_string*))                                  \
    GODOT(string_utf8, 678, godot_char_string, (const godot_string*))                            \
    GODOT(string_chars_to_utf8, 681, godot_string, (const char*))                                \
    GODOT(string_destroy, 721, void, (godot_string*))

/* Each becomes a struct member, so that `godot.array_new(...)` calls it. */
#define GODOT_MEMBER(name, place, result, arguments) result(*name) arguments;
typedef struct {
    GODOT_FUNCTIONS(GODOT_MEMBER)
} godot_functions;

#endif
