// The kinds of camera path. Each function adds one piece of its kind to what the walker has walked, and ends early when
// the walker is full. Every piece writes at least one frame.
#pragma once

#include "pure/path_walker.h"

namespace dreamport::pure {

struct Trip {
    const dp_path_options& options;
    Walker& walker;
    Random& random;
};

// Four sides with quarter turns between them; a side that a wall cuts short makes its opposite short too.
void walk_rectangle(Trip trip) noexcept;
// Stands for a moment, then turns by 360 degrees, faster and slower on the way.
void turn_around(Trip trip) noexcept;
// `count` random points on a smooth curve, looking where it goes, and now and then back.
void walk_waypoints(Trip trip, int count) noexcept;
// Circles a landmark, looking at it, through `arc_deg` of its circle (both ways count).
void orbit(Trip trip, Plan landmark, double arc_deg) noexcept;
// Turns to the options' landmark, or another place near by, and goes some way around it.
void visit_landmark(Trip trip) noexcept;
// All of them in an order that the seed shuffles.
void mix(Trip trip) noexcept;

}  // namespace dreamport::pure
