#include "Input.h"

#include <cstring>

namespace Dreamport::Core
{
	namespace
	{
		struct NamedKey
		{
			const char* Code;
			const char* Key;
		};

		// Left: UI Events KeyboardEvent code values. Right: names of EKeys (InputCoreTypes.h).
		constexpr NamedKey Keys[] = {
			{"ArrowUp", "Up"}, {"ArrowDown", "Down"}, {"ArrowLeft", "Left"}, {"ArrowRight", "Right"},
			{"Space", "SpaceBar"}, {"Enter", "Enter"}, {"Tab", "Tab"}, {"Escape", "Escape"}, {"Backspace", "BackSpace"},
			{"ShiftLeft", "LeftShift"}, {"ShiftRight", "RightShift"}, {"ControlLeft", "LeftControl"}, {"ControlRight", "RightControl"},
			{"AltLeft", "LeftAlt"}, {"AltRight", "RightAlt"}, {"MetaLeft", "LeftCommand"}, {"MetaRight", "RightCommand"},
			{"CapsLock", "CapsLock"}, {"PageUp", "PageUp"}, {"PageDown", "PageDown"}, {"Home", "Home"}, {"End", "End"},
			{"Insert", "Insert"}, {"Delete", "Delete"}, {"Minus", "Hyphen"}, {"Equal", "Equals"}, {"BracketLeft", "LeftBracket"},
			{"BracketRight", "RightBracket"}, {"Semicolon", "Semicolon"}, {"Quote", "Apostrophe"}, {"Comma", "Comma"}, {"Period", "Period"},
			{"Slash", "Slash"}, {"Backslash", "Backslash"}, {"Backquote", "Tilde"},
			{"Digit0", "Zero"}, {"Digit1", "One"}, {"Digit2", "Two"}, {"Digit3", "Three"}, {"Digit4", "Four"},
			{"Digit5", "Five"}, {"Digit6", "Six"}, {"Digit7", "Seven"}, {"Digit8", "Eight"}, {"Digit9", "Nine"},
			{"Numpad0", "NumPadZero"}, {"Numpad1", "NumPadOne"}, {"Numpad2", "NumPadTwo"}, {"Numpad3", "NumPadThree"},
			{"Numpad4", "NumPadFour"}, {"Numpad5", "NumPadFive"}, {"Numpad6", "NumPadSix"}, {"Numpad7", "NumPadSeven"},
			{"Numpad8", "NumPadEight"}, {"Numpad9", "NumPadNine"},
			{"F1", "F1"}, {"F2", "F2"}, {"F3", "F3"}, {"F4", "F4"}, {"F5", "F5"}, {"F6", "F6"},
			{"F7", "F7"}, {"F8", "F8"}, {"F9", "F9"}, {"F10", "F10"}, {"F11", "F11"}, {"F12", "F12"},
			{"KeyA", "A"}, {"KeyB", "B"}, {"KeyC", "C"}, {"KeyD", "D"}, {"KeyE", "E"}, {"KeyF", "F"}, {"KeyG", "G"},
			{"KeyH", "H"}, {"KeyI", "I"}, {"KeyJ", "J"}, {"KeyK", "K"}, {"KeyL", "L"}, {"KeyM", "M"}, {"KeyN", "N"},
			{"KeyO", "O"}, {"KeyP", "P"}, {"KeyQ", "Q"}, {"KeyR", "R"}, {"KeyS", "S"}, {"KeyT", "T"}, {"KeyU", "U"},
			{"KeyV", "V"}, {"KeyW", "W"}, {"KeyX", "X"}, {"KeyY", "Y"}, {"KeyZ", "Z"},
		};

		char Lower(char Character)
		{
			return Character >= 'A' && Character <= 'Z' ? static_cast<char>(Character - 'A' + 'a') : Character;
		}

		bool SameName(const char* A, const char* B)
		{
			for (; *A != 0 && Lower(*A) == Lower(*B); ++A, ++B)
			{
			}
			return Lower(*A) == Lower(*B);
		}

		uint32_t BitOf(int32_t Bit)
		{
			return Bit >= 0 && Bit < DP_MAX_BUTTONS ? 1u << Bit : 0u;
		}
	}

	int32_t FindButton(const dp_world& World, const char* Name)
	{
		for (uint32_t Index = 0; Index < World.button_count && Index < DP_MAX_BUTTONS; ++Index)
		{
			if (SameName(World.buttons[Index].name, Name))
			{
				return static_cast<int32_t>(Index);
			}
		}
		return -1;
	}

	const char* KeyName(const char* Code)
	{
		for (const NamedKey& Named : Keys)
		{
			if (std::strcmp(Named.Code, Code) == 0)
			{
				return Named.Key;
			}
		}
		return nullptr;
	}

	void InputSamples::SetButton(int32_t Bit, bool bHeld)
	{
		const uint32_t Mask = BitOf(Bit);
		if (bHeld)
		{
			Pressed |= Mask & ~Held;
			Held |= Mask;
		}
		else
		{
			Held &= ~Mask;
		}
	}

	void InputSamples::Press(int32_t Bit)
	{
		Pressed |= BitOf(Bit);
	}

	void InputSamples::AddLook(float InYawDeg, float InPitchDeg)
	{
		YawDeg += InYawDeg;
		PitchDeg += InPitchDeg;
	}

	void InputSamples::Clear()
	{
		Held = 0;
		Pressed = 0;
		YawDeg = 0.0f;
		PitchDeg = 0.0f;
	}

	void InputSamples::Take(dp_control& Out)
	{
		Out.buttons = Held;
		Out.pressed = Pressed;
		Out.look_yaw_deg = YawDeg;
		Out.look_pitch_deg = PitchDeg;
		LastHeld = Held;
		Pressed = 0;
		YawDeg = 0.0f;
		PitchDeg = 0.0f;
	}

	void InputSamples::GiveBack(const dp_control& Control)
	{
		Pressed |= Control.pressed;
		YawDeg += Control.look_yaw_deg;
		PitchDeg += Control.look_pitch_deg;
		LastHeld = ~Held;
	}
}
