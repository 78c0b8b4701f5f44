// What a dp_client* and its like really are: a number that names a slot in a table, never an address. A handle that was
// destroyed, or that a shutdown ended, is recognised and refused instead of crashing the engine.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <vector>

namespace dreamport::library {

template <class Object>
class HandleTable {
  public:
    static constexpr std::uint32_t max_slots = 4095;

    // Number of the new handle, never 0. Throws std::bad_alloc when the table is full.
    std::uint32_t add(std::shared_ptr<Object> object) {
        const std::lock_guard<std::mutex> lock(mutex_);
        std::uint32_t index = 0;
        while (index < slots_.size() && slots_[index].object != nullptr)
            ++index;
        if (index == slots_.size()) {
            if (slots_.size() >= max_slots) throw std::bad_alloc();
            slots_.emplace_back();
        }
        Slot& slot = slots_[index];
        slot.generation = (slot.generation + 1) & 0x7FFFF;
        slot.object = std::move(object);
        return slot.generation << 12 | (index + 1);
    }

    // Null when there is none of that number (any more).
    std::shared_ptr<Object> find(std::uint32_t number) const {
        const std::lock_guard<std::mutex> lock(mutex_);
        const std::uint32_t index = (number & 0xFFF) - 1;
        if (index >= slots_.size() || slots_[index].generation != number >> 12) return nullptr;
        return slots_[index].object;
    }

    // As find, and the handle is invalid from now on.
    std::shared_ptr<Object> take(std::uint32_t number) {
        const std::lock_guard<std::mutex> lock(mutex_);
        const std::uint32_t index = (number & 0xFFF) - 1;
        if (index >= slots_.size() || slots_[index].generation != number >> 12) return nullptr;
        return std::move(slots_[index].object);
    }

    // All objects; every handle is invalid from now on.
    std::vector<std::shared_ptr<Object>> take_all() {
        const std::lock_guard<std::mutex> lock(mutex_);
        std::vector<std::shared_ptr<Object>> all;
        for (Slot& slot : slots_) {
            if (slot.object != nullptr) all.push_back(std::move(slot.object));
        }
        return all;
    }

  private:
    struct Slot {
        std::uint32_t generation = 0;
        std::shared_ptr<Object> object;
    };
    mutable std::mutex mutex_;
    std::vector<Slot> slots_;
};

// A number as the pointer that the C ABI hands out. Eight bytes apart, as real pointers are.
template <class Opaque>
Opaque* to_handle(std::uint32_t number) noexcept {
    return reinterpret_cast<Opaque*>(static_cast<std::uintptr_t>(number) << 3);
}
template <class Opaque>
std::uint32_t to_number(const Opaque* handle) noexcept {
    const auto value = reinterpret_cast<std::uintptr_t>(handle);
    return (value & 7) == 0 && value >> 3 <= 0x7FFFFFFF ? static_cast<std::uint32_t>(value >> 3) : 0;
}

}  // namespace dreamport::library
