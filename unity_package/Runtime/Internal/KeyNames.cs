#nullable enable
using System;
using System.Collections.Generic;

namespace Dreamport.Internal
{
    /// <summary>Turns a world's suggested keys (KeyboardEvent.code of the W3C) into names of the Input System's Key enumeration.</summary>
    public static class KeyNames
    {
        static readonly Dictionary<string, string> Special = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["ArrowUp"] = "UpArrow",
            ["ArrowDown"] = "DownArrow",
            ["ArrowLeft"] = "LeftArrow",
            ["ArrowRight"] = "RightArrow",
            ["ShiftLeft"] = "LeftShift",
            ["ShiftRight"] = "RightShift",
            ["ControlLeft"] = "LeftCtrl",
            ["ControlRight"] = "RightCtrl",
            ["AltLeft"] = "LeftAlt",
            ["AltRight"] = "RightAlt",
            ["MetaLeft"] = "LeftMeta",
            ["MetaRight"] = "RightMeta",
            ["BracketLeft"] = "LeftBracket",
            ["BracketRight"] = "RightBracket",
            ["Equal"] = "Equals",
            ["NumpadAdd"] = "NumpadPlus",
            ["NumpadSubtract"] = "NumpadMinus",
            ["NumpadMultiply"] = "NumpadMultiply",
            ["NumpadDecimal"] = "NumpadPeriod",
        };

        static readonly HashSet<string> Same = new HashSet<string>(StringComparer.Ordinal)
        {
            "Space", "Enter", "Tab", "Escape", "Backspace", "Delete", "Insert", "Home", "End", "PageUp", "PageDown", "Comma", "Period",
            "Slash", "Backslash", "Semicolon", "Quote", "Backquote", "Minus", "CapsLock", "NumpadEnter", "NumpadDivide",
        };

        /// <summary>"KeyW" becomes "W", "ArrowUp" "UpArrow"; null when the Input System has no such key.</summary>
        public static string? FromCode(string code)
        {
            if (code.Length == 4 && code.StartsWith("Key", StringComparison.Ordinal) && code[3] >= 'A' && code[3] <= 'Z')
                return code.Substring(3);
            if (code.Length == 6 && code.StartsWith("Digit", StringComparison.Ordinal) && char.IsDigit(code[5]))
                return code;
            if (code.Length == 7 && code.StartsWith("Numpad", StringComparison.Ordinal) && char.IsDigit(code[6]))
                return code;
            if (code.Length >= 2 && code[0] == 'F' && int.TryParse(code.Substring(1), out var number) && number >= 1 && number <= 12)
                return code;
            if (Special.TryGetValue(code, out var name))
                return name;
            return Same.Contains(code) ? code : null;
        }
    }
}
