// What is to be written to the socket, in order: copied bytes (frame headers and the like) and lent bytes (message
// bodies), which are never copied on their way.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "net/grpc_connection.h"

namespace dreamport::net {

// Hears how much of what it put into the queue has left. It may not touch the queue from there.
class Lender {
  public:
    virtual void left(std::size_t bytes) noexcept = 0;

  protected:
    ~Lender() = default;
};

class OutputQueue {
  public:
    // Throws std::bad_alloc; then the queue is as it was.
    void copy(const std::uint8_t* data, std::size_t size);
    void lend(Bytes bytes, Lender* lender);
    // Room for `segments` more calls of lend and `bytes` of copy, so that these do not fail half-way.
    void reserve(std::size_t segments, std::size_t bytes);

    // The lender goes: what it lent and has not left is copied, and it hears nothing more.
    void forget(Lender* lender);

    std::size_t size() const noexcept { return size_; }
    // The next bytes to write, at most `capacity` parts; returns how many parts.
    std::size_t next(Bytes* parts, std::size_t capacity) const noexcept;
    // The first `bytes` of these have left.
    void pop(std::size_t bytes) noexcept;

  private:
    struct Segment {
        const std::uint8_t* lent;  // null: in copied_, at `offset`
        std::size_t offset;
        std::size_t size;
        Lender* lender;
        std::unique_ptr<std::uint8_t[]> owned;  // what a lender that went had lent
    };

    Bytes bytes_of(const Segment& segment) const noexcept;

    std::vector<Segment> segments_;
    std::size_t first_ = 0;  // segments before it have left
    std::vector<std::uint8_t> copied_;
    std::size_t size_ = 0;
};

}  // namespace dreamport::net
