#include "net/grpc_call.h"

#include <algorithm>
#include <string>

namespace dreamport::net {

std::uint64_t GrpcCall::send(Bytes head, const Bytes* bodies, std::size_t body_count) noexcept try {
    if (over || finishing_) return 0;
    std::uint64_t size = head.size;
    for (std::size_t i = 0; i < body_count; ++i)
        size += bodies[i].size;
    if (size > UINT32_MAX) return 0;

    queue_.reserve(queue_.size() + 1);
    spare_.reserve(queue_.size() + spare_.size() + 1);  // so that a message can always be put aside again
    std::unique_ptr<Outgoing> message;
    if (spare_.empty()) {
        message = std::make_unique<Outgoing>();
    } else {
        message = std::move(spare_.back());
        spare_.pop_back();
    }
    const auto byte = [size](int shift) { return static_cast<std::uint8_t>(size >> shift); };
    message->head.assign({0, byte(24), byte(16), byte(8), byte(0)});
    if (head.size > 0) message->head.insert(message->head.end(), head.data, head.data + head.size);
    message->bodies.clear();
    for (std::size_t i = 0; i < body_count; ++i)
        if (bodies[i].size > 0) message->bodies.push_back(bodies[i]);
    queued_ += 5 + size;
    message->end = queued_;
    message->ticket = ++tickets_;
    queue_.push_back(std::move(message));
    if (idle) session_->resume(this);
    return tickets_;
} catch (...) {  // no memory
    return 0;
}

void GrpcCall::finish() noexcept {
    if (over || finishing_) return;
    finishing_ = true;
    if (idle) session_->resume(this);
}

void GrpcCall::cancel() noexcept {
    GrpcStatus cancelled;
    cancelled.code = grpc_code::cancelled;
    session_->conclude(this, std::move(cancelled));
}

void GrpcCall::frame(std::size_t size, OutputQueue* output) {
    while (size > 0) {
        const Outgoing& message = *queue_[next_];
        const Bytes part = message.part(next_part_);
        const std::size_t count = std::min(size, part.size - next_offset_);
        output->lend({part.data + next_offset_, count}, this);
        framed_ += count;
        size -= count;
        next_offset_ += count;
        if (next_offset_ < part.size) continue;
        next_offset_ = 0;
        if (++next_part_ <= message.bodies.size()) continue;
        next_part_ = 0;
        ++next_;
    }
}

void GrpcCall::left(std::size_t bytes) noexcept {
    left_ += bytes;
    while (!queue_.empty() && queue_.front()->end <= left_) {
        const std::uint64_t ticket = queue_.front()->ticket;
        spare_.push_back(std::move(queue_.front()));
        queue_.erase(queue_.begin());
        --next_;
        handler_->on_sent(ticket);
    }
}

void GrpcCall::arrived(const std::uint8_t* data, std::size_t size) noexcept {
    GrpcStatus failure;
    switch (reader_.feed(data, size, handler_, &over)) {
        case GrpcMessageReader::Result::good:
            return;
        case GrpcMessageReader::Result::compressed:
            failure.code = grpc_code::internal;
            failure.message = "the server sent a compressed message, which was not agreed";
            break;
        case GrpcMessageReader::Result::too_large:
            failure.code = grpc_code::resource_exhausted;
            failure.message =
                "the server sent a message of " + std::to_string(reader_.message_size()) + " bytes, which is too large";
            break;
        case GrpcMessageReader::Result::refused:
            failure.code = grpc_code::resource_exhausted;
            failure.message = "there is no room for a message of " + std::to_string(reader_.message_size()) + " bytes";
            break;
    }
    session_->conclude(this, std::move(failure));
}

}  // namespace dreamport::net
