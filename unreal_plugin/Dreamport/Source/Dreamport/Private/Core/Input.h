// From an engine's input to a world's: names to bits, and what was pressed and turned between two samples.

#pragma once

#include <cstdint>

#include "Native.h"

namespace Dreamport::Core
{
	/**
	 * Bit of the button of that name, -1 when the world has none. Case does not count: an FName comes back in the case in which the process
	 * first met it.
	 */
	int32_t FindButton(const dp_world& World, const char* Name);

	/**
	 * Unreal's key name (FKey, "SpaceBar") for a KeyboardEvent.code ("Space"), as worlds suggest them. Null when there is no such key.
	 * The string lives for ever.
	 */
	const char* KeyName(const char* Code);

	/**
	 * What happened since the last sample. Held buttons: the latest wins. Presses and turns: added up and taken exactly once, even if a
	 * button is up again before the sample is taken. For one thread.
	 */
	class InputSamples
	{
	public:
		/** Bit 0 to 31; anything else is ignored. */
		void SetButton(int32_t Bit, bool bHeld);
		/** Down and up again. */
		void Press(int32_t Bit);
		/** Degrees to the right and down. */
		void AddLook(float YawDeg, float PitchDeg);
		/** All buttons up; what was pressed and turned is dropped. */
		void Clear();

		/** Moves the sample into a control; presses and turns are then no longer here. */
		void Take(dp_control& Out);
		/** The control could not be handed over: its presses and turns are due again. */
		void GiveBack(const dp_control& Control);
		/** Whether something must be sent: presses, turns, or other buttons held than at the last Take. */
		bool HasNews() const { return Pressed != 0 || YawDeg != 0.0f || PitchDeg != 0.0f || Held != LastHeld; }
		uint32_t HeldButtons() const { return Held; }

	private:
		uint32_t Held = 0;
		uint32_t LastHeld = 0;
		uint32_t Pressed = 0;
		float YawDeg = 0.0f;
		float PitchDeg = 0.0f;
	};
}
