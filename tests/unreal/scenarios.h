// What the test program can do. Arguments are those after the scenario's name.

#pragma once

#include <string>
#include <vector>

#include "game.h"

namespace Scenario
{
	using Words = std::vector<std::string>;

	/** Says what does not hold and makes the program fail. */
	void Expect(bool bHolds, const char* What);

	/** Without a backend: automation tests, input, backend decisions, diagnostics, composite pass, Backend tab, material. */
	void Unit(const Words& Arguments);
	/** ADDRESS FRAMES: plays, presses, turns; prints every frame shown. */
	void Play(const Words& Arguments);
	/** ADDRESS: drives the world with a camera from an anchor, and shows it on a portal. */
	void Camera(const Words& Arguments);
	/** ADDRESS DATASET FRAMES LATENCY: records the player's camera through a GPU that is so many frames late. */
	void Record(const Words& Arguments);
	/** ADDRESS DATASET FRAMES: records a path between walls. */
	void Path(const Words& Arguments);
	/** ADDRESS COUNT: Play and Stop. */
	void Cycles(const Words& Arguments);
	/** ADDRESS COMMAND: starts a backend, plays, stops it. */
	void Backend(const Words& Arguments);
	/** ADDRESS: the three sample actors begin and tick. */
	void Samples(const Words& Arguments);
}
