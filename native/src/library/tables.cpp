#include "library/tables.h"

namespace dreamport::library {

// Never freed: an engine may call until the process is gone.
HandleTable<Client>& clients() {
    static auto* const table = new HandleTable<Client>;
    return *table;
}

HandleTable<Query>& queries() {
    static auto* const table = new HandleTable<Query>;
    return *table;
}

HandleTable<Recorder>& recorders() {
    static auto* const table = new HandleTable<Recorder>;
    return *table;
}

}  // namespace dreamport::library
