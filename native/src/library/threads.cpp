#include "library/threads.h"

#include <chrono>
#include <condition_variable>
#include <list>
#include <mutex>
#include <thread>

#include "clock.h"

namespace dreamport::library {
namespace {

struct Entry {
    std::thread thread;
    bool ended = false;
};

struct Threads {
    std::mutex mutex;
    std::condition_variable one_ended;
    std::list<Entry> entries;
};

// Never freed: threads may outlive every static object when a process ends without dp_shutdown.
Threads& threads() {
    static auto* const all = new Threads;
    return *all;
}

// Takes the threads that have ended out of the list. Called with the lock held; join what it gives without it.
std::list<Entry> take_ended(Threads& all) {
    std::list<Entry> ended;
    for (auto at = all.entries.begin(); at != all.entries.end();) {
        const auto here = at++;
        if (here->ended) ended.splice(ended.end(), all.entries, here);
    }
    return ended;
}

void join(std::list<Entry>& ended) {
    for (Entry& entry : ended)
        entry.thread.join();
}

}  // namespace

void launch(std::function<void()> work) {
    Threads& all = threads();
    std::list<Entry> ended;
    {
        const std::lock_guard<std::mutex> lock(all.mutex);
        ended = take_ended(all);
        all.entries.emplace_back();
        const auto entry = std::prev(all.entries.end());
        try {
            entry->thread = std::thread([&all, entry, work = std::move(work)]() mutable {
                work();
                work = nullptr;  // what it owns goes before the thread counts as ended
                const std::lock_guard<std::mutex> lock_again(all.mutex);
                entry->ended = true;
                all.one_ended.notify_all();
            });
        } catch (...) {
            all.entries.erase(entry);
            throw;
        }
    }
    join(ended);
}

bool join_all(std::int64_t deadline_ns) {
    Threads& all = threads();
    while (true) {
        std::list<Entry> ended;
        bool last = false;
        {
            std::unique_lock<std::mutex> lock(all.mutex);
            ended = take_ended(all);
            if (ended.empty()) {
                if (all.entries.empty()) return true;
                const std::int64_t left = deadline_ns - now_ns();
                if (left <= 0) return false;
                all.one_ended.wait_for(lock, std::chrono::nanoseconds(left));
                ended = take_ended(all);
            }
            last = all.entries.empty();
        }
        join(ended);
        if (last) return true;
    }
}

}  // namespace dreamport::library
