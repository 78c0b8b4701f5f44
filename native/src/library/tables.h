// Every open handle of the library.
#pragma once

#include "library/handles.h"
#include "playing/client.h"
#include "playing/query.h"
#include "recording/recorder.h"

namespace dreamport::library {

HandleTable<Client>& clients();
HandleTable<Query>& queries();
HandleTable<Recorder>& recorders();

}  // namespace dreamport::library
