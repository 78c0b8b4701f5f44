// core.h, "worlds".
#include "library/guard.h"
#include "library/tables.h"
#include "link/address.h"
#include "text.h"

using dreamport::library::guarded;
using dreamport::library::to_number;
namespace library = dreamport::library;

int32_t DP_CALL dp_query_create(const dp_endpoint* endpoint, dp_query** out) {
    return guarded([&]() -> std::int32_t {
        if (endpoint == nullptr || out == nullptr) return DP_ERROR_ARGUMENT;
        *out = nullptr;
        dreamport::LinkOptions link;
        if (const std::int32_t status = dreamport::make_endpoint(*endpoint, link.endpoint); status != DP_OK)
            return status;
        link.service = dreamport::Service::catalogue;
        link.address = dreamport::text_of(endpoint->address);
        link.try_again = false;
        const auto query = std::make_shared<dreamport::Query>(std::move(link));
        const std::uint32_t number = library::queries().add(query);
        try {
            query->start();
        } catch (...) {
            library::queries().take(number);
            throw;
        }
        *out = library::to_handle<dp_query>(number);
        return DP_OK;
    });
}

int32_t DP_CALL dp_query_poll(dp_query* handle, dp_connection_status* status) {
    return guarded([&]() -> std::int32_t {
        const auto query = library::queries().find(to_number(handle));
        if (query == nullptr) return DP_ERROR_ARGUMENT;
        if (status != nullptr) *status = query->status();
        return query->poll();
    });
}

uint32_t DP_CALL dp_query_world_count(dp_query* handle) {
    std::uint32_t count = 0;
    guarded([&]() -> std::int32_t {
        if (const auto query = library::queries().find(to_number(handle))) count = query->world_count();
        return DP_OK;
    });
    return count;
}

int32_t DP_CALL dp_query_world(dp_query* handle, uint32_t index, dp_world* out) {
    return guarded([&]() -> std::int32_t {
        const auto query = library::queries().find(to_number(handle));
        if (query == nullptr || out == nullptr) return DP_ERROR_ARGUMENT;
        return query->world(index, *out);
    });
}

void DP_CALL dp_query_destroy(dp_query* handle) {
    guarded([&]() -> std::int32_t {
        if (const auto query = library::queries().take(to_number(handle))) query->end(0);
        return DP_OK;
    });
}
