// Memory that libjpeg asks for with every picture, kept from one picture to the next: after the first, decoding and
// encoding allocate nothing.
#pragma once

#include <cstddef>
#include <cstdio>  // jpeglib.h needs FILE and size_t

#include <jpeglib.h>

#include <memory>

namespace dreamport::jpeg {

// Puts itself in front of libjpeg's memory manager for everything that lives as long as one picture.
class Arena {
  public:
    void attach(jpeg_common_struct* codec) noexcept;

  private:
    static void* allocate(jpeg_common_struct* codec, int pool, std::size_t size);
    static JSAMPARRAY allocate_rows(jpeg_common_struct* codec, int pool, JDIMENSION width, JDIMENSION rows);
    static JBLOCKARRAY allocate_blocks(jpeg_common_struct* codec, int pool, JDIMENSION width, JDIMENSION rows);
    static void free_pool(jpeg_common_struct* codec, int pool);

    // Null when the block is used up; what is asked for beyond it makes the next block larger.
    void* take(std::size_t size) noexcept;
    void reset() noexcept;

    jpeg_memory_mgr original_{};
    std::unique_ptr<unsigned char[]> block_;
    std::size_t capacity_ = 0;
    std::size_t used_ = 0;
    std::size_t wanted_ = 0;
};

}  // namespace dreamport::jpeg
